import CTIFF
import Glibc

/// A TIFF that libtiff writes to, or reads from, an array of bytes instead of a file.
///
/// libtiff's codecs are the only compressors here; this is the road to them. Errors and warnings of
/// the handle are kept, and nothing goes to the terminal.
final class MemoryTIFF {
  /// The contents of the file so far.
  private(set) var bytes: [UInt8]
  /// The last error that libtiff or a codec reported.
  private(set) var errorMessage: String?
  /// The first warning that the JPEG codec gave; it warns where data are damaged and goes on.
  private(set) var damageMessage: String?
  private var position = 0
  private var handle: OpaquePointer?

  /// Starts an empty file to write to.
  init() {
    bytes = []
    open(mode: "w")
  }

  /// Opens the bytes of a file for reading.
  init(reading bytes: [UInt8]) {
    self.bytes = bytes
    open(mode: "rm")
  }

  deinit { close() }

  /// Sets a tag; false where libtiff refuses the value.
  func set(_ tag: Int32, _ values: any CVarArg...) -> Bool {
    guard let handle else { return false }
    return withVaList(values) { TIFFVSetField(handle, UInt32(tag), $0) } == 1
  }

  /// Compresses the one strip of the file and returns what the codec made of it.
  func encodeStrip(_ pixels: UnsafeMutableRawBufferPointer) -> ArraySlice<UInt8>? {
    guard let handle else { return nil }
    let start = bytes.count
    let count = TIFFWriteEncodedStrip(handle, 0, pixels.baseAddress, tmsize_t(pixels.count))
    guard count == tmsize_t(pixels.count), errorMessage == nil else { return nil }
    return bytes[start...]
  }

  /// Puts a ready compressed strip into the file and finishes it.
  func writeRawStrip(_ strip: [UInt8]) -> Bool {
    guard let handle else { return false }
    var strip = strip
    let count = strip.count
    let written = strip.withUnsafeMutableBytes {
      TIFFWriteRawStrip(handle, 0, $0.baseAddress, tmsize_t(count))
    }
    close()
    return written == tmsize_t(count) && errorMessage == nil
  }

  /// Decompresses the one strip of the file into `byteCount` bytes.
  func decodeStrip(byteCount: Int) -> [UInt8]? {
    guard let handle else { return nil }
    var decoded = 0
    let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      decoded = Int(
        TIFFReadEncodedStrip(handle, 0, buffer.baseAddress, tmsize_t(byteCount)))
      count = decoded == byteCount ? byteCount : 0
    }
    return decoded == byteCount && errorMessage == nil ? pixels : nil
  }

  private func close() {
    guard let open = handle else { return }
    handle = nil
    TIFFClose(open)
  }

  private func open(mode: String) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    guard let options = TIFFOpenOptionsAlloc() else { return }
    defer { TIFFOpenOptionsFree(options) }
    TIFFOpenOptionsSetErrorHandlerExtR(
      options,
      { _, context, _, format, arguments in
        MemoryTIFF.from(context)?.note(error: MemoryTIFF.text(format, arguments))
        return 1
      }, context)
    TIFFOpenOptionsSetWarningHandlerExtR(
      options,
      { _, context, module, format, arguments in
        guard let module, strcmp(module, "JPEGLib") == 0 else { return 1 }
        MemoryTIFF.from(context)?.note(damage: MemoryTIFF.text(format, arguments))
        return 1
      }, context)
    handle = TIFFClientOpenExt(
      "picture", mode, context,
      { context, target, count in MemoryTIFF.from(context)?.read(into: target, count) ?? -1 },
      { context, source, count in MemoryTIFF.from(context)?.write(source, count) ?? -1 },
      { context, offset, origin in MemoryTIFF.from(context)?.seek(offset, origin) ?? 0 },
      { _ in 0 },
      { context in UInt64(MemoryTIFF.from(context)?.bytes.count ?? 0) },
      { _, _, _ in 0 }, { _, _, _ in }, options)
  }

  private static func from(_ context: UnsafeMutableRawPointer?) -> MemoryTIFF? {
    context.map { Unmanaged<MemoryTIFF>.fromOpaque($0).takeUnretainedValue() }
  }

  private static func text(
    _ format: UnsafePointer<CChar>?, _ arguments: CVaListPointer?
  ) -> String {
    guard let format, let arguments else { return "unknown" }
    var line = [CChar](repeating: 0, count: 256)
    vsnprintf(&line, line.count, format, arguments)
    return String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private func note(error: String) { errorMessage = errorMessage ?? error }
  private func note(damage: String) { damageMessage = damageMessage ?? damage }

  private func read(into target: UnsafeMutableRawPointer?, _ count: tmsize_t) -> tmsize_t {
    let available = max(0, min(Int(count), bytes.count - position))
    guard let target, available > 0 else { return 0 }
    bytes.withUnsafeBytes {
      UnsafeMutableRawBufferPointer(start: target, count: available)
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<(position + available)]))
    }
    position += available
    return tmsize_t(available)
  }

  private func write(_ source: UnsafeMutableRawPointer?, _ count: tmsize_t) -> tmsize_t {
    guard let source, count >= 0 else { return -1 }
    let end = position + Int(count)
    if position == bytes.count {
      bytes.append(contentsOf: UnsafeRawBufferPointer(start: source, count: Int(count)))
    } else {
      if end > bytes.count { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
      bytes.withUnsafeMutableBytes {
        UnsafeMutableRawBufferPointer(rebasing: $0[position..<end])
          .copyMemory(from: UnsafeRawBufferPointer(start: source, count: Int(count)))
      }
    }
    position = end
    return count
  }

  private func seek(_ offset: UInt64, _ origin: Int32) -> UInt64 {
    let start = origin == SEEK_SET ? 0 : origin == SEEK_CUR ? position : bytes.count
    position = max(0, start &+ Int(truncatingIfNeeded: offset))
    return UInt64(position)
  }
}
