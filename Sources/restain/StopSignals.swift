import CommandLineKit
import Dispatch
import Foundation
import Synchronization

/// Listens for SIGINT and SIGTERM, so that work can stop in good order; a second signal stops at once.
final class StopSignals: Sendable {
  private let flag: Flag
  // Set once; held so that the sources live as long as this value.
  private nonisolated(unsafe) let sources: [any DispatchSourceSignal]

  /// Which signal came first; 0 before one did.
  private final class Flag: Sendable {
    let received = Atomic<Int32>(0)
    let listener: Mutex<(@Sendable () -> Void)?> = Mutex(nil)

    func stop(_ number: Int32) {
      let (isFirst, _) = received.compareExchange(
        expected: 0, desired: number, ordering: .acquiringAndReleasing)
      if !isFirst { _exit(128 + number) }
      listener.withLock { $0 }?()
    }
  }

  /// Starts to listen.
  ///
  /// - Parameter onReport: Called on SIGUSR1.
  init(onReport: @escaping @Sendable () -> Void) {
    let flag = Flag()
    signal(SIGPIPE, SIG_IGN)
    self.flag = flag
    sources =
      [SIGINT, SIGTERM].map { number in Self.source(number) { flag.stop(number) } }
      + [Self.source(SIGUSR1, onReport)]
  }

  /// Calls a closure when SIGINT or SIGTERM comes, instead of being asked.
  func whenStopped(_ act: @escaping @Sendable () -> Void) { flag.listener.withLock { $0 = act } }

  /// Listens for one signal instead of its default action, as long as the source is held.
  static func source(
    _ number: Int32, _ act: @escaping @Sendable () -> Void
  ) -> any DispatchSourceSignal {
    // The default action would end the process before the source hears of it.
    signal(number, SIG_IGN)
    let queue = DispatchQueue(label: "restain.signal.\(number)")
    let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
    source.setEventHandler(handler: act)
    source.resume()
    return source
  }

  /// How the program ends if a signal came; nil if none did.
  var exitStatus: ExitStatus? {
    switch flag.received.load(ordering: .acquiring) {
    case SIGINT: .interrupted
    case SIGTERM: .terminated
    default: nil
    }
  }
}
