public import Reporting
import Synchronization

/// Says when a checkpoint of a conversion is due: twenty seconds after the last one.
public final class CheckpointClock: Sendable {
  /// A kill costs at most this much work and a checkpoint some tens of milliseconds.
  private static let seconds = 20.0
  private let time: any TimeSource
  private let last: Mutex<Double>

  /// Starts the first wait.
  public init(time: any TimeSource) {
    self.time = time
    last = Mutex(time.seconds)
  }

  /// Whether the time has come; answering yes starts the next wait.
  public func isDue() -> Bool {
    let now = time.seconds
    return last.withLock { last in
      guard now - last >= Self.seconds else { return false }
      last = now
      return true
    }
  }
}
