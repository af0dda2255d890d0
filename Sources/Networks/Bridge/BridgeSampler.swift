/// Walks a Schrödinger bridge from the source picture to the target in a few steps.
///
/// Every move is `x ← a x̂0 + b x + c x1 + s ε` with the network's estimate `x̂0 = x − σ[n] net(x, n)`; the kinds
/// differ in the four numbers only, so a caller may average estimates or states of overlapping tiles between
/// any two moves.
public struct BridgeSampler: Sendable, Equatable {
  /// How the bridge is walked.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// The posterior of the bridge, with fresh noise at every move but the last.
    case ddpm
    /// The posterior's mean: for networks trained on a bridge without noise.
    case otODE = "ot-ode"
    /// Deterministic after its first move, non-Markovian: the state keeps its own noise and the source is used
    /// at every move. Best with few steps. Reference: Zhou et al. 2024, arXiv 2403.06069, with no added noise.
    case direct
  }

  /// One move from a step to an earlier one.
  public struct Move: Sendable, Equatable {
    /// The step of the state at hand.
    public let from: Int
    /// The step that is reached.
    public let to: Int
    /// What the network is told: ``BridgeSchedule/time(_:)`` of `from`.
    public let time: Float
    /// `σ[n]`: the network's output times this is the difference of state and target.
    public let scale: Float
    /// What the estimate of the target counts.
    public let target: Float
    /// What the state counts.
    public let state: Float
    /// What the source counts.
    public let source: Float
    /// What the noise counts; 0 where none is needed.
    public let noise: Float
  }

  /// The bridge.
  public let schedule: BridgeSchedule
  /// How it is walked.
  public let kind: Kind
  /// The moves in order, one evaluation of the network each.
  public let moves: [Move]

  /// Plans a walk.
  ///
  /// - Parameters:
  ///   - schedule: The bridge that the network was trained on.
  ///   - evaluations: How often the network is asked: 1 to `schedule.count − 1`.
  ///   - kind: How.
  public init(schedule: BridgeSchedule, evaluations: Int, kind: Kind) {
    self.schedule = schedule
    self.kind = kind
    let steps = schedule.sampledSteps(evaluations: evaluations)
    moves = zip(steps.dropFirst(), steps).reversed().map { later, earlier in
      Self.move(
        schedule, kind, from: later, to: earlier, isFirst: later == schedule.count - 1)
    }
  }

  private static func move(
    _ schedule: BridgeSchedule, _ kind: Kind, from later: Int, to earlier: Int, isFirst: Bool
  ) -> Move {
    let posterior = schedule.posterior(from: later, to: earlier)
    let isNoisy = earlier > 0 && kind != .otODE && !schedule.options.isDeterministic
    var numbers = (
      target: posterior.target, state: posterior.state, source: 0.0,
      noise: isNoisy ? posterior.deviation : 0
    )
    // Near the source the state's own noise is too small to be scaled up: the posterior makes the first move.
    if kind == .direct, !isFirst {
      let kept = schedule.deviations[earlier] / schedule.deviations[later]
      numbers = (
        schedule.targetShares[earlier] - kept * schedule.targetShares[later], kept,
        schedule.sourceShares[earlier] - kept * schedule.sourceShares[later], 0
      )
    }
    return Move(
      from: later, to: earlier, time: schedule.time(later),
      scale: Float(schedule.forwardDeviations[later]), target: Float(numbers.target),
      state: Float(numbers.state), source: Float(numbers.source), noise: Float(numbers.noise))
  }

  /// The estimate of the target: `x − σ[n] net(x, n)`, clamped to [−1, 1].
  ///
  /// - Parameters:
  ///   - state: The state, any shape.
  ///   - prediction: The network's output for it, as many numbers.
  ///   - move: The move about to be made.
  ///   - count: How many numbers each holds.
  ///   - estimate: Filled; may be `prediction` itself.
  public static func estimate(
    state: UnsafePointer<Float>, prediction: UnsafePointer<Float>, move: Move, count: Int,
    into estimate: UnsafeMutablePointer<Float>
  ) {
    let scale = move.scale
    for index in 0..<count {
      estimate[index] = min(max(state[index] - scale * prediction[index], -1), 1)
    }
  }

  /// Makes a move.
  ///
  /// - Parameters:
  ///   - state: The state; replaced.
  ///   - estimate: The estimate of the target.
  ///   - source: The source picture.
  ///   - noise: Standard normal numbers; nil where the move needs none.
  ///   - move: The move.
  ///   - count: How many numbers each holds.
  public static func advance(
    state: UnsafeMutablePointer<Float>, estimate: UnsafePointer<Float>,
    source: UnsafePointer<Float>, noise: UnsafePointer<Float>?, move: Move, count: Int
  ) {
    let (target, own, other) = (move.target, move.state, move.source)
    for index in 0..<count {
      state[index] = target * estimate[index] + own * state[index] + other * source[index]
    }
    guard let noise, move.noise > 0 else { return }
    let height = move.noise
    for index in 0..<count { state[index] += height * noise[index] }
  }
}
