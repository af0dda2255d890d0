#if canImport(Glibc)
import Glibc
#endif

/// The right to change a state folder; the kernel gives it back when the holder ends, however it ends.
public struct StateLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock of a state folder, which must be there, trying for half a second: `restain jobs` holds it for
  /// a moment.
  ///
  /// - Throws: ``WatchError/locked(path:)`` if another process has it,
  ///   ``WatchError/unwritable(path:reason:)`` if the lock file cannot be made.
  public init(folder: String) throws(WatchError) {
    let path = "\(folder)/lock"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else {
      throw .unwritable(path: path, reason: String(cString: strerror(errno)))
    }
    DurableFile.giveToOwner(ofFolderOf: path, descriptor)
    var attempts = 50
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      guard code == EWOULDBLOCK || code == EINTR else {
        close(descriptor)
        throw .unwritable(path: path, reason: String(cString: strerror(code)))
      }
      attempts -= 1
      guard attempts > 0 else {
        close(descriptor)
        throw .locked(path: folder)
      }
      usleep(10_000)
    }
    self.descriptor = descriptor
  }

  /// Does something that nobody else may do at the same time.
  public borrowing func whileHeld(
    _ body: () throws(WatchError) -> Void
  ) throws(WatchError) {
    try body()
  }

  deinit { close(descriptor) }
}
