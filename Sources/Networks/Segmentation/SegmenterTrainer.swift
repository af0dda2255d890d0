public import Tensors

/// Training of a segmenter, one step at a time.
///
/// The state is the network, moments and the number of steps done: a trainer made from a checkpoint continues
/// bit by bit as the one that wrote it.
public struct SegmenterTrainer: Sendable, Equatable {
  /// The network as trained so far.
  public private(set) var network: SegmentationUNet
  /// The constants.
  public private(set) var options: SegmenterOptions
  /// Steps done.
  public private(set) var completedSteps = 0
  private var moments: AdamMoments

  /// Starts training.
  ///
  /// - Parameters:
  ///   - network: With its initial weights.
  ///   - options: The constants.
  public init(network: SegmentationUNet, options: SegmenterOptions) {
    precondition(
      options.classWeights.map { $0.count == network.classCount } ?? true,
      "\(options.classWeights?.count ?? 0) weights of \(network.classCount) classes")
    self.network = network
    self.options = options
    moments = AdamMoments(count: network.parameterCount)
  }

  /// Makes the schedule of the step size last so many steps, from the next step on.
  public mutating func setSchedule(totalSteps: Int) { options.totalSteps = totalSteps }

  /// One step: forward, cross-entropy over the labelled pixels, backward, Adam.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, C]` in [−1, 1].
  ///   - labels: `N · H · W` classes, or `Losses.unlabelled`.
  ///   - context: Threads and kernels; neither threads nor a restart changes any bit.
  /// - Returns: The loss before the update.
  /// - Throws: ``NetworkError/diverged(step:)``; the trainer is then as it was.
  /// - Precondition: H and W are multiples of the network's `sizeMultiple`.
  @discardableResult
  public mutating func step(
    input: Tensor, labels: [UInt8], context: ComputeContext
  ) throws(NetworkError) -> Double {
    let (logits, cache) = network.forward(input, context: context)
    let loss = Losses.crossEntropy(
      logits: logits, labels: labels, classWeights: options.classWeights)
    guard loss.value.isFinite else { throw .diverged(step: completedSteps) }
    let gradient = network.backward(loss.gradient, cache: cache, context: context)
    network.updateRunningStatistics(from: cache)
    let adam = AdamStep(beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon)
    adam.apply(
      parameters: &network.store.values, first: &moments.first, second: &moments.second,
      gradient: gradient.values, rate: options.learningRate(atStep: completedSteps),
      step: completedSteps + 1, context: context)
    completedSteps += 1
    return loss.value
  }
}

// MARK: - Checkpoints

/// What a checkpoint keeps besides tensors.
private struct TrainerRecord: StepRecord {
  var options: SegmenterOptions
  var completedSteps: Int
}

/// The key of the record in the file's metadata.
private let recordKey = "segmenter_trainer"

extension SegmenterTrainer {
  /// Everything needed to continue: parameters, running statistics, moments, constants and steps.
  ///
  /// - Parameter metadata: What the caller wants to keep beside it.
  /// - Returns: A file that ``init(checkpoint:)`` reads.
  public func checkpoint(metadata: [String: String] = [:]) -> SafetensorsFile {
    SafetensorsFile(
      tensors: network.state.tensors.map { $0.renamed("network." + $0.name) }
        + network.store.tensors(of: moments, prefix: "adam."),
      metadata: metadata,
      record: TrainerRecord(options: options, completedSteps: completedSteps), key: recordKey)
  }

  /// Continues from a checkpoint, bit by bit.
  ///
  /// - Throws: ``NetworkError/malformedFile(name:problem:)`` when the file is no checkpoint, or the error
  ///   of the tensor that does not fit.
  public init(checkpoint: SafetensorsFile) throws(NetworkError) {
    let record = try checkpoint.record(TrainerRecord.self, key: recordKey)
    let network = try SegmentationUNet(state: checkpoint.state(prefix: "network."))
    guard record.options.classWeights.map({ $0.count == network.classCount }) ?? true else {
      throw .malformedFile(name: "checkpoint", problem: "its class weights do not fit its network")
    }
    self.init(network: network, options: record.options)
    completedSteps = record.completedSteps
    moments = try network.store.moments(from: checkpoint, prefix: "adam.")
  }
}
