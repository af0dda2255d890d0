import Foundation

/// What a trainer keeps in a checkpoint besides tensors.
protocol StepRecord: Codable {
  /// Steps that are done.
  var completedSteps: Int { get }
}

extension SafetensorsFile {
  /// A trainer's checkpoint: tensors, what the caller keeps beside them, and the trainer's own record.
  init(
    tensors: [NamedTensor], metadata: [String: String], record: some StepRecord, key: String
  ) {
    var metadata = metadata
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    // Encoding a few finite numbers cannot fail; a checkpoint without the record is refused on reading.
    metadata[key] = (try? encoder.encode(record)).map { String(decoding: $0, as: UTF8.self) }
    self.init(tensors: tensors, metadata: metadata)
  }

  /// The record of a trainer.
  ///
  /// - Parameters:
  ///   - type: What it is.
  ///   - key: Where it lies in the metadata.
  /// - Returns: The record.
  /// - Throws: ``NetworkError/malformedFile(name:problem:)`` where there is none, or one of fewer steps than
  ///   none.
  func record<Record: StepRecord>(
    _ type: Record.Type, key: String
  ) throws(NetworkError) -> Record {
    guard let text = metadata[key],
      let record = try? JSONDecoder().decode(type, from: Data(text.utf8)),
      record.completedSteps >= 0
    else { throw .malformedFile(name: "checkpoint", problem: "it holds no state of training") }
    return record
  }
}

extension ParameterStore {
  /// Moments as named tensors, behind a prefix such as `adam.`.
  func tensors(of moments: AdamMoments, prefix: String) -> [NamedTensor] {
    [("first.", moments.first), ("second.", moments.second)].flatMap { name, list in
      parameterTensors(list).map { $0.renamed(prefix + name + $0.name) }
    }
  }

  /// The moments that ``tensors(of:prefix:)`` named.
  func moments(
    from file: SafetensorsFile, prefix: String
  ) throws(NetworkError) -> AdamMoments {
    var moments = AdamMoments(count: 0)
    moments.first = try parameterList(from: file.state(prefix: prefix + "first.").byName)
    moments.second = try parameterList(from: file.state(prefix: prefix + "second.").byName)
    return moments
  }
}
