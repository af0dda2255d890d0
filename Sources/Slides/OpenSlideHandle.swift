import COpenSlide
import Glibc
import Synchronization

/// An open OpenSlide object: every call is followed by a look at its error state, and a failed object is
/// never used again.
///
/// OpenSlide's functions are safe on one object from several threads, except closing, which `deinit` does
/// when no user is left; so the pointer needs no lock. The lock guards the reason of the first failure.
final class OpenSlideHandle: Sendable {
  private nonisolated(unsafe) let pointer: OpaquePointer
  private let path: String
  private let failure = Mutex<SlideError?>(nil)

  init(path: String) throws(SlideError) {
    try OpenSlideHandle.checkReadable(path)
    TIFFTags.silenceLibrary()
    guard let pointer = openslide_open(path) else {
      throw .unsupported(path: path, reason: "OpenSlide does not know the format")
    }
    self.path = path
    self.pointer = pointer
    if let message = openslide_get_error(pointer) {
      // The object is closed by `deinit`, since all properties are set.
      let reason = OpenSlideHandle.oneLine(String(cString: message))
      throw reason.namesUnsupportedFormat
        ? .unsupported(path: path, reason: reason) : .corrupt(path: path, reason: reason)
    }
  }

  deinit { openslide_close(pointer) }

  /// All properties of the slide.
  func properties() throws(SlideError) -> [String: String] {
    try call { pointer in
      var result: [String: String] = [:]
      guard var name = openslide_get_property_names(pointer) else { return result }
      while let key = name.pointee {
        if let value = openslide_get_property_value(pointer, key) {
          result[String(cString: key)] = String(cString: value)
        }
        name += 1
      }
      return result
    }
  }

  /// The names of the pictures that come with the slide, such as `label` and `macro`.
  func associatedImageNames() throws(SlideError) -> [String] {
    try call { pointer in
      var result: [String] = []
      guard var name = openslide_get_associated_image_names(pointer) else { return result }
      while let key = name.pointee {
        result.append(String(cString: key))
        name += 1
      }
      return result
    }
  }

  func levelCount() throws(SlideError) -> Int {
    try call { Int(openslide_get_level_count($0)) }
  }

  func levelSize(_ level: Int) throws(SlideError) -> (width: Int, height: Int) {
    try call { pointer in
      var width: Int64 = 0
      var height: Int64 = 0
      openslide_get_level_dimensions(pointer, Int32(level), &width, &height)
      return (Int(width), Int(height))
    }
  }

  func levelDownsample(_ level: Int) throws(SlideError) -> Double {
    try call { openslide_get_level_downsample($0, Int32(level)) }
  }

  /// Fills `target` with `width · height` premultiplied ARGB values.
  func read(
    into target: UnsafeMutablePointer<UInt32>, level0X: Int, level0Y: Int, level: Int, width: Int,
    height: Int
  ) throws(SlideError) {
    try call { pointer in
      openslide_read_region(
        pointer, target, Int64(level0X), Int64(level0Y), Int32(level), Int64(width), Int64(height))
    }
  }

  private func call<Value>(_ body: (OpaquePointer) -> Value) throws(SlideError) -> Value {
    if let error = failure.withLock({ $0 }) { throw error }
    let value = body(pointer)
    guard let message = openslide_get_error(pointer) else { return value }
    let error = SlideError.failedReading(path, OpenSlideHandle.oneLine(String(cString: message)))
    throw failure.withLock { first in
      first = first ?? error
      return first ?? error
    }
  }

  /// Tells a missing, closed or empty file from one that is no slide; OpenSlide does not.
  private static func checkReadable(_ path: String) throws(SlideError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { throw .missing(path: path) }
      throw .unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      throw .unreadable(path: path, reason: "it is a folder")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(path: path, reason: "it is no regular file")
    }
    guard access(path, R_OK) == 0 else {
      throw .unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    guard status.st_size > 0 else { throw .unsupported(path: path, reason: "the file is empty") }
  }

  private static func oneLine(_ text: String) -> String {
    text.split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}

extension String {
  /// Whether a message of OpenSlide says that the file is whole but of a kind it cannot read.
  fileprivate var namesUnsupportedFormat: Bool {
    lowercased().contains("unsupported") || lowercased().contains("not supported")
  }
}
