public import Tensors

/// States on the way between pairs of pictures, and what a network should say to them.
public struct BridgeBatch: Sendable, Equatable {
  /// `x_n = μ_x0 · x_0 + μ_x1 · x_1 + σ_sb · ε`, `[N, H, W, C]`.
  public let states: Tensor
  /// `(x_n − x_0) / σ_fwd`, of the same shape.
  public let labels: Tensor
  /// The noise level of every pair.
  public let levels: [Float]
  /// The step of the schedule of every pair.
  public let steps: [Int]

  /// Draws a step and noise for every pair.
  ///
  /// - Parameters:
  ///   - target: `x_0`, `[N, H, W, C]` in [−1, 1].
  ///   - source: `x_1`, of the same shape.
  ///   - schedule: Of the bridge; a deterministic one leaves the noise away.
  ///   - seed: Decides all draws, together with `streams`.
  ///   - streams: One for every pair; below 2⁶³.
  ///   - context: Threads and kernels.
  public init(
    target: Tensor, source: Tensor, schedule: BridgeSchedule, seed: UInt64, streams: [UInt64],
    context: ComputeContext
  ) {
    let map = target.map
    precondition(
      source.shape == target.shape && streams.count == map.batch,
      "\(streams.count) streams for pairs \(target.shape) and \(source.shape)")
    // Two sequences a pair: one number for the step, one a value for the noise.
    let steps = streams.map { stream in
      let draw = CounterRandom(seed: seed, stream: 2 * stream + 1).bits(at: 0)
      return Int((UInt64(draw) * UInt64(schedule.count)) >> 32)
    }
    let size = map.height * map.width * map.channels
    let states = Tensor(shape: target.shape) { output in
      nonisolated(unsafe) let output = output
      // Draws come in pairs, so pieces of even length.
      let piece = 4096
      let pieceCount = (size + piece - 1) / piece
      context.parallelism.forEach(count: map.batch * pieceCount) { task in
        let (sample, first) = (task / pieceCount, task % pieceCount * piece)
        let random = CounterRandom(seed: seed, stream: 2 * streams[sample])
        let step = steps[sample]
        let shares = (Float(schedule.targetShares[step]), Float(schedule.sourceShares[step]))
        let deviation = schedule.options.isDeterministic ? 0 : Float(schedule.deviations[step])
        for index in stride(from: first, to: min(size, first + piece), by: 2) {
          let noise = deviation == 0 ? SIMD2() : random.normalPair(at: UInt64(index / 2))
          for lane in 0..<min(2, size - index) {
            let place = sample * size + index + lane
            let mixture = shares.0 * target.values[place] + shares.1 * source.values[place]
            (output + place).initialize(to: mixture + deviation * noise[lane])
          }
        }
      }
    }
    var labels = states
    for sample in 0..<map.batch {
      let factor = Float(1 / schedule.forwardDeviations[steps[sample]])
      for index in sample * size..<(sample + 1) * size {
        labels.values[index] = (labels.values[index] - target.values[index]) * factor
      }
    }
    self.states = states
    self.labels = labels
    self.steps = steps
    levels = steps.map { schedule.time($0) }
  }

  /// The mean squared difference of a prediction to the labels, and its gradient.
  ///
  /// - Parameter prediction: Of the labels' shape.
  /// - Returns: Mean over all values.
  public func loss(of prediction: Tensor) -> LossResult {
    Losses.squaredDifference(prediction: prediction, target: labels)
  }
}
