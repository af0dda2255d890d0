import Foundation
import Staining

extension TrainingFiles {
  /// Model, table and checkpoint, then every sample grid.
  func bytes() throws -> [Data] {
    let grids = try FileManager.default.contentsOfDirectory(atPath: samples).sorted()
    let paths = [model, table, checkpoint] + grids.map { "\(samples)/\($0)" }
    return try paths.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
  }
}
