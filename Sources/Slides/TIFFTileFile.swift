import CTIFF
import Glibc
import Synchronization

/// One open handle of a TIFF file, set to one directory; used by one thread at a time.
///
/// The pool that lends handles out sees to that.
final class TIFFTileFile: Sendable {
  private nonisolated(unsafe) let pointer: OpaquePointer
  /// The bytes of a decoded tile.
  private let tileByteCount: Int
  private let warnings: DecoderWarnings

  /// Opens a directory; nothing where it is not stored as `layout` says.
  init?(path: String, directory: Int, layout: TIFFTileLayout) {
    TIFFTags.silenceLibrary()
    let warnings = DecoderWarnings()
    guard let file = warnings.open(path) else { return nil }
    self.warnings = warnings
    pointer = file
    tileByteCount = layout.tileWidth * layout.tileHeight * 3
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
  /// - Returns: The pixels, and what the decoder found wrong with the data if it went on all the same;
  ///   nothing where the tile cannot be decoded.
  func tile(_ index: Int) -> (pixels: [UInt8], damage: String?)? {
    var isComplete = false
    warnings.forget()
    let pixels = [UInt8](unsafeUninitializedCapacity: tileByteCount) { buffer, count in
      let read = TIFFReadEncodedTile(
        pointer, UInt32(index), buffer.baseAddress, tmsize_t(tileByteCount))
      isComplete = Int(read) == tileByteCount
      count = isComplete ? tileByteCount : 0
    }
    return isComplete ? (pixels, warnings.first) : nil
  }
}

/// What libjpeg warns of while it decodes: damaged data that it paints over as it can.
private final class DecoderWarnings: Sendable {
  private let text = Mutex<String?>(nil)

  /// The first warning since it was last told to forget.
  var first: String? { text.withLock { $0 } }

  func forget() { text.withLock { $0 = nil } }

  /// Opens a file whose decoder warns here; this must outlive it.
  func open(_ path: String) -> OpaquePointer? {
    guard let options = TIFFOpenOptionsAlloc() else { return nil }
    defer { TIFFOpenOptionsFree(options) }
    TIFFOpenOptionsSetWarningHandlerExtR(
      options,
      { _, context, module, format, arguments in
        guard let context, let module, strcmp(module, "JPEGLib") == 0, let format, let arguments
        else { return 1 }
        var line = [CChar](repeating: 0, count: 256)
        vsnprintf(&line, line.count, format, arguments)
        let message = String(
          decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let warnings = Unmanaged<DecoderWarnings>.fromOpaque(context).takeUnretainedValue()
        warnings.text.withLock { $0 = $0 ?? message }
        return 1
      }, Unmanaged.passUnretained(self).toOpaque())
    return TIFFOpenExt(path, "rm", options)
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
  private let samples: UInt16
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
    samples = Self.value(file, TIFFTAG_SAMPLESPERPIXEL) ?? 1
    bits = Self.value(file, TIFFTAG_BITSPERSAMPLE) ?? 1
    planar = Self.value(file, TIFFTAG_PLANARCONFIG) ?? UInt16(PLANARCONFIG_CONTIG)
    orientation = Self.value(file, TIFFTAG_ORIENTATION) ?? UInt16(ORIENTATION_TOPLEFT)
    format = Self.value(file, TIFFTAG_SAMPLEFORMAT) ?? UInt16(SAMPLEFORMAT_UINT)
    hasEveryTile = (0..<TIFFNumberOfTiles(file)).allSatisfy {
      TIFFGetStrileByteCount(file, $0) > 0
    }
  }

  /// Whether all tiles are there and decode to 8-bit red, green and blue that need no turning.
  var isReadable: Bool {
    let isPlain =
      hasEveryTile && samples == 3 && bits == 8 && planar == UInt16(PLANARCONFIG_CONTIG)
      && orientation == UInt16(ORIENTATION_TOPLEFT) && format == UInt16(SAMPLEFORMAT_UINT)
    switch compression {
    case COMPRESSION_JPEG:
      return isPlain && (photometric == PHOTOMETRIC_RGB || photometric == PHOTOMETRIC_YCBCR)
    case COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE:
      return isPlain && photometric == PHOTOMETRIC_RGB
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
