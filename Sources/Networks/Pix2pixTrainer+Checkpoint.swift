import Foundation

/// What a checkpoint keeps besides tensors.
private struct TrainerRecord: Codable {
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
    tensors += named(generator.store, generatorMoments, "generator")
    tensors += named(discriminator.store, discriminatorMoments, "discriminator")
    var metadata = metadata
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let record = TrainerRecord(options: options, seed: seed, completedSteps: completedSteps)
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
      let record = try? JSONDecoder().decode(TrainerRecord.self, from: Data(text.utf8))
    else { throw .malformedFile(name: "checkpoint", problem: "it holds no state of training") }
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
    generatorMoments = try Self.moments(checkpoint, generator.store, "generator")
    discriminatorMoments = try Self.moments(checkpoint, discriminator.store, "discriminator")
  }

  private func named(
    _ store: ParameterStore, _ moments: AdamMoments, _ network: String
  ) -> [NamedTensor] {
    store.parameterTensors(moments.first).map { $0.renamed("adam.\(network).first." + $0.name) }
      + store.parameterTensors(moments.second).map {
        $0.renamed("adam.\(network).second." + $0.name)
      }
  }

  private static func moments(
    _ file: SafetensorsFile, _ store: ParameterStore, _ network: String
  ) throws(NetworkError) -> AdamMoments {
    var moments = AdamMoments(count: 0)
    moments.first = try store.parameterList(
      from: file.state(prefix: "adam.\(network).first.").byName)
    moments.second = try store.parameterList(
      from: file.state(prefix: "adam.\(network).second.").byName)
    return moments
  }
}
