import Glibc

/// The file that a pyramid grows in until it gets its name: `path.partial`, locked by its writer.
final class PartialFile {
  /// The final name.
  let path: String
  /// Bytes so far; the next ones go here.
  private(set) var byteCount = 0
  private let descriptor: Int32
  private static let beginningByteCount = 16

  /// The name while the file is incomplete.
  var partialPath: String { path + ".partial" }

  /// Opens the partial file of a path and locks it.
  ///
  /// - Parameters:
  ///   - path: The final name.
  ///   - byteCount: How much of an existing partial file stays; 0 starts anew.
  ///   - isOwn: Whether a file that begins with these bytes, at most 16, may be started anew.
  /// - Throws: ``PyramidError/busy(path:)`` where another process holds it,
  ///   ``PyramidError/foreignPartial(path:)`` where it is not our own, else what the system says.
  init(
    path: String, keeping byteCount: Int, isOwn: (_ beginning: [UInt8]) -> Bool
  ) throws(PyramidError) {
    self.path = path
    descriptor = try Self.locked(path + ".partial", of: path, isNew: byteCount == 0)
    // From here on deinit closes the descriptor.
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw PartialFile.failure(path) }
    if byteCount == 0, status.st_size > 0 {
      guard try isOwn(read(Self.beginningByteCount, at: 0)) else {
        throw .foreignPartial(path: partialPath)
      }
    }
    guard Int(status.st_size) >= byteCount else {
      throw .notResumable(path: path, reason: "the partial file is shorter than its checkpoint")
    }
    guard ftruncate(descriptor, off_t(byteCount)) == 0 else { throw PartialFile.failure(path) }
    self.byteCount = byteCount
  }

  deinit { close(descriptor) }

  /// Opens a file and locks it.
  ///
  /// While this waits for the lock, its holder may give the file its final name: what is open is then not the
  /// file of this name any more, and is left alone.
  private static func locked(
    _ partialPath: String, of path: String, isNew: Bool
  ) throws(PyramidError) -> Int32 {
    while true {
      let descriptor = open(
        partialPath, O_RDWR | O_NOFOLLOW | O_CLOEXEC | (isNew ? O_CREAT : 0), 0o666)
      guard descriptor >= 0 else { throw failure(path) }
      guard isLocked(descriptor) else {
        close(descriptor)
        throw .busy(path: path)
      }
      var (opened, named) = (stat(), stat())
      if fstat(descriptor, &opened) == 0, stat(partialPath, &named) == 0,
        opened.st_dev == named.st_dev, opened.st_ino == named.st_ino
      {
        return descriptor
      }
      close(descriptor)
    }
  }

  /// Takes the lock, trying for half a second.
  ///
  /// A child that this process is just starting holds copies of all descriptors, and with them the lock of a
  /// writer that has ended meanwhile, until it executes its own program.
  private static func isLocked(_ descriptor: Int32) -> Bool {
    for _ in 0..<50 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
      guard errno == EWOULDBLOCK || errno == EINTR else { return false }
      usleep(10_000)
    }
    return false
  }

  /// Adds bytes at the end.
  func append(_ bytes: [UInt8]) throws(PyramidError) {
    try write(bytes, at: byteCount)
    byteCount += bytes.count
  }

  /// Adds zeros until the length is a multiple of `alignment`.
  func align(to alignment: Int) throws(PyramidError) {
    let excess = byteCount % alignment
    if excess > 0 { try append([UInt8](repeating: 0, count: alignment - excess)) }
  }

  /// Writes bytes at a place inside what is there.
  func write(_ bytes: [UInt8], at offset: Int) throws(PyramidError) {
    var done = 0
    while done < bytes.count {
      let step = bytes.withUnsafeBytes {
        pwrite(
          descriptor, UnsafeRawBufferPointer(rebasing: $0[done...]).baseAddress,
          bytes.count - done, off_t(offset + done))
      }
      if step < 0, errno == EINTR { continue }
      guard step > 0 else { throw Self.failure(path) }
      done += step
    }
  }

  /// Reads bytes back; fewer where the file ends.
  func read(_ count: Int, at offset: Int) throws(PyramidError) -> [UInt8] {
    var problem = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
      while done < count {
        let rest = UnsafeMutableRawBufferPointer(buffer)[done...]
        let step = pread(
          descriptor, UnsafeMutableRawBufferPointer(rebasing: rest).baseAddress, rest.count,
          off_t(offset + done))
        if step < 0, errno == EINTR { continue }
        problem = step < 0
        guard step > 0 else { return }
        done += step
      }
    }
    if problem { throw Self.failure(path) }
    return bytes
  }

  /// Waits until everything written so far is on the disk.
  func synchronize() throws(PyramidError) {
    guard fsync(descriptor) == 0 else { throw Self.failure(path) }
  }

  /// Gives the file its final name.
  func publish() throws(PyramidError) {
    guard rename(partialPath, path) == 0 else { throw Self.failure(path) }
    Self.synchronizeFolder(of: path)
  }

  /// Deletes the partial file.
  func remove() { unlink(partialPath) }

  /// The error for what the system reported last.
  static func failure(_ path: String) -> PyramidError {
    errno == ENOSPC || errno == EDQUOT
      ? .diskFull(path: path) : .unwritable(path: path, reason: String(cString: strerror(errno)))
  }

  /// Makes a rename in the folder of a path survive a power cut, where the file system can.
  static func synchronizeFolder(of path: String) {
    let end = path.lastIndex(of: "/")
    let folder = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
