import Rasters

/// The source pixels under one row of tiles; moving down keeps the rows that the next tiles share, so
/// that every pixel is read once.
struct SourceStrip {
  private let source: ReflectedSource
  private let plan: TilePlan
  private let x: Int
  private let width: Int
  private var image: RGBImage
  private var row: Int?

  /// Pixels that one worker reads at once, side by side.
  private static let chunkWidth = 1024

  init(source: ReflectedSource, plan: TilePlan) {
    self.source = source
    self.plan = plan
    x = plan.columns.lowerBound * plan.stride
    width = (plan.columns.count - 1) * plan.stride + plan.tileSize
    image = RGBImage(width: width, height: plan.tileSize)
  }

  /// Reads what a tile row needs and is not there yet.
  mutating func advance(to row: Int, forEach: ForEach) throws {
    let kept = self.row == row - 1 ? plan.overlap : 0
    if kept > 0 {
      let rowBytes = width * 3
      let from = plan.stride * rowBytes
      image.pixels.withUnsafeMutableBytes { bytes in
        UnsafeMutableRawBufferPointer(rebasing: bytes[0..<(kept * rowBytes)])
          .copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[from..<(from + kept * rowBytes)]))
      }
    }
    let chunkCount = (width + Self.chunkWidth - 1) / Self.chunkWidth
    let (x, width, source) = (x, width, source)
    let y = row * plan.stride + kept
    let height = plan.tileSize - kept
    let chunks = try collected(count: chunkCount, forEach: forEach) { index in
      let left = index * Self.chunkWidth
      return try source.read(
        PixelRegion(
          x: x + left, y: y, width: min(Self.chunkWidth, width - left), height: height))
    }
    for (index, chunk) in chunks.enumerated() {
      image.paste(chunk, x: index * Self.chunkWidth, y: kept)
    }
    self.row = row
  }

  /// Cuts rows out, in pixels of the raster; they lie under the tile row that was read last.
  func cropped(to region: PixelRegion) -> RGBImage {
    image.cropped(to: region.translated(x: -x, y: -(row ?? 0) * plan.stride))
  }

  /// Cuts one tile out.
  func tile(column: Int, row: Int) -> SourceTile {
    let region = plan.tileRegion(column: column, row: row)
    return SourceTile(
      image: image.cropped(
        to: PixelRegion(
          x: region.x - x, y: 0, width: region.width, height: region.height)),
      x: region.x, y: region.y)
  }
}
