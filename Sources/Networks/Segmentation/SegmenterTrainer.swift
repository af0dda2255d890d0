import Foundation
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
private struct TrainerRecord: Codable {
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
    var tensors = network.state.tensors.map { $0.renamed("network." + $0.name) }
    for (name, list) in [("first", moments.first), ("second", moments.second)] {
      tensors += network.store.parameterTensors(list).map {
        $0.renamed("adam.\(name)." + $0.name)
      }
    }
    var metadata = metadata
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let record = TrainerRecord(options: options, completedSteps: completedSteps)
    // Encoding a few finite numbers cannot fail; a checkpoint without the record is refused on reading.
    metadata[recordKey] = (try? encoder.encode(record)).map { String(decoding: $0, as: UTF8.self) }
    return SafetensorsFile(tensors: tensors, metadata: metadata)
  }

  /// Continues from a checkpoint, bit by bit.
  ///
  /// - Throws: ``NetworkError/malformedFile(name:problem:)`` when the file is no checkpoint, or the error
  ///   of the tensor that does not fit.
  public init(checkpoint: SafetensorsFile) throws(NetworkError) {
    guard let text = checkpoint.metadata[recordKey],
      let record = try? JSONDecoder().decode(TrainerRecord.self, from: Data(text.utf8)),
      record.completedSteps >= 0
    else { throw .malformedFile(name: "checkpoint", problem: "it holds no state of training") }
    let network = try SegmentationUNet(state: checkpoint.state(prefix: "network."))
    guard record.options.classWeights.map({ $0.count == network.classCount }) ?? true else {
      throw .malformedFile(name: "checkpoint", problem: "its class weights do not fit its network")
    }
    self.init(network: network, options: record.options)
    completedSteps = record.completedSteps
    moments.first = try network.store.parameterList(
      from: checkpoint.state(prefix: "adam.first.").byName)
    moments.second = try network.store.parameterList(
      from: checkpoint.state(prefix: "adam.second.").byName)
  }
}
