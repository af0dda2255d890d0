import Foundation
import Reporting

/// The inputs of a run as the manifest knows them, and whether they belong into a case that is there.
enum CaseInputs {
  /// Hashes the slides (sizes, first and last MiB of their files) and the model (the whole file).
  static func read(_ request: CaseRequest) throws -> [CaseManifest.Input] {
    var inputs = [try input("moving", request.moving, isSlide: true)]
    if let fixed = request.fixed { inputs.append(try input("fixed", fixed, isSlide: true)) }
    if let model = request.model { inputs.append(try input("model", model, isSlide: false)) }
    return inputs
  }

  private static func input(
    _ role: String, _ path: String, isSlide: Bool
  ) throws -> CaseManifest.Input {
    guard let byteCount = StepRunner.byteCount(path) else {
      throw PipelineError.missing(path: path)
    }
    do {
      let hash =
        try isSlide ? SlideFiles.hash(of: path) : ContentHash.hexadecimal(ofFile: path)
      return CaseManifest.Input(role: role, path: path, byteCount: byteCount, hash: hash)
    } catch {
      throw PipelineError.cannotRead(path: path, reason: error.systemReason)
    }
  }

  /// Puts new inputs into a case's list: a section joins those of the same fixed slide.
  ///
  /// - Throws: ``PipelineError/otherCase(path:reason:)`` where a slide of that role and name is another.
  static func merge(
    _ new: [CaseManifest.Input], into old: [CaseManifest.Input], manifestPath: String,
    isForced: Bool
  ) throws(PipelineError) -> [CaseManifest.Input] {
    var merged = old
    for input in new {
      let index = merged.firstIndex { earlier in
        guard earlier.role == input.role else { return false }
        return input.role != "moving" || FileNames.stem(earlier.path) == FileNames.stem(input.path)
      }
      guard let index else {
        merged.append(input)
        continue
      }
      if merged[index].hash != input.hash, input.role != "model", !isForced {
        throw .otherCase(
          path: manifestPath,
          reason: "holds another \(input.role) slide than \(input.path)")
      }
      merged[index] = input
    }
    return merged
  }
}
