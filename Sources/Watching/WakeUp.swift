#if canImport(Glibc)
import Glibc
#endif

/// Ends a wait of the service's loop from another thread.
public final class WakeUp: Sendable {
  private let readEnd: Int32
  private let writeEnd: Int32

  /// Makes a pipe; without one every wait lasts its full time.
  public init() {
    (readEnd, writeEnd) = SelfClosingPipe.ends() ?? (-1, -1)
    for end in [readEnd, writeEnd] where end >= 0 {
      _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
    }
  }

  deinit {
    for end in [readEnd, writeEnd] where end >= 0 { close(end) }
  }

  /// Ends the wait, or the next one if nobody waits.
  public func wake() {
    var byte: UInt8 = 1
    // A pipe that is full wakes just as well.
    _ = write(writeEnd, &byte, 1)
  }

  /// Waits for a wake, for the other descriptor, or for a time.
  func wait(also other: Int32, seconds: Double) {
    var descriptors = [
      pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0),
      pollfd(fd: other, events: Int16(POLLIN), revents: 0),
    ]
    let milliseconds = Int32(min(max(seconds, 0), 3600) * 1000 + 0.999)
    poll(&descriptors, nfds_t(descriptors.count), milliseconds)
    var buffer = [UInt8](repeating: 0, count: 256)
    while read(readEnd, &buffer, buffer.count) > 0 {}
  }
}

/// A pipe whose ends no child of the service inherits.
enum SelfClosingPipe {
  /// The end to read from and the end to write to; nil with `errno` set if there is none.
  ///
  /// A pair of sockets: they are made with the flag at once, so that no child that another thread starts at the
  /// same time gets them. Glibc's module does not name `pipe2`.
  static func ends() -> (read: Int32, write: Int32)? {
    var ends: [Int32] = [0, 0]
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { return nil }
    return (ends[0], ends[1])
  }
}
