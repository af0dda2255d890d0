import Foundation

/// The files of one training, all named after its model.
public struct TrainingFiles: Hashable, Sendable {
  /// The model, best by validation.
  public let model: String
  /// Everything that continuing needs.
  public let checkpoint: String
  /// The table of losses and validation figures.
  public let table: String
  /// The folder of sample grids.
  public let samples: String

  /// Derives the names.
  ///
  /// - Parameter model: `MODEL` or `MODEL.safetensors`.
  public init(model: String) {
    let suffix = ".safetensors"
    let stem = model.hasSuffix(suffix) ? String(model.dropLast(suffix.count)) : model
    self.model = stem + suffix
    checkpoint = stem + ".checkpoint" + suffix
    table = stem + ".train.csv"
    samples = stem + ".samples"
  }

  /// The sample grid after a step.
  public func sample(step: Int) -> String {
    "\(samples)/step_" + String(repeating: "0", count: max(0, 7 - "\(step)".count)) + "\(step).png"
  }
}
