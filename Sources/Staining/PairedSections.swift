import Foundation
import Rasters
import Registration
import Slides
import Stitching

/// Both sections of a case in the fixed frame at the data set's pixel size.
struct PairedSections: TileSource {
  let fixed: SlideSource
  let moving: WarpedSource
  /// The moving slide in its own frame.
  private let movingRaster: SlideSource
  let transform: SectionTransform
  /// The colours that fill what the scanner left out of the fixed slide.
  let fixedFillings: [RGBColor]
  /// The same of the moving slide.
  let movingFillings: [RGBColor]
  /// Tiles whose residual is larger are left out, in microns.
  let maxResidualMicrons: Double
  private let movingExtent: MicronPoint
  private let fixedDetector: TissueDetector
  private let movingDetector: TissueDetector

  init(
    _ sections: PairedDatasetMaker.Sections, pixelSizeMicrons: Double,
    maxResidualMicrons: Double, forEach: ForEach
  ) throws {
    self.maxResidualMicrons = maxResidualMicrons
    let fixedSize = try sections.fixed.requirePixelSize(option: "--fixed-pixel-size")
    let movingSize = try sections.moving.requirePixelSize(option: "--moving-pixel-size")
    transform = sections.transform
    try transform.fixed.requireSameExtent(as: Self.frame(sections.fixed, fixedSize))
    try transform.moving.requireSameExtent(as: Self.frame(sections.moving, movingSize))
    fixed = try sections.fixed.source(
      pixelSize: pixelSizeMicrons, option: "--fixed-pixel-size")
    movingRaster = try sections.moving.source(
      pixelSize: pixelSizeMicrons, option: "--moving-pixel-size")
    moving = WarpedSource(
      movingRaster, movingPixelSize: movingRaster.pixelSize, transform: transform,
      pixelSize: fixed.pixelSize, width: fixed.width, height: fixed.height)
    fixedFillings = try sections.fixed.fillings(option: "--fixed-pixel-size", forEach: forEach)
    movingFillings = try sections.moving.fillings(option: "--moving-pixel-size", forEach: forEach)
    movingExtent = MicronPoint(
      x: Double(sections.moving.width) * movingSize.x,
      y: Double(sections.moving.height) * movingSize.y)
    fixedDetector = try TissueDetector(sampling: fixed, fillings: fixedFillings)
    movingDetector = try TissueDetector(sampling: moving, fillings: movingFillings)
  }

  func look(at tile: PixelRegion) throws -> TileOutcome {
    let picture = try fixed.read(tile)
    let least = PairedDatasetMaker.leastTissueShare
    guard fixedDetector.tissueShare(of: picture) >= least else { return .background }
    guard liesOnMovingSlide(tile) else { return .outside }
    let place = microns(tile)
    if let residuals = transform.residuals {
      guard let residual = residuals.residual(origin: place.origin, size: place.size),
        residual <= maxResidualMicrons
      else { return .misregistered }
    }
    let other = try moving.read(tile)
    guard movingDetector.tissueShare(of: other) >= least else { return .background }
    return .kept(left: other, right: picture)
  }

  func isDamaged(_ tile: PixelRegion) -> Bool {
    guard !fixed.isDamaged(in: tile) else { return true }
    let place = microns(tile)
    let (least, largest) = transform.movingBounds(origin: place.origin, size: place.size)
    // Cubic convolution takes two pixels on each side.
    let reach = 2.0
    let size = movingRaster.pixelSize
    let left = (least.x / size.x - reach).rounded(.down)
    let top = (least.y / size.y - reach).rounded(.down)
    return movingRaster.isDamaged(
      in: PixelRegion(
        x: Int(left), y: Int(top), width: Int((largest.x / size.x + reach - left).rounded(.up)),
        height: Int((largest.y / size.y + reach - top).rounded(.up))))
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
