import CTIFF

/// One open handle of a TIFF file, set to one directory; used by one thread at a time.
///
/// The pool that lends handles out sees to that.
final class TIFFTileFile: Sendable {
  private nonisolated(unsafe) let pointer: OpaquePointer
  /// The bytes of a decoded tile, as it is stored.
  private let tileByteCount: Int
  private let layout: TIFFTileLayout
  private let warnings: DecoderWarnings

  /// Opens a directory; nothing where it is not stored as `layout` says.
  init?(path: String, directory: Int, layout: TIFFTileLayout) {
    TIFFTags.silenceLibrary()
    let warnings = DecoderWarnings()
    guard let file = warnings.open(path) else { return nil }
    self.warnings = warnings
    self.layout = layout
    pointer = file
    tileByteCount = layout.tileWidth * layout.tileHeight * layout.samples
    guard TIFFSetDirectory(file, tdir_t(directory)) == 1,
      TIFFTileLayout(file) == layout, layout.isReadable
    else { return nil }
    if layout.compression == COMPRESSION_JPEG, layout.photometric == PHOTOMETRIC_YCBCR {
      let isSet = withVaList([JPEGCOLORMODE_RGB]) {
        TIFFVSetField(file, UInt32(TIFFTAG_JPEGCOLORMODE), $0)
      }
      guard isSet == 1 else { return nil }
    }
    guard Int(TIFFTileSize(file)) == tileByteCount else { return nil }
  }

  deinit { TIFFClose(pointer) }

  /// The red, green and blue of one tile, row by row.
  ///
  /// - Returns: The pixels, white where the data hold none, and what is wrong with the data if they decode
  ///   all the same; nothing where the tile cannot be decoded.
  func tile(_ index: Int) -> (pixels: [UInt8], damage: String?)? {
    warnings.forget()
    // libtiff takes a JPEG picture smaller than its tile, and writes to the pixels that it has.
    var pixels = [UInt8](repeating: 255, count: tileByteCount)
    let read = pixels.withUnsafeMutableBytes {
      TIFFReadEncodedTile(pointer, UInt32(index), $0.baseAddress, tmsize_t($0.count))
    }
    guard Int(read) == tileByteCount else { return nil }
    if layout.samples == 1 { pixels = Self.colors(ofGrey: pixels) }
    return (pixels, warnings.first ?? shortage(ofTile: index))
  }

  /// Each value three times.
  private static func colors(ofGrey values: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 3 * values.count) { colors, count in
      for (index, value) in values.enumerated() {
        for channel in 0..<3 { colors[3 * index + channel] = value }
      }
      count = 3 * values.count
    }
  }

  /// Whether the last tile was refused since its JPEG data are sampled other than the directory says, which
  /// OpenSlide takes from the data.
  var hasOtherSampling: Bool { warnings.hasOtherSampling }

  /// What a tile's picture lacks of the level; nothing where it reaches to the level's edges.
  private func shortage(ofTile index: Int) -> String? {
    guard let size = warnings.pictureSize else { return nil }
    let across = (layout.width + layout.tileWidth - 1) / layout.tileWidth
    let width = min(layout.tileWidth, layout.width - index % across * layout.tileWidth)
    let height = min(layout.tileHeight, layout.height - index / across * layout.tileHeight)
    guard size.width < width || size.height < height else { return nil }
    return "its picture has \(size.width) × \(size.height) pixels in place of \(width) × \(height)"
  }
}

/// How a directory stores its pixels.
struct TIFFTileLayout: Hashable, Sendable {
  let width: Int
  let height: Int
  let tileWidth: Int
  let tileHeight: Int
  let compression: Int32
  let photometric: Int32
  /// Values a pixel: 1 for grey, 3 for colour.
  let samples: Int
  private let bits: UInt16
  private let planar: UInt16
  private let orientation: UInt16
  private let format: UInt16
  /// OpenSlide fills tiles that were never written from other levels.
  private let hasEveryTile: Bool

  /// Reads the layout of the current directory; nothing where it has no tiles.
  init?(_ file: OpaquePointer) {
    guard TIFFIsTiled(file) == 1,
      let width: UInt32 = Self.value(file, TIFFTAG_IMAGEWIDTH),
      let height: UInt32 = Self.value(file, TIFFTAG_IMAGELENGTH),
      let tileWidth: UInt32 = Self.value(file, TIFFTAG_TILEWIDTH),
      let tileHeight: UInt32 = Self.value(file, TIFFTAG_TILELENGTH),
      let photometric: UInt16 = Self.value(file, TIFFTAG_PHOTOMETRIC)
    else { return nil }
    self.width = Int(width)
    self.height = Int(height)
    self.tileWidth = Int(tileWidth)
    self.tileHeight = Int(tileHeight)
    self.photometric = Int32(photometric)
    let compression: UInt16 = Self.value(file, TIFFTAG_COMPRESSION) ?? UInt16(COMPRESSION_NONE)
    self.compression = Int32(compression)
    let samples: UInt16 = Self.value(file, TIFFTAG_SAMPLESPERPIXEL) ?? 1
    self.samples = Int(samples)
    bits = Self.value(file, TIFFTAG_BITSPERSAMPLE) ?? 1
    planar = Self.value(file, TIFFTAG_PLANARCONFIG) ?? UInt16(PLANARCONFIG_CONTIG)
    orientation = Self.value(file, TIFFTAG_ORIENTATION) ?? UInt16(ORIENTATION_TOPLEFT)
    format = Self.value(file, TIFFTAG_SAMPLEFORMAT) ?? UInt16(SAMPLEFORMAT_UINT)
    hasEveryTile = (0..<TIFFNumberOfTiles(file)).allSatisfy {
      TIFFGetStrileByteCount(file, $0) > 0
    }
  }

  /// Whether all tiles are there and decode to 8-bit red, green and blue, or grey, that need no turning.
  var isReadable: Bool {
    let isPlain =
      hasEveryTile && bits == 8 && planar == UInt16(PLANARCONFIG_CONTIG)
      && orientation == UInt16(ORIENTATION_TOPLEFT) && format == UInt16(SAMPLEFORMAT_UINT)
    let isGrey = samples == 1 && photometric == PHOTOMETRIC_MINISBLACK
    let isColor = samples == 3 && photometric == PHOTOMETRIC_RGB
    switch compression {
    case COMPRESSION_JPEG:
      return isPlain && (isGrey || isColor || samples == 3 && photometric == PHOTOMETRIC_YCBCR)
    case COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE:
      return isPlain && (isGrey || isColor)
    default:
      return false
    }
  }

  private static func value<Value: FixedWidthInteger>(_ file: OpaquePointer, _ tag: Int32) -> Value?
  {
    var value: Value = 0
    let isPresent = withUnsafeMutablePointer(to: &value) { pointer in
      withVaList([pointer]) { TIFFVGetField(file, UInt32(tag), $0) } == 1
    }
    return isPresent ? value : nil
  }
}
