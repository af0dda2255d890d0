/// What a checkpoint keeps besides tensors.
private struct TrainerRecord: StepRecord {
  var configuration: DiffusionConfiguration
  var schedule: BridgeSchedule
  var options: BridgeOptions
  var seed: UInt64
  var completedSteps: Int
}

/// The key of the record in the file's metadata.
private let recordKey = "bridge_trainer"

extension BridgeTrainer {
  /// Everything needed to continue: parameters, their average, moments, constants, steps and seed.
  ///
  /// - Parameter metadata: What the caller wants to keep beside it, such as the state of its sampler.
  /// - Returns: A file that ``init(checkpoint:)`` reads.
  public func checkpoint(metadata: [String: String] = [:]) -> SafetensorsFile {
    let lists = [
      ("network.", network.values), ("average.", average.values), ("adam.first.", moments.first),
      ("adam.second.", moments.second),
    ]
    let tensors = lists.flatMap { prefix, list in
      network.layout.tensors(list).map { $0.renamed(prefix + $0.name) }
    }
    return SafetensorsFile(
      tensors: tensors, metadata: metadata,
      record: TrainerRecord(
        configuration: network.configuration, schedule: schedule, options: options, seed: seed,
        completedSteps: completedSteps), key: recordKey)
  }

  /// Continues from a checkpoint, bit by bit.
  ///
  /// - Throws: ``NetworkError/malformedFile(name:problem:)`` when the file is no checkpoint, or the error
  ///   of the tensor that does not fit.
  public init(checkpoint: SafetensorsFile) throws(NetworkError) {
    let record = try checkpoint.record(TrainerRecord.self, key: recordKey)
    let network = try DiffusionUNet(
      configuration: record.configuration, state: checkpoint.state(prefix: "network."))
    self.init(
      network: network, schedule: record.schedule, options: record.options, seed: record.seed)
    completedSteps = record.completedSteps
    average.values = try network.layout.list(from: checkpoint.state(prefix: "average."))
    moments.first = try network.layout.list(from: checkpoint.state(prefix: "adam.first."))
    moments.second = try network.layout.list(from: checkpoint.state(prefix: "adam.second."))
  }
}
