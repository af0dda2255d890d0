#if canImport(Glibc)
import Glibc
#endif

/// Where finished text goes: a stream of the process, or a closure in tests.
public struct TextSink: Sendable {
  /// Takes text that ends where the writer wants it to end; adds nothing.
  public let write: @Sendable (String) -> Void

  /// Makes a sink of a closure, which may be called from any thread.
  public init(_ write: @escaping @Sendable (String) -> Void) { self.write = write }

  /// A sink that drops everything.
  public static let nowhere = Self { _ in }

  /// A sink on an open file descriptor: unbuffered, whole lines stay whole up to the pipe's limit.
  ///
  /// A reader that went away (`EPIPE`) ends the writing quietly; SIGPIPE must be ignored by the
  /// program.
  ///
  /// - Parameter descriptor: 1 or 2, or another descriptor that stays open.
  /// - Returns: The sink.
  public static func descriptor(_ descriptor: Int32) -> Self {
    Self { text in
      var bytes = Array(text.utf8)[...]
      while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count > 0 {
          bytes = bytes.dropFirst(count)
        } else if errno == EAGAIN {
          // Another program has made the stream one that does not wait.
          var stream = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&stream, 1, -1)
        } else if errno != EINTR {
          return
        }
      }
    }
  }
}
