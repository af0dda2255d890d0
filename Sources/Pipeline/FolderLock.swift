import Glibc

/// A lock on a folder that ends with the value, or with the process.
struct FolderLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock.
  ///
  /// A file system without locks, as some network shares are, grants it always: then the service's own
  /// journal is what keeps two runs apart.
  init(path: String) throws(PipelineError) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .cannotRead(path: path, reason: String(cString: strerror(errno)))
    }
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(descriptor)
      throw .locked(path: path)
    }
  }

  deinit { close(descriptor) }
}
