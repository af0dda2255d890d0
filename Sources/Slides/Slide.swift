public import Rasters

/// A whole-slide image, open for reading.
///
/// One object may be read from several threads at once; the file closes when the object goes away. The
/// file is never written.
///
/// ```swift
/// let slide = try Slide(path: "A12_HE.svs")
/// let overview = try slide.source(pixelSize: 8).read(…)
/// ```
public final class Slide: Sendable {
  /// The path that was opened.
  public let path: String
  /// The resolutions, finest first; there is at least one.
  public let levels: [SlideLevel]
  /// What OpenSlide and the file say about the slide, by OpenSlide's names.
  public let properties: [String: String]
  /// OpenSlide's name for the format, such as `aperio` or `generic-tiff`.
  public let vendor: String
  /// The size of a level-0 pixel; nothing where the file and the caller name none.
  public let pixelSize: PixelSize?
  /// Where the pixel size came from; nothing where there is none.
  public let pixelSizeSource: PixelSizeSource?
  /// The magnification of the objective, such as 20, where the file states it.
  public let objective: Double?
  /// The part of level 0 that holds pixels, where the format states it; level 0 is the frame all the same.
  public let scannedBounds: PixelRegion?
  /// What shows where the slide has no pixels; white unless the file names a colour.
  public let background: RGBColor
  /// The names of the pictures that come with the slide, such as `label` and `macro`, sorted.
  public let associatedImageNames: [String]
  /// What a user should know about this slide, one line each; empty for a slide without oddities.
  public let problems: [String]

  let handle: OpenSlideHandle
  /// Reads what is stored plainly; nothing where OpenSlide reads every level.
  let tiles: TIFFTileReader?
  /// Lossless levels smaller than a tile, which OpenSlide 3.4.1 reads as garbage and `tiles` cannot read.
  let misreadLevels: Set<Int>

  /// Opens a slide.
  ///
  /// - Parameters:
  ///   - path: The file, in any format that OpenSlide reads.
  ///   - pixelSizeOverride: Microns a level-0 pixel, from an option of the command line: wins over what
  ///     the file states.
  ///   - configuredPixelSize: Microns a level-0 pixel, from the configuration: used where the file states
  ///     none.
  ///   - readsTilesDirectly: Whether plainly stored TIFF levels are read without OpenSlide, which is faster
  ///     and exact; both give equal pixels where OpenSlide does not interpolate.
  /// - Throws: ``SlideError/missing(path:)``, ``SlideError/unreadable(path:reason:)``,
  ///   ``SlideError/unsupported(path:reason:)``, ``SlideError/corrupt(path:reason:)``, and
  ///   ``SlideError/implausiblePixelSize(path:microns:)`` for a given pixel size outside 0.05…20 µm.
  public init(
    path: String, pixelSizeOverride: Double? = nil, configuredPixelSize: Double? = nil,
    readsTilesDirectly: Bool = true
  ) throws(SlideError) {
    for microns in [pixelSizeOverride, configuredPixelSize].compactMap(\.self)
    where !PixelSize.plausibleMicrons.contains(microns) {
      throw .implausiblePixelSize(path: path, microns: microns)
    }
    let handle = try OpenSlideHandle(path: path)
    let properties = try handle.properties()
    let levels = try Slide.readLevels(handle, properties: properties, path: path)
    let tags = TIFFTags.read(path: path)
    let reader = PixelSizeReader(
      properties: properties, tags: tags, option: pixelSizeOverride,
      configuration: configuredPixelSize)
    let found = reader.found()
    self.path = path
    self.handle = handle
    self.properties = properties
    self.levels = levels
    let vendor = properties["openslide.vendor"] ?? "unknown"
    let tiles: TIFFTileReader? =
      readsTilesDirectly && Slide.vendorsOfPlainTIFF.contains(vendor)
      ? TIFFTileReader(path: path, levels: levels) : nil
    self.vendor = vendor
    self.tiles = tiles
    misreadLevels = Set(
      levels.indices.filter { index in
        vendor == "generic-tiff" && tags?.isJPEG == false && levels[index].isSmallerThanTile
          && tiles?.reads(level: index) != true
      })
    pixelSize = found?.size
    pixelSizeSource = found?.source
    objective = properties["openslide.objective-power"].flatMap(Double.init)
    scannedBounds = Slide.scannedBounds(properties)
    background = properties["openslide.background-color"].flatMap(Slide.color) ?? .white
    associatedImageNames = try handle.associatedImageNames().sorted()
    problems = SlideProblems.list(reader: reader, found: found, levels: levels)
  }

  /// Columns of level 0.
  public var width: Int { levels[0].width }
  /// Rows of level 0.
  public var height: Int { levels[0].height }

  /// The size of a level-0 pixel, or an error that tells how to give it.
  ///
  /// - Parameter option: The command-line option that the error names.
  /// - Returns: Microns along each axis.
  /// - Throws: ``SlideError/missingPixelSize(path:option:)``.
  public func requirePixelSize(
    option: String = "--slide-pixel-size"
  ) throws(SlideError) -> PixelSize {
    guard let pixelSize else { throw .missingPixelSize(path: path, option: option) }
    return pixelSize
  }

  /// The coarsest level that can be read and is fine enough.
  ///
  /// - Parameter isFine: Whether a level is fine enough.
  /// - Returns: The index of the level; the finest where none is.
  public func coarsestLevel(where isFine: (SlideLevel) -> Bool) -> Int {
    levels.indices.last { !misreadLevels.contains($0) && isFine(levels[$0]) } ?? 0
  }

  /// The ICC profile of the file, as stored; nothing where there is none or the file is no TIFF.
  public func iccProfile() -> [UInt8]? { TIFFTags.read(path: path)?.iccProfile }

  /// The formats whose levels are directories of the file as they stand.
  private static let vendorsOfPlainTIFF: Set<String> = ["aperio", "generic-tiff"]

  private static func readLevels(
    _ handle: OpenSlideHandle, properties: [String: String], path: String
  ) throws(SlideError) -> [SlideLevel] {
    let count = try handle.levelCount()
    guard count > 0 else { throw .corrupt(path: path, reason: "it holds no level") }
    let full = try handle.levelSize(0)
    var levels: [SlideLevel] = []
    for index in 0..<count {
      let size = try handle.levelSize(index)
      // 2³⁰ pixels a side are 100 m of glass at 0.1 µm; beyond, sums of pixels could overflow.
      guard (1...(1 << 30)).contains(size.width), (1...(1 << 30)).contains(size.height) else {
        throw .corrupt(
          path: path, reason: "level \(index) has \(size.width) × \(size.height) pixels")
      }
      let tileWidth = properties["openslide.level[\(index)].tile-width"].flatMap { Int($0) }
      let tileHeight = properties["openslide.level[\(index)].tile-height"].flatMap { Int($0) }
      try checkTile(width: tileWidth, height: tileHeight, level: index, path: path)
      levels.append(
        SlideLevel(
          width: size.width, height: size.height,
          downsampleX: SlideLevel.downsample(full: full.width, lower: size.width),
          downsampleY: SlideLevel.downsample(full: full.height, lower: size.height),
          tileWidth: tileWidth, tileHeight: tileHeight,
          openSlideDownsample: try handle.levelDownsample(index)))
    }
    return levels
  }

  /// Refuses tiles that no scanner writes: OpenSlide 3.4.1 writes beyond its buffer where the bytes of a
  /// tile overflow 32 bits.
  private static func checkTile(
    width: Int?, height: Int?, level: Int, path: String
  ) throws(SlideError) {
    guard let width, let height else { return }
    let isPlausible =
      (1...largestTileSide).contains(width) && (1...largestTileSide).contains(height)
      && width * height <= largestTilePixelCount
    guard isPlausible else {
      throw .corrupt(path: path, reason: "level \(level) has tiles of \(width) × \(height) pixels")
    }
  }

  private static let largestTileSide = 1 << 20
  /// 256 MiB of ARGB.
  private static let largestTilePixelCount = 1 << 26

  private static func scannedBounds(_ properties: [String: String]) -> PixelRegion? {
    let numbers = ["x", "y", "width", "height"].compactMap { name in
      properties["openslide.bounds-\(name)"].flatMap { Int($0) }
    }
    guard numbers.count == 4, numbers[2] >= 0, numbers[3] >= 0 else { return nil }
    return PixelRegion(x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3])
  }

  /// Reads six hexadecimal digits, red first.
  private static func color(_ text: String) -> RGBColor? {
    guard text.count == 6, let value = UInt32(text, radix: 16) else { return nil }
    return RGBColor(
      red: UInt8(value >> 16), green: UInt8(value >> 8 & 255), blue: UInt8(value & 255))
  }
}
