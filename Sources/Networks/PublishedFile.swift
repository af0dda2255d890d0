import Foundation

/// A file that appears under its final name only when it is complete on the disk.
///
/// Until ``publish()`` it is called `name.partial`; without that it is removed.
struct PublishedFile: ~Copyable {
  private let path: String
  private let partial: String
  private var descriptor: Int32
  /// Bytes written so far.
  private(set) var size = 0

  init(path: String) throws(NetworkError) {
    self.path = path
    partial = path + ".partial"
    // A file that has the name may be a slide by another name: never written, only let go.
    var status = stat()
    if stat(partial, &status) == 0, status.st_mode & S_IFMT == S_IFREG { unlink(partial) }
    descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .fileAccess(path: partial, reason: lastReason()) }
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(partial)
    }
  }

  /// Adds bytes at the end.
  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(NetworkError) {
    var written = 0
    while written < bytes.count {
      let count = write(
        descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .fileAccess(path: path, reason: lastReason()) }
      written += count
    }
    size += written
  }

  /// Adds bytes at the end.
  mutating func append(_ data: some ContiguousBytes) throws(NetworkError) {
    var failure: NetworkError?
    data.withUnsafeBytes { bytes in
      do throws(NetworkError) {
        try append(bytes)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// Flushes the file to the disk and gives it its name.
  mutating func publish() throws(NetworkError) {
    guard fsync(descriptor) == 0 else { throw .fileAccess(path: path, reason: lastReason()) }
    let isClosed = close(descriptor) == 0
    descriptor = -1
    guard isClosed && rename(partial, path) == 0 else {
      let reason = lastReason()
      unlink(partial)
      throw .fileAccess(path: path, reason: reason)
    }
  }
}

/// What the system says about its last failure.
func lastReason() -> String { String(cString: strerror(errno)) }
