import Foundation
import Pictures
import Rasters
import Reporting
import Slides
import Stitching

/// What became of a tile.
enum TileOutcome: Sendable {
  case kept(left: RGBImage, right: RGBImage)
  case background, outside, misregistered, unlabelled

  /// The same without pictures.
  enum Kind: Sendable { case kept, background, outside, misregistered, unlabelled }

  var kind: Kind {
    switch self {
    case .kept: .kept
    case .background: .background
    case .outside: .outside
    case .misregistered: .misregistered
    case .unlabelled: .unlabelled
    }
  }
}

/// What the two halves of a case's tiles are cut from, in the fixed frame at the data set's pixel size.
protocol TileSource: Sendable {
  /// The H&E slide, by whose tissue the case is divided.
  var fixed: SlideSource { get }
  /// The colours that fill what the scanner left out of it.
  var fixedFillings: [RGBColor] { get }

  /// Looks at a tile; called from several threads at once.
  func look(at tile: PixelRegion) throws -> TileOutcome

  /// Whether a tile has pixels of a damaged tile of a slide; asked once all were looked at, since a slide's
  /// damage shows as it is read.
  func isDamaged(_ tile: PixelRegion) -> Bool
}

/// Looks at every tile of some squares and writes the good ones.
struct TileCutter: Sendable {
  let source: any TileSource
  let caseName: String
  let tileSize: Int
  let overlap: Int
  let forEach: ForEach

  /// Tiles looked at between two reports.
  private static let groupSize = 64

  func cut(
    _ squares: [SplitSquare], into folder: String,
    progress: (_ done: Int, _ total: Int) throws -> Void
  ) throws -> (kept: [String: Int], leftOut: DatasetIndex.LeftOut) {
    let jobs = squares.flatMap { square in
      square.tiles(tileSize: tileSize, overlap: overlap).map { (tile: $0, split: square.split) }
    }
    for split in DatasetSplit.allCases {
      try DurableFile.makeFolder("\(folder)/\(split.rawValue)")
    }
    var kept: [(tile: PixelRegion, split: DatasetSplit)] = []
    var leftOut = DatasetIndex.LeftOut()
    for first in stride(from: 0, to: jobs.count, by: Self.groupSize) {
      try progress(first, jobs.count)
      let group = Array(jobs[first..<min(jobs.count, first + Self.groupSize)])
      let outcomes = try collected(count: group.count, forEach: forEach) { index in
        let (tile, split) = group[index]
        let outcome = try source.look(at: tile)
        if case .kept(let left, let right) = outcome {
          try write(left, right, of: tile, to: "\(folder)/\(split.rawValue)")
          // The pictures are not needed any more.
          return TileOutcome.Kind.kept
        }
        return outcome.kind
      }
      for (job, outcome) in zip(group, outcomes) {
        switch outcome {
        case .kept: kept.append(job)
        case .background: leftOut.background += 1
        case .outside: leftOut.outside += 1
        case .misregistered: leftOut.misregistered += 1
        case .unlabelled: leftOut.unlabelled = (leftOut.unlabelled ?? 0) + 1
        }
      }
    }
    try progress(jobs.count, jobs.count)
    let damaged = Set(kept.map(\.tile).filter(source.isDamaged))
    for (tile, split) in kept where damaged.contains(tile) {
      try FileManager.default.removeItem(
        atPath: "\(folder)/\(split.rawValue)/\(fileName(of: tile))")
    }
    if !damaged.isEmpty { leftOut.damaged = damaged.count }
    let splits = kept.filter { !damaged.contains($0.tile) }.map(\.split.rawValue)
    return (Dictionary(splits.map { ($0, 1) }, uniquingKeysWith: +), leftOut)
  }

  private func fileName(of tile: PixelRegion) -> String {
    TileName(caseName: caseName, x: tile.x, y: tile.y).text
  }

  /// Writes a pair of pictures, not flushed one by one: the tiles count only once the index names their case.
  private func write(
    _ left: RGBImage, _ right: RGBImage, of tile: PixelRegion, to folder: String
  ) throws {
    var picture = RGBImage(width: 2 * tileSize, height: tileSize)
    picture.paste(left, x: 0, y: 0)
    picture.paste(right, x: tileSize, y: 0)
    let path = "\(folder)/\(fileName(of: tile))"
    let bytes = Data(try PictureFile.pngBytes(of: picture, name: path))
    do {
      try bytes.write(to: URL(fileURLWithPath: path))
    } catch {
      throw StainingError.unwritable(path: path, reason: error.systemReason)
    }
  }
}
