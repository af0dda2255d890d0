import Foundation
import Reporting

extension PairedDatasetMaker {
  /// Removes what a killed run of a case left that the index does not hold.
  ///
  /// Pictures of the case's name are that run's where its staging folder is there; else they are somebody's,
  /// and only replaced by force.
  ///
  /// - Throws: ``StainingError/caseExists(path:name:)``.
  func clearOrphans(staging: URL) throws {
    let orphans = try DatasetSplit.allCases.flatMap { try publishedTiles($0) }
    guard FileManager.default.fileExists(atPath: staging.path) else {
      guard orphans.isEmpty || options.isForced else {
        throw StainingError.caseExists(path: folder, name: options.caseName)
      }
      return
    }
    for orphan in orphans { try FileManager.default.removeItem(at: orphan) }
  }

  /// Moves the tiles in and writes the index last: a killed run leaves tiles that no index counts, beside its
  /// staging folder, and the same call replaces them.
  func publish(staging: URL, index: DatasetIndex) throws {
    let manager = FileManager.default
    for split in DatasetSplit.allCases {
      let target = URL(fileURLWithPath: folder).appendingPathComponent(split.rawValue)
      try DurableFile.makeFolder(target.path)
      for old in try publishedTiles(split) { try manager.removeItem(at: old) }
      let source = staging.appendingPathComponent(split.rawValue)
      guard manager.fileExists(atPath: source.path) else { continue }
      for name in try manager.contentsOfDirectory(atPath: source.path).sorted() {
        try manager.moveItem(
          at: source.appendingPathComponent(name), to: target.appendingPathComponent(name))
      }
    }
    try DurableFile.write(
      JSONText.document(index),
      to: URL(fileURLWithPath: folder).appendingPathComponent(DatasetIndex.fileName).path)
  }

  /// The pictures of the case's name that one split holds.
  private func publishedTiles(_ split: DatasetSplit) throws -> [URL] {
    let target = URL(fileURLWithPath: folder).appendingPathComponent(split.rawValue)
    guard FileManager.default.fileExists(atPath: target.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: target.path)
      .filter { TileName($0)?.caseName == options.caseName }
      .map { target.appendingPathComponent($0) }
  }
}
