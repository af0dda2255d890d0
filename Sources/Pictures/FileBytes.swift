import Glibc

/// Whole files in and out, with the reason of the system in each error.
enum FileBytes {
  /// Reads a whole file.
  static func read(path: String) throws(PictureError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { throw .missing(path: path) }
      throw .unreadable(path: path, reason: reason())
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .unreadable(path: path, reason: reason())
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .unreadable(path: path, reason: "not a regular file")
    }
    var failure: String?
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
      while count < buffer.count {
        let target = UnsafeMutableRawBufferPointer(buffer)[count...]
        let step = Glibc.read(
          descriptor, UnsafeMutableRawBufferPointer(rebasing: target).baseAddress, target.count)
        if step < 0, errno == EINTR { continue }
        if step < 0 { failure = reason() }
        if step <= 0 { break }
        count += step
      }
    }
    if let failure { throw .unreadable(path: path, reason: failure) }
    return bytes
  }

  /// Writes `path.partial`, flushes it and gives it its name.
  static func write(_ bytes: [UInt8], path: String) throws(PictureError) {
    let partial = path + ".partial"
    // A file that has the name may be a slide by another name: never written, only let go.
    var status = stat()
    if stat(partial, &status) == 0, status.st_mode & S_IFMT == S_IFREG { unlink(partial) }
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw PictureError.writing(path, errorNumber: errno) }
    var isComplete = bytes.withUnsafeBytes { writeAll($0, to: descriptor) }
    isComplete = isComplete && fsync(descriptor) == 0
    let problem = errno
    isComplete = close(descriptor) == 0 && isComplete
    guard isComplete, rename(partial, path) == 0 else {
      let problem = isComplete ? errno : problem
      unlink(partial)
      throw PictureError.writing(path, errorNumber: problem)
    }
  }

  private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let step = Glibc.write(
        descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if step < 0, errno == EINTR { continue }
      guard step > 0 else { return false }
      rest = rest.dropFirst(step)
    }
    return true
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
