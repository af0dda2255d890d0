#if canImport(Glibc)
import Glibc
#endif

/// Shortens the wait for new slides where the kernel announces changes; polling stays the truth.
///
/// Network shares announce nothing, and the kernel has limits: a folder that cannot be watched is
/// found by the next reading of the inbox all the same.
struct InboxEvents: ~Copyable {
  /// The descriptor to wait on; negative if the kernel gave none.
  let descriptor: Int32
  private var watched: [String: Int32] = [:]

  private static let mask = UInt32(
    IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE_SELF | IN_ONLYDIR)

  init() { descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC)) }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Watches exactly these folders.
  ///
  /// - Returns: What to tell the user, if the kernel's limit is reached; nil if all is well.
  mutating func watch(_ folders: [String]) -> String? {
    guard descriptor >= 0 else { return Self.advice(errno) }
    for (folder, watch) in watched where !folders.contains(folder) {
      inotify_rm_watch(descriptor, watch)
      watched[folder] = nil
    }
    for folder in folders where watched[folder] == nil {
      let watch = inotify_add_watch(descriptor, folder, Self.mask)
      if watch >= 0 {
        watched[folder] = watch
      } else if errno == ENOSPC || errno == EMFILE {
        return Self.advice(errno)
      }
    }
    return nil
  }

  /// Takes what has been announced; what it was does not matter, the inbox is read anyway.
  ///
  /// - Returns: Whether anything was announced.
  mutating func drain() -> Bool {
    guard descriptor >= 0 else { return false }
    var buffer = [UInt8](repeating: 0, count: 4096)
    var isAny = false
    while read(descriptor, &buffer, buffer.count) > 0 { isAny = true }
    // A folder that was removed and made again has a new watch; adding one twice changes nothing.
    if isAny { watched = [:] }
    return isAny
  }

  private static func advice(_ number: Int32) -> String {
    let limit = number == EMFILE ? "max_user_instances" : "max_user_watches"
    return "inotify: the kernel's limit is reached; raise the sysctl fs.inotify.\(limit), "
      + "until then slides are found by polling alone"
  }
}
