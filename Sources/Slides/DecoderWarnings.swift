import CTIFF
import Glibc
import Synchronization

/// What libtiff and libjpeg warn of while they decode: damaged data that they paint over as they can.
final class DecoderWarnings: Sendable {
  /// What was heard since it was last told to forget.
  private struct Heard {
    var first: String?
    var pictureSize: (width: Int, height: Int)?
    var hasOtherSampling = false
  }

  private let heard = Mutex(Heard())

  /// The first warning of libjpeg.
  var first: String? { heard.withLock { $0.first } }

  /// The size of a tile's JPEG picture, where it is not the tile's.
  var pictureSize: (width: Int, height: Int)? { heard.withLock { $0.pictureSize } }

  /// Whether a JPEG picture was refused for its sampling of colours, which is not the directory's.
  var hasOtherSampling: Bool { heard.withLock { $0.hasOtherSampling } }

  func forget() { heard.withLock { $0 = Heard() } }

  /// Opens a file whose decoder warns here; this must outlive it.
  func open(_ path: String) -> OpaquePointer? {
    guard let options = TIFFOpenOptionsAlloc() else { return nil }
    defer { TIFFOpenOptionsFree(options) }
    TIFFOpenOptionsSetWarningHandlerExtR(
      options,
      { _, context, module, format, arguments in
        guard let context, let module, let format, let arguments else { return 1 }
        let source = String(cString: module)
        guard source == "JPEGLib" || source == "JPEGPreDecode" else { return 1 }
        var line = [CChar](repeating: 0, count: 256)
        vsnprintf(&line, line.count, format, arguments)
        let message = String(
          decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        Unmanaged<DecoderWarnings>.fromOpaque(context).takeUnretainedValue()
          .hear(message, from: source)
        return 1
      }, Unmanaged.passUnretained(self).toOpaque())
    TIFFOpenOptionsSetErrorHandlerExtR(
      options,
      { _, context, _, format, _ in
        // tif_jpeg.c of libtiff 4.5, JPEGPreDecode: "Improper JPEG sampling factors %d,%d\nApparently should be …".
        guard let context, let format, String(cString: format).hasPrefix("Improper JPEG sampling")
        else { return 1 }
        Unmanaged<DecoderWarnings>.fromOpaque(context).takeUnretainedValue().heard.withLock {
          $0.hasOtherSampling = true
        }
        return 1
      }, Unmanaged.passUnretained(self).toOpaque())
    return TIFFOpenExt(path, "rm", options)
  }

  private func hear(_ message: String, from source: String) {
    heard.withLock { heard in
      if source == "JPEGLib" {
        heard.first = heard.first ?? message
      } else {
        // tif_jpeg.c of libtiff 4.5, JPEGPreDecode: "Improper JPEG strip/tile size, expected %ux%u, got %ux%u". It
        // also tells of progressive pictures, which are whole.
        guard message.hasPrefix("Improper JPEG strip/tile size") else { return }
        let sizes = message.split(separator: " ").last?.split(separator: "x").compactMap { Int($0) }
        let size = sizes?.count == 2 ? sizes : nil
        heard.pictureSize = (size?[0] ?? 0, size?[1] ?? 0)
      }
    }
  }
}
