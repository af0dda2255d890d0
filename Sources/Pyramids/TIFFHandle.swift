import CTIFF
import Glibc

/// A libtiff handle that keeps its error messages to itself and closes when it goes away.
struct TIFFHandle: ~Copyable {
  let pointer: OpaquePointer
  private let messages: Messages

  /// Opens a file for reading; nothing where it is no TIFF.
  init?(reading path: String) {
    self.init { TIFFOpenExt(path, "r", $0) }
  }

  /// Opens whatever `open` does, with this handle's own error handler.
  init?(_ open: (OpaquePointer) -> OpaquePointer?) {
    let messages = Messages()
    guard let options = TIFFOpenOptionsAlloc() else { return nil }
    defer { TIFFOpenOptionsFree(options) }
    let context = Unmanaged.passUnretained(messages).toOpaque()
    TIFFOpenOptionsSetErrorHandlerExtR(options, Self.keep, context)
    TIFFOpenOptionsSetWarningHandlerExtR(options, Self.keep, context)
    let pointer = withExtendedLifetime(messages) { open(options) }
    guard let pointer else { return nil }
    self.pointer = pointer
    self.messages = messages
  }

  deinit { TIFFClose(pointer) }

  /// The first error or warning so far.
  var message: String? { messages.first }

  /// Sets a tag; false where libtiff refuses the value.
  func set(_ tag: Int32, _ values: any CVarArg...) -> Bool {
    withVaList(values) { TIFFVSetField(pointer, UInt32(tag), $0) } == 1
  }

  /// The value of a tag that libtiff stores as 16 bits; nothing where it is absent.
  func short(_ tag: Int32) -> Int? {
    var value: UInt16 = 0
    return get(tag, &value) ? Int(value) : nil
  }

  /// The value of a tag that libtiff stores as 32 bits; nothing where it is absent.
  func long(_ tag: Int32) -> Int? {
    var value: UInt32 = 0
    return get(tag, &value) ? Int(value) : nil
  }

  /// The value of a tag that libtiff stores as a float; nothing where it is absent.
  func float(_ tag: Int32) -> Float? {
    var value: Float = 0
    return get(tag, &value) ? value : nil
  }

  /// The bytes of a tag of untyped data; nothing where it is absent.
  func bytes(_ tag: Int32) -> [UInt8]? {
    var count: UInt32 = 0
    var start: UnsafeMutableRawPointer?
    let isSet = withUnsafeMutablePointer(to: &count) { count in
      withUnsafeMutablePointer(to: &start) { start in
        withVaList([count, start]) { TIFFVGetField(pointer, UInt32(tag), $0) == 1 }
      }
    }
    guard isSet else { return nil }
    return Array(UnsafeRawBufferPointer(start: start, count: Int(count)))
  }

  /// The offsets of the directories that the current one lists as its SubIFDs.
  func subDirectoryOffsets() -> [UInt64] {
    var count: UInt16 = 0
    var start: UnsafeMutablePointer<UInt64>?
    let isSet = withUnsafeMutablePointer(to: &count) { count in
      withUnsafeMutablePointer(to: &start) { start in
        withVaList([count, start]) {
          TIFFVGetField(pointer, UInt32(TIFFTAG_SUBIFD), $0) == 1
        }
      }
    }
    guard isSet, let start else { return [] }
    return Array(UnsafeBufferPointer(start: start, count: Int(count)))
  }

  private func get<Value>(_ tag: Int32, _ value: inout Value) -> Bool {
    withUnsafeMutablePointer(to: &value) { value in
      withVaList([value]) { TIFFVGetField(pointer, UInt32(tag), $0) == 1 }
    }
  }

  /// What libtiff said.
  private final class Messages {
    var first: String?
  }

  private static let keep: TIFFErrorHandlerExtR = { _, context, _, format, arguments in
    guard let context, let format, let arguments else { return 1 }
    let messages = Unmanaged<Messages>.fromOpaque(context).takeUnretainedValue()
    guard messages.first == nil else { return 1 }
    var line = [CChar](repeating: 0, count: 256)
    vsnprintf(&line, line.count, format, arguments)
    let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    messages.first = String(decoding: bytes, as: UTF8.self)
    return 1
  }
}
