import Foundation

/// The noise of a Schrödinger bridge between a target picture `x0` and a source picture `x1`.
///
/// With symmetric diffusion `β` the state at step `n` is Gaussian around `μ0[n] x0 + μ1[n] x1` with deviation
/// `σ[n]`; step 0 is almost the target, the last step almost the source. All numbers are formed in double
/// precision.
///
/// Reference: Liu et al. 2023, "I²SB: Image-to-Image Schrödinger Bridge", ICML, equations 8 to 11.
public struct BridgeSchedule: Sendable, Equatable, Codable {
  /// What a schedule is made from; the arrays follow.
  public struct Options: Sendable, Equatable, Codable {
    /// The largest diffusion, reached in the middle; more gives the network more freedom.
    public var betaMax: Double
    /// Steps of the bridge.
    public var stepCount: Int
    /// Whether the bridge carries no noise: optimal transport, deterministic.
    public var isDeterministic: Bool

    /// The published defaults: 0.3, 1000 steps, stochastic.
    public init(betaMax: Double = 0.3, stepCount: Int = 1000, isDeterministic: Bool = false) {
      self.betaMax = betaMax
      self.stepCount = stepCount
      self.isDeterministic = isDeterministic
    }

    /// Whether a schedule can be made: `betaMax` in (0, 100], an even count from 2 to 100,000.
    public var isValid: Bool {
      betaMax > 0 && betaMax <= 100 && stepCount >= 2 && stepCount <= 100_000
        && stepCount.isMultiple(of: 2)
    }

    private enum CodingKeys: String, CodingKey {
      case betaMax = "beta_max"
      case stepCount = "interval"
      case isDeterministic = "ot_ode"
    }
  }

  /// What it was made from.
  public let options: Options
  /// `[n]`: diffusion of the step.
  public let betas: [Double]
  /// `[n]`: deviation gathered from the target's side, up to and with step n.
  public let forwardDeviations: [Double]
  /// `[n]`: deviation gathered from the source's side.
  public let backwardDeviations: [Double]
  /// `[n]`: the target's share of the mean.
  public let targetShares: [Double]
  /// `[n]`: the source's share of the mean.
  public let sourceShares: [Double]
  /// `[n]`: deviation of the state, also where `isDeterministic` leaves it out.
  public let deviations: [Double]

  private static let firstBeta = 1e-4
  /// The network's time runs from here to 1, times the number of steps.
  private static let firstTime = 1e-4

  /// Makes a schedule.
  ///
  /// - Precondition: The options are valid.
  public init(_ options: Options = Options()) {
    precondition(options.isValid, "a bridge of \(options)")
    self.options = options
    let count = options.stepCount
    let first = Self.firstBeta.squareRoot()
    let last = (options.betaMax / Double(count)).squareRoot()
    let rising = (0..<count / 2).map { step in
      let root = first + Double(step) * (last - first) / Double(count - 1)
      return root * root
    }
    betas = rising + rising.reversed()
    var sum = 0.0
    let forward = betas.map { beta in
      sum += beta
      return sum
    }
    sum = 0
    let backward = Array(
      betas.reversed().map { beta in
        sum += beta
        return sum
      }.reversed())
    forwardDeviations = forward.map { $0.squareRoot() }
    backwardDeviations = backward.map { $0.squareRoot() }
    targetShares = zip(forward, backward).map { $1 / ($0 + $1) }
    sourceShares = zip(forward, backward).map { $0 / ($0 + $1) }
    deviations = zip(forward, backward).map { ($0 * $1 / ($0 + $1)).squareRoot() }
  }

  /// How many steps the bridge has.
  public var count: Int { betas.count }

  /// What the network is told about the step: 0.1 … 1000 for 1000 steps.
  public func time(_ step: Int) -> Float {
    let share = Double(step) / Double(count - 1)
    return Float((Self.firstTime + (1 - Self.firstTime) * share) * Double(count))
  }

  /// The steps that a sampler with so many evaluations visits, ascending, from 0 to the last.
  ///
  /// Evenly spaced, rounded half to even as the published code does.
  ///
  /// - Parameter evaluations: How often the network is asked; at least 1, at most `count − 1`.
  /// - Returns: `evaluations + 1` steps.
  public func sampledSteps(evaluations: Int) -> [Int] {
    precondition(evaluations >= 1 && evaluations < count, "\(evaluations) steps of \(count)")
    let stride = Double(count - 1) / Double(evaluations)
    var place = 0.0
    return (0...evaluations).map { _ in
      defer { place += stride }
      return Int(place.rounded(.toNearestOrEven))
    }
  }

  /// The distribution of an earlier state given a later one and an estimate of the target.
  ///
  /// - Parameters:
  ///   - later: The step of the state at hand.
  ///   - earlier: A step before it.
  /// - Returns: What the estimate and the state count, and the deviation.
  public func posterior(
    from later: Int, to earlier: Int
  ) -> (target: Double, state: Double, deviation: Double) {
    precondition(earlier < later, "from step \(later) to \(earlier)")
    let whole = forwardDeviations[later] * forwardDeviations[later]
    let rest = forwardDeviations[earlier] * forwardDeviations[earlier]
    let gap = whole - rest
    return (gap / whole, rest / whole, (rest * gap / whole).squareRoot())
  }

  /// Reads the options; the arrays are made anew.
  public init(from decoder: any Decoder) throws {
    let options = try Options(from: decoder)
    guard options.isValid else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: decoder.codingPath,
          debugDescription: "a bridge needs beta_max in (0, 100] and an even interval of at least 2"
        ))
    }
    self.init(options)
  }

  /// Writes the options.
  public func encode(to encoder: any Encoder) throws { try options.encode(to: encoder) }
}
