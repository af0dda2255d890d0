import Foundation
import Reporting

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

  /// Removes what an earlier training left, so that nothing of it is taken for the next one's; other files in
  /// the folder of samples stay.
  ///
  /// The checkpoint goes first: a run that is killed meanwhile is not taken up again.
  ///
  /// - Throws: ``StainingError/unwritable(path:reason:)``.
  func removeAll() throws(StainingError) {
    let manager = FileManager.default
    // A folder that is not there holds none.
    let names = (try? manager.contentsOfDirectory(atPath: samples)) ?? []
    let grids = names.filter { $0.hasPrefix(Self.samplePrefix) && $0.hasSuffix(".png") }.sorted()
    for path in [checkpoint, table, model] + grids.map({ "\(samples)/\($0)" })
    where manager.fileExists(atPath: path) {
      do {
        try manager.removeItem(atPath: path)
      } catch {
        throw .unwritable(path: path, reason: error.systemReason)
      }
    }
  }

  private static let samplePrefix = "step_"

  /// The sample grid after a step.
  public func sample(step: Int) -> String {
    "\(samples)/\(Self.samplePrefix)" + String(repeating: "0", count: max(0, 7 - "\(step)".count))
      + "\(step).png"
  }
}
