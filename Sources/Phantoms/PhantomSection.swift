import Dispatch
public import Rasters

/// One section of a phantom under one stain, drawn where it is read and nowhere stored.
///
/// A pixel is a pure function of the phantom's options and its place, so reads agree whatever their
/// regions, their order and the number of threads.
public struct PhantomSection: PixelSource, Sendable {
  /// Columns; rows.
  public let width: Int, height: Int
  /// Microns a pixel.
  public let pixelSize: PixelSize
  /// How the section is stained.
  public let stain: PhantomStain
  private let renderer: SceneRenderer
  private let photograph: Photograph

  /// The scenes that a picture is put together from: squares of that many pixels.
  static let tileSide = 128
  /// What an unstained picture needs to see around a tile; a multiple of the lattice's step.
  private static let contrastMargin = 8

  init(
    renderer: SceneRenderer, look: StainLook, stain: PhantomStain, size: Int
  ) {
    self.renderer = renderer
    self.stain = stain
    width = size
    height = size
    pixelSize = PixelSize(renderer.pixelSize)
    photograph = Photograph(look: look, stain: stain, pixelSize: Float(renderer.pixelSize))
  }

  /// Reads a region; what lies beyond the frame is white.
  public func read(_ region: PixelRegion) -> RGBImage { pictures(region, of: [self]).images[0] }

  /// Which tissue each pixel of a region shows: `region.height · region.width` raw values of
  /// ``TissueClass``; background beyond the frame.
  public func tissueClasses(_ region: PixelRegion) -> [UInt8] {
    pictures(region, of: []).classes
  }

  /// Several pictures of one section (stains of the same renderer) and its ``TissueClass`` raw
  /// values, the matter drawn once.
  func pictures(
    _ region: PixelRegion, of sections: [PhantomSection]
  ) -> (images: [RGBImage], classes: [UInt8]) {
    var images = sections.map { _ in RGBImage(width: region.width, height: region.height) }
    var classes = [UInt8](
      repeating: TissueClass.background.rawValue, count: region.width * region.height)
    let visible = region.intersection(PixelRegion(x: 0, y: 0, width: width, height: height))
    guard !visible.isEmpty else { return (images, classes) }
    let side = PhantomSection.tileSide
    let margin = sections.contains { $0.stain == .unstained } ? PhantomSection.contrastMargin : 0
    for tileRow in (visible.y / side)...((visible.maxY - 1) / side) {
      for tileColumn in (visible.x / side)...((visible.maxX - 1) / side) {
        let tile = PixelRegion(x: tileColumn * side, y: tileRow * side, width: side, height: side)
        let part = tile.intersection(visible)
        let scene = renderer.scene(tile.expanded(by: margin))
        for index in 0..<sections.count {
          sections[index].photograph.expose(
            scene, margin: margin, region: tile, part: part, into: &images[index],
            originX: region.x, originY: region.y)
        }
        guard let scene else { continue }
        for y in part.y..<part.maxY {
          for x in part.x..<part.maxX {
            classes[(y - region.y) * region.width + x - region.x] =
              scene.classes[(y - tile.y + margin) * scene.width + x - tile.x + margin]
          }
        }
      }
    }
    return (images, classes)
  }
}
