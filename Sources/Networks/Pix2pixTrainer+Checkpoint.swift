/// What a checkpoint keeps besides tensors.
private struct TrainerRecord: StepRecord {
  var options: Pix2pixOptions
  var seed: UInt64
  var completedSteps: Int
}

/// The key of the record in the file's metadata.
private let recordKey = "pix2pix_trainer"

extension Pix2pixTrainer {
  /// Everything needed to continue: parameters, running statistics, moments, constants, steps and seed.
  ///
  /// - Parameter metadata: What the caller wants to keep beside it, such as the state of its sampler.
  /// - Returns: A file that ``init(checkpoint:)`` reads.
  public func checkpoint(metadata: [String: String] = [:]) -> SafetensorsFile {
    var tensors: [NamedTensor] = []
    tensors += generator.state.tensors.map { $0.renamed("generator." + $0.name) }
    tensors += discriminator.state.tensors.map { $0.renamed("discriminator." + $0.name) }
    if let average {
      tensors += generator.store.parameterTensors(average.values).map {
        $0.renamed("average." + $0.name)
      }
    }
    tensors += generator.store.tensors(of: generatorMoments, prefix: "adam.generator.")
    tensors += discriminator.store.tensors(
      of: discriminatorMoments, prefix: "adam.discriminator.")
    return SafetensorsFile(
      tensors: tensors, metadata: metadata,
      record: TrainerRecord(options: options, seed: seed, completedSteps: completedSteps),
      key: recordKey)
  }

  /// Continues from a checkpoint, bit by bit.
  ///
  /// - Throws: ``NetworkError/malformedFile(name:problem:)`` when the file is no checkpoint, or the error
  ///   of the tensor that does not fit.
  public init(checkpoint: SafetensorsFile) throws(NetworkError) {
    let record = try checkpoint.record(TrainerRecord.self, key: recordKey)
    let generator = try UNetGenerator(state: checkpoint.state(prefix: "generator."))
    let discriminator = try PatchDiscriminator(state: checkpoint.state(prefix: "discriminator."))
    guard discriminator.inputChannels == generator.inputChannels + generator.outputChannels else {
      throw .unknownArchitecture(problem: "its discriminator does not fit its generator")
    }
    self.init(
      generator: generator, discriminator: discriminator, options: record.options,
      seed: record.seed)
    completedSteps = record.completedSteps
    if average != nil {
      average?.values = try generator.store.parameterList(
        from: checkpoint.state(prefix: "average.").byName)
    }
    generatorMoments = try generator.store.moments(
      from: checkpoint, prefix: "adam.generator.")
    discriminatorMoments = try discriminator.store.moments(
      from: checkpoint, prefix: "adam.discriminator.")
  }
}
