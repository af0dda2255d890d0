public import Rasters

/// One resolution of a slide.
public struct SlideLevel: Hashable, Sendable {
  /// Columns.
  public let width: Int
  /// Rows.
  public let height: Int
  /// Level-0 pixels for one pixel of this level, left to right.
  ///
  /// A whole number where the sizes agree with halving (odd edges cut or kept); else the quotient of the
  /// sizes. OpenSlide's own figure mixes the two axes and is off by up to one level-0 pixel a side.
  public let downsampleX: Double
  /// Level-0 pixels for one pixel of this level, top to bottom.
  public let downsampleY: Double
  /// Columns of a stored tile, where the format has tiles.
  public let tileWidth: Int?
  /// Rows of a stored tile, where the format has tiles.
  public let tileHeight: Int?
  /// OpenSlide's one figure for both axes, which places its reads.
  let openSlideDownsample: Double

  /// The mean of the two downsample factors; what "the downsample" means where one number is asked for.
  public var downsample: Double { (downsampleX + downsampleY) / 2 }

  /// The whole level as a region.
  public var bounds: PixelRegion { PixelRegion(x: 0, y: 0, width: width, height: height) }

  /// Whether a side is shorter than that of a stored tile.
  var isSmallerThanTile: Bool {
    guard let tileWidth, let tileHeight else { return false }
    return width < tileWidth || height < tileHeight
  }

  /// The factor between level 0 and a level, from the lengths of one side.
  ///
  /// - Returns: `n` where `lower` is `full / n` rounded down or up, else the quotient.
  static func downsample(full: Int, lower: Int) -> Double {
    let quotient = Double(full) / Double(lower)
    let whole = max(1, Int(quotient.rounded()))
    let isHalved = lower == full / whole || lower == (full + whole - 1) / whole
    return isHalved ? Double(whole) : quotient
  }
}
