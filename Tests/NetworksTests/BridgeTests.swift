import Foundation
import Networks
import Testing

@Suite("The Schrödinger bridge")
struct BridgeTests {
  private let schedule = BridgeSchedule()

  /// Values computed from the definition in double precision by another program.
  @Test(
    "the schedule has its known values",
    arguments: [
      Anchor(0.3, 0, [1e-4, 0.01, 0.375535951, 0.99929142, 7.08580373e-4, 0.00999645647]),
      Anchor(
        0.3, 1, [1.0014661e-4, 0.0141473181, 0.375402785, 0.998581802, 0.00141819813, 0.0141372827]),
      Anchor(
        0.3, 100, [1.15192644e-4, 0.10420307, 0.360948976, 0.923068642, 0.0769313582, 0.100114623]),
      Anchor(
        0.3, 499, [1.86502454e-4, 0.265544018, 0.265894956, 0.500660355, 0.499339645, 0.187891928]),
      Anchor(
        0.3, 750, [1.39821902e-4, 0.333657756, 0.172741353, 0.211377726, 0.788622274, 0.153401934]),
      Anchor(0.3, 999, [1e-4, 0.375535951, 0.01, 7.08580373e-4, 0.99929142, 0.00999645647]),
      Anchor(
        1, 250, [2.37502165e-4, 0.202821445, 0.453904904, 0.833567298, 0.166432702, 0.185175791]),
    ])
  func values(anchor: Anchor) {
    let schedule = BridgeSchedule(BridgeSchedule.Options(betaMax: anchor.betaMax))
    let found = [
      schedule.betas, schedule.forwardDeviations, schedule.backwardDeviations,
      schedule.targetShares, schedule.sourceShares, schedule.deviations,
    ].map { $0[anchor.step] }
    for (value, expected) in zip(found, anchor.values) {
      // The anchors have nine digits.
      #expect(abs(value - expected) < 1e-8 * abs(expected))
    }
  }

  struct Anchor: Sendable {
    let betaMax: Double
    let step: Int
    let values: [Double]
    init(_ betaMax: Double, _ step: Int, _ values: [Double]) {
      (self.betaMax, self.step, self.values) = (betaMax, step, values)
    }
  }

  @Test("the network's time and the visited steps are the published ones")
  func steps() {
    #expect(abs(schedule.time(0) - 0.1) < 1e-6 && abs(schedule.time(1) - 1.1009009) < 1e-6)
    #expect(abs(schedule.time(500) - 500.5504505) < 1e-4 && schedule.time(999) == 1000)
    #expect(schedule.sampledSteps(evaluations: 1) == [0, 999])
    #expect(schedule.sampledSteps(evaluations: 2) == [0, 500, 999])
    #expect(schedule.sampledSteps(evaluations: 4) == [0, 250, 500, 749, 999])
    #expect(
      schedule.sampledSteps(evaluations: 10)
        == [0, 100, 200, 300, 400, 500, 599, 699, 799, 899, 999])
    let many = schedule.sampledSteps(evaluations: 62)
    #expect(Array(many.prefix(8)) == [0, 16, 32, 48, 64, 81, 97, 113])
    #expect(Array(many.suffix(3)) == [967, 983, 999])
    #expect(schedule.sampledSteps(evaluations: 999) == Array(0...999))
  }

  @Test("the posterior has its known values")
  func posterior() {
    let wide = schedule.posterior(from: 999, to: 500)
    #expect(abs(wide.target - 0.498677543) < 1e-9 && abs(wide.state - 0.501322457) < 1e-9)
    #expect(abs(wide.deviation - 0.187767319) < 1e-9)
    let last = schedule.posterior(from: 500, to: 0)
    #expect(abs(last.target - 0.998585575) < 1e-9 && abs(last.deviation - 0.00999293) < 1e-8)
    let first = schedule.posterior(from: 999, to: 899)
    #expect(abs(first.target - 0.0761773853) < 1e-10 && abs(first.state - 0.923822615) < 1e-9)
  }

  @Test("a schedule is written as its options, and impossible ones are refused")
  func coding() throws {
    let odd = BridgeSchedule(
      BridgeSchedule.Options(betaMax: 1, stepCount: 200, isDeterministic: true))
    let data = try JSONEncoder().encode(odd)
    #expect(try JSONDecoder().decode(BridgeSchedule.self, from: data) == odd)
    for text in [
      #"{"beta_max": 0, "interval": 1000, "ot_ode": false}"#,
      #"{"beta_max": 0.3, "interval": 999, "ot_ode": false}"#,
      #"{"beta_max": 0.3, "interval": 2000000, "ot_ode": false}"#,
    ] {
      #expect(throws: DecodingError.self) {
        _ = try JSONDecoder().decode(BridgeSchedule.self, from: Data(text.utf8))
      }
    }
  }

  /// A network that knows the truth leads to it, by every road and with any number of steps.
  @Test(
    "with a perfect network every sampler ends at the target",
    arguments: BridgeSampler.Kind.allCases, [1, 2, 10, 62])
  func perfect(kind: BridgeSampler.Kind, evaluations: Int) {
    let sampler = BridgeSampler(schedule: schedule, evaluations: evaluations, kind: kind)
    #expect(sampler.moves.count == evaluations)
    let (target, source) = (Float(0.4), Float(-0.6))
    var state = [source]
    for move in sampler.moves {
      var estimate = [(state[0] - target) / move.scale]
      estimate.withUnsafeMutableBufferPointer { estimate in
        guard let pointer = estimate.baseAddress else { return }
        BridgeSampler.estimate(
          state: state, prediction: pointer, move: move, count: 1, into: pointer)
      }
      #expect(abs(estimate[0] - target) < 1e-6)
      BridgeSampler.advance(
        state: &state, estimate: estimate, source: [source], noise: [0.7], move: move, count: 1)
    }
    // What is left of the state at step 0: its deviation is 0.01, and the source has 0.0007 of it.
    #expect(abs(state[0] - target) < 0.012)
  }

  /// The marginals of the bridge: with the true posterior mean, many walks have its mean and deviation.
  @Test("ddpm and direct walks keep the bridge's deviation at the middle step")
  func marginals() {
    for kind in [BridgeSampler.Kind.ddpm, .direct] {
      let sampler = BridgeSampler(schedule: schedule, evaluations: 4, kind: kind)
      let count = 128 * 128 * 3
      let (target, source) = (
        [Float](repeating: 0.2, count: count), [Float](repeating: -0.5, count: count)
      )
      var state = source
      var noise = target
      for move in sampler.moves where move.to >= 500 {
        noise.withUnsafeMutableBufferPointer {
          guard let pointer = $0.baseAddress else { return }
          BridgeNoise(key: 3).fill(
            pointer, x: 0, y: 0, width: 128, height: 128, step: move.from)
        }
        BridgeSampler.advance(
          state: &state, estimate: target, source: source, noise: noise, move: move, count: count)
      }
      let mean = state.reduce(0.0) { $0 + Double($1) } / Double(count)
      let variance = state.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
      let expected = schedule.targetShares[500] * 0.2 - schedule.sourceShares[500] * 0.5
      // Three standard errors of 49,152 numbers.
      #expect(abs(mean - expected) < 3 * 0.188 / 221)
      #expect(abs((variance / Double(count)).squareRoot() / schedule.deviations[500] - 1) < 0.01)
    }
  }

  @Test("noise belongs to places: tiles agree where they overlap, and differ by key and step")
  func noise() {
    func tile(_ x: Int, _ y: Int, key: UInt64 = 9, step: Int = 999) -> [Float] {
      var values = [Float](repeating: 0, count: 32 * 24 * 3)
      values.withUnsafeMutableBufferPointer {
        guard let pointer = $0.baseAddress else { return }
        BridgeNoise(key: key).fill(pointer, x: x, y: y, width: 32, height: 24, step: step)
      }
      return values
    }
    let first = tile(-8, -5)
    let second = tile(3, 2)
    for row in 0..<17 {
      for index in 0..<(21 * 3) {
        #expect(second[row * 96 + index] == first[(row + 7) * 96 + 33 + index])
      }
    }
    #expect(tile(3, 2, key: 10) != second && tile(3, 2, step: 500) != second)
  }

  @Test("noise is standard normal, and independent of its neighbours, channels and steps")
  func moments() {
    let side = 256
    func values(step: Int) -> [Double] {
      var values = [Float](repeating: 0, count: side * side * 3)
      values.withUnsafeMutableBufferPointer {
        guard let pointer = $0.baseAddress else { return }
        BridgeNoise(key: 77).fill(pointer, x: 1000, y: 500, width: side, height: side, step: step)
      }
      return values.map(Double.init)
    }
    let noise = values(step: 999)
    let count = Double(noise.count)
    func correlation(_ offset: Int) -> Double {
      zip(noise, noise.dropFirst(offset)).reduce(0) { $0 + $1.0 * $1.1 } / count
    }
    // Five standard errors of 196,608 numbers are 0.0113; those of the fourth moment √96 times that.
    let bound = 5 / count.squareRoot()
    #expect(abs(noise.reduce(0, +) / count) < bound)
    #expect(abs(noise.reduce(0) { $0 + $1 * $1 } / count - 1) < bound * 2.0.squareRoot())
    #expect(abs(noise.reduce(0) { $0 + $1 * $1 * $1 * $1 } / count - 3) < bound * 96.0.squareRoot())
    for offset in [1, 2, 3, 3 * side, 3 * side + 3] { #expect(abs(correlation(offset)) < bound) }
    let other = values(step: 899)
    #expect(abs(zip(noise, other).reduce(0) { $0 + $1.0 * $1.1 } / count) < bound)
  }
}
