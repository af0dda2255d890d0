import Glibc

/// Why a folder cannot be locked.
public enum FolderLockError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Another process holds the lock.
  case held(path: String)
  /// The folder cannot be opened.
  case unreadable(path: String, reason: String)

  /// One line: which folder, the problem, the next step.
  public var description: String {
    switch self {
    case .held(let path): "\(path): another process is writing to it; try again when it has ended"
    case .unreadable(let path, let reason):
      "\(path): cannot be opened (\(reason)); check the folder and its permissions"
    }
  }
}

/// A lock on a folder that ends with the value, or with the process.
public struct FolderLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock, trying for half a second.
  ///
  /// A child that the holder is just starting has copies of its descriptors, and with them a lock that was
  /// given back meanwhile, until it executes its own program. A file system without locks, as some network
  /// shares are, grants the lock always.
  ///
  /// - Parameter path: The folder, which must be there.
  /// - Throws: ``FolderLockError``.
  public init(path: String) throws(FolderLockError) {
    descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw .unreadable(path: path, reason: String(cString: strerror(errno)))
    }
    for _ in 0..<Self.trialCount {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return }
      guard errno == EWOULDBLOCK || errno == EINTR else { return }
      usleep(Self.pauseMicroseconds)
    }
    close(descriptor)
    throw .held(path: path)
  }

  deinit { close(descriptor) }

  /// Does something that nobody else may do at the same time.
  public borrowing func whileHeld<Result>(_ body: () throws -> Result) rethrows -> Result {
    try body()
  }

  private static let trialCount = 50
  private static let pauseMicroseconds: UInt32 = 10_000
}
