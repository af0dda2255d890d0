#if canImport(Glibc)
import Glibc
#endif

/// The right to change a state folder; the kernel gives it back when the holder ends, however it ends.
public struct StateLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock of a state folder, which must be there.
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
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .locked(path: folder)
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
