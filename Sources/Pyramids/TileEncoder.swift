import CTIFF
import Glibc

/// Compresses tiles with libtiff's codecs, through a TIFF that exists in memory alone; one a thread.
///
/// What the codec writes for a tile is caught on its way to the file, so the handle needs no space.
/// The tiles of one set of options share their JPEG tables, whichever encoder made them.
final class TileEncoder {
  /// Tiles that one handle takes; libtiff keeps 16 bytes for each.
  private static let tilesPerHandle = 4096

  private let options: PyramidOptions
  private let catcher = Catcher()
  private var handle: TIFFHandle?
  private var nextTile = 0

  /// Makes an encoder; libtiff is asked when the first tile comes.
  init(options: PyramidOptions) { self.options = options }

  // libtiff writes into the catcher until its handle is closed.
  deinit { handle = nil }

  /// Compresses one tile.
  ///
  /// - Parameter pixels: The tile's 256 · 256 · 3 bytes; libtiff may use them as its scratch.
  /// - Returns: The compressed bytes.
  /// - Throws: ``Failure`` with libtiff's reason.
  func encode(_ pixels: UnsafeMutableRawBufferPointer) throws(Failure) -> [UInt8] {
    guard options.compression != .none else { return [UInt8](pixels) }
    if handle == nil || nextTile == Self.tilesPerHandle { try reopen() }
    catcher.bytes.removeAll(keepingCapacity: true)
    catcher.isCatching = true
    let count = tmsize_t(pixels.count)
    let written =
      switch handle {
      case .some(let handle):
        TIFFWriteEncodedTile(handle.pointer, UInt32(nextTile), pixels.baseAddress, count)
      case nil: tmsize_t(-1)
      }
    catcher.isCatching = false
    nextTile += 1
    guard written == count, !catcher.bytes.isEmpty else { throw failure() }
    // A copy of the exact size: the catcher's own buffer is used again.
    return Array(catcher.bytes[...])
  }

  /// The tables that every tile's JPEG stream refers to; nothing for other compressions.
  func jpegTables() throws(Failure) -> [UInt8]? {
    guard options.compression == .jpeg else { return nil }
    var blank = [UInt8](repeating: 255, count: PyramidPlan.tileByteCount)
    let result = blank.withUnsafeMutableBytes { pixels in
      Result { () throws(Failure) in try encode(pixels) }
    }
    _ = try result.get()
    let tables =
      switch handle {
      case .some(let handle): handle.bytes(TIFFTAG_JPEGTABLES)
      case nil: [UInt8]?.none
      }
    guard let tables, tables.starts(with: [0xFF, 0xD8]) else { throw failure() }
    return tables
  }

  /// Why libtiff could not compress.
  struct Failure: Error {
    let reason: String
  }

  private func failure() -> Failure {
    let message: String? =
      switch handle {
      case .some(let handle): handle.message
      case nil: nil
      }
    return Failure(reason: message ?? "libtiff gave no reason")
  }

  private func reopen() throws(Failure) {
    nextTile = 0
    handle = nil
    let context = Unmanaged.passUnretained(catcher).toOpaque()
    handle = TIFFHandle { options in
      TIFFClientOpenExt(
        "tile", "w8m", context, { _, _, _ in 0 },
        { context, source, count in
          guard let context, let source else { return -1 }
          Unmanaged<Catcher>.fromOpaque(context).takeUnretainedValue().write(source, Int(count))
          return count
        },
        { context, offset, origin in
          guard let context else { return 0 }
          return Unmanaged<Catcher>.fromOpaque(context).takeUnretainedValue().seek(offset, origin)
        },
        { _ in 0 },
        { context in
          guard let context else { return 0 }
          return Unmanaged<Catcher>.fromOpaque(context).takeUnretainedValue().end
        },
        { _, _, _ in 0 }, { _, _, _ in }, options)
    }
    guard setTags() else { throw failure() }
  }

  private func setTags() -> Bool {
    let side = Int32(PyramidPlan.tileSide)
    switch handle {
    case nil: return false
    case .some(let handle):
      let isReady =
        handle.set(TIFFTAG_IMAGEWIDTH, side)
        && handle.set(TIFFTAG_IMAGELENGTH, side * Int32(Self.tilesPerHandle))
        && handle.set(TIFFTAG_TILEWIDTH, side) && handle.set(TIFFTAG_TILELENGTH, side)
        && handle.set(TIFFTAG_BITSPERSAMPLE, Int32(8))
        && handle.set(TIFFTAG_SAMPLESPERPIXEL, Int32(3))
        && handle.set(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG)
        && handle.set(TIFFTAG_COMPRESSION, options.compression.tagValue)
        && handle.set(TIFFTAG_PHOTOMETRIC, options.compression.photometric)
      guard isReady else { return false }
      guard options.compression == .jpeg else {
        return handle.set(TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL)
      }
      let subsampling = Int32(options.chromaSubsampling)
      return handle.set(TIFFTAG_YCBCRSUBSAMPLING, subsampling, subsampling)
        && handle.set(TIFFTAG_JPEGQUALITY, Int32(options.quality))
        && handle.set(TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB)
    }
  }

  /// The file that libtiff believes to write.
  private final class Catcher {
    var bytes: [UInt8] = []
    var isCatching = false
    private(set) var end: UInt64 = 0
    private var position: UInt64 = 0

    func write(_ source: UnsafeRawPointer, _ count: Int) {
      if isCatching {
        bytes.append(contentsOf: UnsafeRawBufferPointer(start: source, count: count))
      }
      position += UInt64(count)
      end = max(end, position)
    }

    func seek(_ offset: UInt64, _ origin: Int32) -> UInt64 {
      position = offset &+ (origin == SEEK_SET ? 0 : origin == SEEK_CUR ? position : end)
      return position
    }
  }
}

extension PyramidCompression {
  /// The value of the Compression tag.
  var tagValue: Int32 {
    switch self {
    case .jpeg: COMPRESSION_JPEG
    case .lzw: COMPRESSION_LZW
    case .deflate: COMPRESSION_ADOBE_DEFLATE
    case .none: COMPRESSION_NONE
    }
  }

  /// The value of the PhotometricInterpretation tag.
  var photometric: Int32 { self == .jpeg ? PHOTOMETRIC_YCBCR : PHOTOMETRIC_RGB }
}
