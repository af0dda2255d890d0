public import Rasters

/// Where the tiles of a raster lie, and which of them one region of the raster needs.
///
/// Tile (column, row) starts at (column · stride, row · stride) with `stride = tileSize − overlap`; the
/// grid starts at (0, 0) of the raster, also for a region. The last tiles may reach beyond the raster,
/// where its borders are reflected.
public struct TilePlan: Hashable, Sendable {
  /// Columns of the whole raster.
  public let width: Int
  /// Rows of the whole raster.
  public let height: Int
  /// Edge of a tile, in pixels.
  public let tileSize: Int
  /// Pixels that neighbouring tiles share along each axis.
  public let overlap: Int
  /// The part of the raster to fill, in its pixels.
  public let region: PixelRegion
  /// The tile columns that the region needs.
  public let columns: Range<Int>
  /// The tile rows that the region needs.
  public let rows: Range<Int>

  /// The tile edge of every network here, in pixels.
  public static let standardTileSize = 256
  /// The overlap unless another is asked for, in pixels.
  public static let standardOverlap = 64
  /// Regions are snapped outward to multiples of this, in pixels.
  public static let regionGrid = 256

  /// Plans a raster or one region of it.
  ///
  /// - Parameters:
  ///   - width: Columns of the raster, at least 1.
  ///   - height: Rows of the raster, at least 1.
  ///   - tileSize: Edge of a tile.
  ///   - overlap: Shared pixels, 0…tileSize / 2.
  ///   - region: The part to fill; it is snapped outward to multiples of ``regionGrid`` and clipped to
  ///     the raster. The whole raster unless given.
  /// - Precondition: The sizes are in range, and the region meets the raster.
  public init(
    width: Int, height: Int, tileSize: Int = standardTileSize, overlap: Int = standardOverlap,
    region: PixelRegion? = nil
  ) {
    self.init(
      width: width, height: height, tileSize: tileSize, overlap: overlap,
      exactly: region.map(TilePlan.snapped)
        ?? PixelRegion(x: 0, y: 0, width: width, height: height))
  }

  /// Plans one region of a raster as it is, without moving its edges to ``regionGrid``.
  ///
  /// - Parameters:
  ///   - width: Columns of the raster, at least 1.
  ///   - height: Rows of the raster, at least 1.
  ///   - tileSize: Edge of a tile.
  ///   - overlap: Shared pixels, 0…tileSize / 2.
  ///   - region: The part to fill; it is clipped to the raster.
  /// - Precondition: The sizes are in range, and the region meets the raster.
  init(width: Int, height: Int, tileSize: Int, overlap: Int, exactly region: PixelRegion) {
    precondition(width > 0 && height > 0, "a raster of \(width) × \(height) has no tile")
    precondition(
      tileSize > 0 && overlap >= 0 && 2 * overlap <= tileSize,
      "an overlap of \(overlap) does not fit tiles of \(tileSize)")
    self.width = width
    self.height = height
    self.tileSize = tileSize
    self.overlap = overlap
    self.region = region.intersection(PixelRegion(x: 0, y: 0, width: width, height: height))
    precondition(!self.region.isEmpty, "the region lies outside the raster")
    columns = TilePlan.needed(
      by: self.region.x..<self.region.maxX, of: width, tileSize: tileSize, overlap: overlap)
    rows = TilePlan.needed(
      by: self.region.y..<self.region.maxY, of: height, tileSize: tileSize, overlap: overlap)
  }

  /// Pixels from one tile's start to the next one's.
  public var stride: Int { tileSize - overlap }
  /// Pixels dropped at each inner tile edge: a quarter of the overlap.
  public var discarded: Int { overlap / 4 }
  /// How many tiles the region needs.
  public var tileCount: Int { columns.count * rows.count }
  /// Tile columns of the whole raster.
  public var columnCount: Int { TilePlan.count(along: width, tileSize: tileSize, overlap: overlap) }
  /// Tile rows of the whole raster.
  public var rowCount: Int { TilePlan.count(along: height, tileSize: tileSize, overlap: overlap) }

  /// The pixels of a tile, possibly reaching beyond the raster.
  public func tileRegion(column: Int, row: Int) -> PixelRegion {
    PixelRegion(x: column * stride, y: row * stride, width: tileSize, height: tileSize)
  }

  /// A region whose edges are moved outward to multiples of ``regionGrid``.
  public static func snapped(_ region: PixelRegion) -> PixelRegion {
    let left = floorDivide(region.x, regionGrid) * regionGrid
    let top = floorDivide(region.y, regionGrid) * regionGrid
    let right = -floorDivide(-region.maxX, regionGrid) * regionGrid
    let bottom = -floorDivide(-region.maxY, regionGrid) * regionGrid
    return PixelRegion(x: left, y: top, width: right - left, height: bottom - top)
  }

  /// The pixels along one axis to which a tile contributes: all but the discarded edges; nothing is
  /// discarded at the raster's own borders.
  func support(of index: Int, along length: Int) -> Range<Int> {
    let count = TilePlan.count(along: length, tileSize: tileSize, overlap: overlap)
    let start = index * stride
    let first = index == 0 ? start : start + discarded
    let last = index == count - 1 ? start + tileSize : start + tileSize - discarded
    return first..<min(last, length)
  }

  private static func count(along length: Int, tileSize: Int, overlap: Int) -> Int {
    let stride = tileSize - overlap
    return length <= tileSize ? 1 : (length - tileSize + stride - 1) / stride + 1
  }

  private static func needed(
    by range: Range<Int>, of length: Int, tileSize: Int, overlap: Int
  ) -> Range<Int> {
    let count = count(along: length, tileSize: tileSize, overlap: overlap)
    let stride = tileSize - overlap
    let discarded = overlap / 4
    // Tile i contributes from i·stride + discarded on; the last one to reach `range` starts there at
    // the latest, the first one ends after its lower bound.
    let last = min(count - 1, max(0, floorDivide(range.upperBound - 1 - discarded, stride)))
    var first = last
    while first > 0 {
      let end = (first - 1) * stride + tileSize - discarded
      guard end > range.lowerBound else { break }
      first -= 1
    }
    return first..<(last + 1)
  }
}

/// The quotient rounded towards minus infinity.
private func floorDivide(_ dividend: Int, _ divisor: Int) -> Int {
  let quotient = dividend / divisor
  return dividend % divisor < 0 ? quotient - 1 : quotient
}
