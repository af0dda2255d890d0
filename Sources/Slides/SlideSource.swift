public import Rasters

/// A slide at a stated pixel size, the whole of level 0 from (0, 0).
///
/// Output pixel (i, j) covers the microns `i · pixelSize.x ..< (i + 1) · pixelSize.x` and likewise down.
/// It is made from the coarsest level that is at or finer than the pixel size asked for, by area; level 0
/// is enlarged only where no level is that fine. Values depend on the absolute index alone.
public struct SlideSource: PixelSource {
  /// The slide that is read.
  public let slide: Slide
  /// The level that is read.
  public let level: Int
  /// Microns a pixel of this raster: as asked for, or the level's own where the two are equal within 0.5 %.
  public let pixelSize: PixelSize
  /// Columns: the width of level 0 in microns over `pixelSize.x`, rounded, at least 1.
  public let width: Int
  /// Rows: the height of level 0 in microns over `pixelSize.y`, rounded, at least 1.
  public let height: Int
  /// Level pixels for one pixel of this raster, along each axis; 1 where nothing is resampled.
  public let ratio: (x: Double, y: Double)
  private let raster: any PixelSource

  /// Whether the pixels are computed rather than the stored ones.
  public var isResampled: Bool { ratio != (1, 1) }

  /// Two pixel sizes this near are the same: nothing is resampled.
  static let equalTolerance = 0.005

  /// The largest number of source pixels that one piece of a read may need: 48 MiB of RGB.
  static let largestSourcePixelCount = 1 << 24

  /// The stored pixels of one level.
  init(slide: Slide, level: Int, pixelSize: PixelSize) {
    self.slide = slide
    self.level = level
    self.pixelSize = pixelSize
    let stored = LevelSource(slide: slide, level: level)
    width = stored.width
    height = stored.height
    ratio = (1, 1)
    raster = stored
  }

  /// A level resampled to a pixel size.
  init(slide: Slide, level: Int, slidePixelSize: PixelSize, asked: Double) {
    self.slide = slide
    self.level = level
    pixelSize = PixelSize(asked)
    let stored = LevelSource(slide: slide, level: level)
    ratio = (
      asked / slidePixelSize.x / slide.levels[level].downsampleX,
      asked / slidePixelSize.y / slide.levels[level].downsampleY
    )
    width = max(1, Int((Double(slide.width) * slidePixelSize.x / asked).rounded()))
    height = max(1, Int((Double(slide.height) * slidePixelSize.y / asked).rounded()))
    raster = ResampledSource(stored, ratio: ratio, width: width, height: height)
  }

  /// Reads a region; the slide's background outside.
  ///
  /// A read that needs many source pixels is done in pieces, so that an overview of a slide without lower
  /// levels does not hold the whole slide.
  ///
  /// - Throws: ``SlideError/corrupt(path:reason:)`` where a tile cannot be decoded.
  public func read(_ region: PixelRegion) throws -> RGBImage {
    guard isResampled else { return try raster.read(region) }
    let inside = region.intersection(PixelRegion(x: 0, y: 0, width: width, height: height))
    var result = RGBImage(
      width: region.width, height: region.height, filledWith: slide.background)
    guard !inside.isEmpty else { return result }
    let columns = min(inside.width, max(1, Int(4096 / ratio.x)))
    let columnSource = Double(columns) * ratio.x + 4
    let rows = max(1, Int(Double(Self.largestSourcePixelCount) / columnSource / ratio.y) - 4)
    for y in stride(from: inside.y, to: inside.maxY, by: rows) {
      for x in stride(from: inside.x, to: inside.maxX, by: columns) {
        let piece = PixelRegion(x: x, y: y, width: columns, height: rows).intersection(inside)
        if piece == region { return try raster.read(piece) }
        result.paste(try raster.read(piece), x: x - region.x, y: y - region.y)
      }
    }
    return result
  }

  /// Whether pixels of a region were made with a damaged tile, of those read so far.
  ///
  /// - Parameter region: In pixels of this raster.
  /// - Returns: True also where a damaged tile is as near as an interpolation reaches.
  public func isDamaged(in region: PixelRegion) -> Bool {
    guard isResampled else { return slide.isDamaged(in: region, level: level) }
    let reach = 2
    let (left, top) = (Int(Double(region.x) * ratio.x), Int(Double(region.y) * ratio.y))
    return slide.isDamaged(
      in: PixelRegion(
        x: left - reach, y: top - reach,
        width: Int((Double(region.maxX) * ratio.x).rounded(.up)) - left + 2 * reach,
        height: Int((Double(region.maxY) * ratio.y).rounded(.up)) - top + 2 * reach),
      level: level)
  }
}

/// The stored pixels of one level of a slide.
public struct LevelSource: PixelSource {
  /// The slide that is read.
  public let slide: Slide
  /// The index of the level.
  public let level: Int

  /// Makes a view of one level.
  ///
  /// - Precondition: `level` is in `slide.levels.indices`.
  public init(slide: Slide, level: Int) {
    precondition(slide.levels.indices.contains(level), "level \(level) of \(slide.levels.count)")
    self.slide = slide
    self.level = level
  }

  /// Columns.
  public var width: Int { slide.levels[level].width }
  /// Rows.
  public var height: Int { slide.levels[level].height }

  /// Reads a region, in pixels of the level.
  public func read(_ region: PixelRegion) throws -> RGBImage {
    try slide.read(region, level: level)
  }
}

extension Slide {
  /// Level 0 as it is stored; needs no pixel size.
  public var level0Source: LevelSource { LevelSource(slide: self, level: 0) }

  /// The slide at a pixel size, the whole of level 0 from (0, 0).
  ///
  /// - Parameters:
  ///   - pixelSize: Microns a pixel of the result, both axes; greater than 0.
  ///   - option: The command-line option that the error for a missing pixel size names.
  /// - Returns: A source of `round(level-0 width in microns / pixelSize)` columns, rows likewise; where a
  ///   level has that pixel size within 0.5 %, that level as it is, with its own pixel size.
  /// - Throws: ``SlideError/missingPixelSize(path:option:)``.
  public func source(
    pixelSize: Double, option: String = "--slide-pixel-size"
  ) throws(SlideError) -> SlideSource {
    precondition(pixelSize > 0 && pixelSize.isFinite, "a pixel size of \(pixelSize) µm")
    let own = try requirePixelSize(option: option)
    var chosen = 0
    for (index, level) in levels.enumerated() where !misreadLevels.contains(index) {
      let x = own.x * level.downsampleX
      let y = own.y * level.downsampleY
      if max(abs(x / pixelSize - 1), abs(y / pixelSize - 1)) <= SlideSource.equalTolerance {
        return SlideSource(slide: self, level: index, pixelSize: PixelSize(x: x, y: y))
      }
      if x <= pixelSize, y <= pixelSize { chosen = index }
    }
    return SlideSource(slide: self, level: chosen, slidePixelSize: own, asked: pixelSize)
  }
}
