#if canImport(Glibc)
import Glibc
#endif

/// Tells systemd how the service is, by datagrams to `$NOTIFY_SOCKET`.
///
/// Reference: sd_notify(3); without a socket nothing is sent.
public struct ServiceNotifier: Sendable {
  private let socketPath: String?
  /// Seconds between two signs of life: half of what systemd asks for; nil if it asks for none.
  public let watchdogSeconds: Double?

  /// Makes a notifier.
  ///
  /// - Parameters:
  ///   - socketPath: `$NOTIFY_SOCKET`; a leading `@` names an abstract socket.
  ///   - watchdogMicroseconds: `$WATCHDOG_USEC`.
  public init(socketPath: String?, watchdogMicroseconds: String?) {
    self.socketPath = socketPath
    watchdogSeconds = watchdogMicroseconds.flatMap(Double.init).flatMap { $0 > 0 ? $0 / 2e6 : nil }
  }

  /// The service has started: folders are readable and the journal is read.
  public func ready() { send("READY=1") }

  /// What `systemctl status` shows.
  public func status(_ text: String) { send("STATUS=\(text.replacing("\n", with: " "))") }

  /// The service is alive.
  public func watchdog() { send("WATCHDOG=1") }

  /// The service reads its configuration anew.
  public func reloading() { send("RELOADING=1") }

  /// The service is about to end.
  public func stopping() { send("STOPPING=1") }

  private func send(_ message: String) {
    guard let socketPath, !socketPath.isEmpty else { return }
    var address = sockaddr_un()
    var bytes = Array(socketPath.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
    let length = MemoryLayout<sa_family_t>.size + bytes.count
    if bytes[0] == UInt8(ascii: "@") { bytes[0] = 0 }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // A status that is lost is sent again with the next change.
    _ = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        message.withCString {
          sendto(
            descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL), address, socklen_t(length))
        }
      }
    }
  }
}
