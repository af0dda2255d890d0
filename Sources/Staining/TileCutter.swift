import Foundation
import Pictures
import Rasters
import Registration
import Reporting
import Slides
import Stitching

/// Both sections of a case in the fixed frame at the data set's pixel size.
struct PairedSections: Sendable {
  let fixed: SlideSource
  let moving: WarpedSource
  let transform: SectionTransform
  /// The colours that fill what the scanner left out of the fixed slide.
  let fixedFillings: [RGBColor]
  /// The same of the moving slide.
  let movingFillings: [RGBColor]
  private let movingExtent: MicronPoint

  init(
    _ sections: PairedDatasetMaker.Sections, pixelSizeMicrons: Double, forEach: ForEach
  ) throws {
    let fixedSize = try sections.fixed.requirePixelSize(option: "--fixed-pixel-size")
    let movingSize = try sections.moving.requirePixelSize(option: "--moving-pixel-size")
    transform = sections.transform
    try transform.fixed.requireSameExtent(as: Self.frame(sections.fixed, fixedSize))
    try transform.moving.requireSameExtent(as: Self.frame(sections.moving, movingSize))
    fixed = try sections.fixed.source(
      pixelSize: pixelSizeMicrons, option: "--fixed-pixel-size")
    let raster = try sections.moving.source(
      pixelSize: pixelSizeMicrons, option: "--moving-pixel-size")
    moving = WarpedSource(
      raster, movingPixelSize: raster.pixelSize, transform: transform,
      pixelSize: fixed.pixelSize, width: fixed.width, height: fixed.height)
    fixedFillings = try sections.fixed.fillings(option: "--fixed-pixel-size", forEach: forEach)
    movingFillings = try sections.moving.fillings(option: "--moving-pixel-size", forEach: forEach)
    movingExtent = MicronPoint(
      x: Double(sections.moving.width) * movingSize.x,
      y: Double(sections.moving.height) * movingSize.y)
  }

  /// A tile's first corner and size in microns of the fixed frame.
  func microns(_ tile: PixelRegion) -> (origin: MicronPoint, size: MicronPoint) {
    (
      MicronPoint(x: Double(tile.x) * fixed.pixelSize.x, y: Double(tile.y) * fixed.pixelSize.y),
      MicronPoint(
        x: Double(tile.width) * fixed.pixelSize.x, y: Double(tile.height) * fixed.pixelSize.y)
    )
  }

  /// Whether every part of a tile lies on the moving slide.
  func liesOnMovingSlide(_ tile: PixelRegion) -> Bool {
    let place = microns(tile)
    return transform.liesOnMoving(
      origin: place.origin, size: place.size, movingExtent: movingExtent)
  }

  private static func frame(_ slide: Slide, _ pixelSize: PixelSize) -> SectionFrame {
    SectionFrame(
      name: URL(fileURLWithPath: slide.path).lastPathComponent, width: slide.width,
      height: slide.height, pixelSize: pixelSize)
  }
}

/// Looks at every tile of some squares and writes the good ones.
struct TileCutter: Sendable {
  let pair: PairedSections
  let caseName: String
  let tileSize: Int
  let overlap: Int
  let maxResidualMicrons: Double
  let forEach: ForEach

  /// Tiles looked at between two reports.
  private static let groupSize = 64

  private enum Outcome: Sendable { case kept, background, outside, misregistered }

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
    let fixedDetector = try TissueDetector(sampling: pair.fixed, fillings: pair.fixedFillings)
    let movingDetector = try TissueDetector(sampling: pair.moving, fillings: pair.movingFillings)
    var kept: [String: Int] = [:]
    var leftOut = DatasetIndex.LeftOut()
    for first in stride(from: 0, to: jobs.count, by: Self.groupSize) {
      try progress(first, jobs.count)
      let group = Array(jobs[first..<min(jobs.count, first + Self.groupSize)])
      let outcomes = try collected(count: group.count, forEach: forEach) { index in
        try look(
          at: group[index].tile, split: group[index].split, folder: folder,
          fixedDetector: fixedDetector, movingDetector: movingDetector)
      }
      for (job, outcome) in zip(group, outcomes) {
        switch outcome {
        case .kept: kept[job.split.rawValue, default: 0] += 1
        case .background: leftOut.background += 1
        case .outside: leftOut.outside += 1
        case .misregistered: leftOut.misregistered += 1
        }
      }
    }
    try progress(jobs.count, jobs.count)
    return (kept, leftOut)
  }

  private func look(
    at tile: PixelRegion, split: DatasetSplit, folder: String, fixedDetector: TissueDetector,
    movingDetector: TissueDetector
  ) throws -> Outcome {
    let fixed = try pair.fixed.read(tile)
    let least = PairedDatasetMaker.leastTissueShare
    guard fixedDetector.tissueShare(of: fixed) >= least else { return .background }
    guard pair.liesOnMovingSlide(tile) else { return .outside }
    let place = pair.microns(tile)
    if let residuals = pair.transform.residuals {
      guard let residual = residuals.residual(origin: place.origin, size: place.size),
        residual <= maxResidualMicrons
      else { return .misregistered }
    }
    let moving = try pair.moving.read(tile)
    guard movingDetector.tissueShare(of: moving) >= least else { return .background }
    var picture = RGBImage(width: 2 * tileSize, height: tileSize)
    picture.paste(moving, x: 0, y: 0)
    picture.paste(fixed, x: tileSize, y: 0)
    let name = TileName(caseName: caseName, x: tile.x, y: tile.y).text
    let path = "\(folder)/\(split.rawValue)/\(name)"
    // Not flushed one by one: the tiles count only once the index names their case.
    let bytes = Data(try PictureFile.pngBytes(of: picture, name: path))
    do {
      try bytes.write(to: URL(fileURLWithPath: path))
    } catch {
      throw StainingError.unwritable(path: path, reason: error.systemReason)
    }
    return .kept
  }
}
