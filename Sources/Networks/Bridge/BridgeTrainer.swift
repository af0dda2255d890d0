public import Tensors

/// Training of a bridge, one step at a time.
///
/// The state is the network, its running average, moments, the number of steps done and the seed: a trainer
/// made from a checkpoint continues bit by bit as the one that wrote it, with any number of threads.
///
/// Reference: Liu et al. 2023, arXiv:2302.05872, algorithm 1; NVlabs/I2SB, i2sb/runner.py, `train`.
public struct BridgeTrainer: Sendable, Equatable {
  /// The network as trained so far.
  public internal(set) var network: DiffusionUNet
  /// The bridge.
  public let schedule: BridgeSchedule
  /// The constants.
  public private(set) var options: BridgeOptions
  /// Decides steps and noise of all pairs.
  public let seed: UInt64
  /// Steps done.
  public internal(set) var completedSteps = 0

  /// The running average of the parameters.
  var average: WeightAverage
  var moments: AdamMoments

  /// Makes the schedule of the step size last so many steps, from the next step on.
  public mutating func setSchedule(totalSteps: Int) {
    options.totalSteps = totalSteps
  }

  /// Starts training.
  ///
  /// - Parameters:
  ///   - network: With its initial parameters, or those of another training.
  ///   - schedule: The bridge.
  ///   - options: The constants.
  ///   - seed: Decides steps and noise of all pairs.
  public init(
    network: DiffusionUNet, schedule: BridgeSchedule, options: BridgeOptions, seed: UInt64
  ) {
    self.network = network
    self.schedule = schedule
    self.options = options
    self.seed = seed
    average = WeightAverage(values: network.values)
    moments = AdamMoments(count: network.parameterCount)
  }

  /// The step size of the next step.
  public var learningRate: Double { options.learningRate(atStep: completedSteps) }

  /// The network with the running average of its parameters: what is used for sampling.
  public var averagedNetwork: DiffusionUNet {
    var result = network
    result.values = average.values
    return result
  }

  /// One step: every pair gets a step of the schedule and noise, the network says the direction, AdamW moves
  /// the parameters against the gradient of the mean squared difference, and the average follows.
  ///
  /// As in the reference, gradients of micro-batches are added without dividing by their number. A
  /// conditional network is shown the source.
  ///
  /// - Parameters:
  ///   - target: `[N, H, W, 3]` in [−1, 1].
  ///   - source: `[N, H, W, 3]` in [−1, 1].
  ///   - context: Threads and kernels.
  /// - Returns: The losses before the update.
  /// - Throws: ``NetworkError/diverged(step:)`` or
  ///   ``NetworkError/unsuitableSize(height:width:multiple:)``; nothing has changed then.
  @discardableResult
  public mutating func step(
    target: Tensor, source: Tensor, context: ComputeContext
  ) throws(NetworkError) -> BridgeLosses {
    let count = target.map.batch
    let size = options.microBatchSize > 0 ? min(options.microBatchSize, count) : count
    let weights = network.weights(context: context)
    var gradient = network.zeroGradient
    var sum = 0.0
    for first in stride(from: 0, to: count, by: size) {
      let range = first..<min(count, first + size)
      let batch = BridgeBatch(
        target: target.samples(range), source: source.samples(range), schedule: schedule,
        seed: seed,
        streams: range.map { UInt64(completedSteps) << 20 | UInt64($0) }, context: context)
      let (output, cache) = try network.forward(
        batch.states, levels: batch.levels,
        condition: network.configuration.isConditional ? source.samples(range) : nil,
        weights: weights, context: context)
      let loss = batch.loss(of: output)
      sum += loss.value * Double(range.count)
      guard loss.value.isFinite else { throw .diverged(step: completedSteps + 1) }
      network.addGradient(loss.gradient, cache: cache, to: &gradient)
    }
    let norm = gradient.norm(context: context)
    guard norm.isFinite else { throw .diverged(step: completedSteps + 1) }
    update(gradient, context)
    return BridgeLosses(loss: sum / Double(count), gradientNorm: norm)
  }

  private mutating func update(_ gradient: ParameterGradient, _ context: ComputeContext) {
    let rate = learningRate
    if options.weightDecay != 0 {
      let factor = Float(1 - rate * options.weightDecay)
      for index in network.values.indices { network.values[index] *= factor }
    }
    AdamStep(beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon).apply(
      parameters: &network.values, first: &moments.first, second: &moments.second,
      gradient: gradient.values, rate: rate, step: completedSteps + 1, context: context)
    completedSteps += 1
    average.follow(
      network.values, decay: options.averageDecay(atUpdate: completedSteps), context: context)
  }
}

extension ParameterGradient {
  /// The root of the sum of squares: blocks in order, so that it does not depend on threads.
  func norm(context: ComputeContext) -> Double {
    let length = 1 << 16
    let count = (values.count + length - 1) / length
    var sums = [Double](repeating: 0, count: count)
    sums.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let results = base
      context.parallelism.forEach(count: count) { block in
        values.withUnsafeBufferPointer { values in
          var sum = 0.0
          for index in block * length..<min(values.count, (block + 1) * length) {
            sum += Double(values[index]) * Double(values[index])
          }
          results[block] = sum
        }
      }
    }
    return sums.reduce(0, +).squareRoot()
  }
}

extension Tensor {
  /// Consecutive samples of a batch.
  func samples(_ range: Range<Int>) -> Tensor {
    if range == 0..<shape[0] { return self }
    let size = count / shape[0]
    return Tensor(
      shape: [range.count] + shape.dropFirst(),
      values: Array(values[range.lowerBound * size..<range.upperBound * size]))
  }
}
