public import Foundation
import Synchronization

/// The clocks of a program, handed in so that tests can set them.
public protocol TimeSource: Sendable {
  /// Seconds of a clock that never steps back; its zero means nothing.
  var seconds: Double { get }
  /// The calendar time.
  var date: Date { get }
}

/// The clocks of the machine.
public struct SystemTime: TimeSource {
  /// Takes the machine's clocks.
  public init() {}

  /// Seconds since the machine started, times of sleep included.
  public var seconds: Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// The calendar time.
  public var date: Date { Date() }
}

/// A clock that goes only when told to, for tests.
public final class ManualTime: TimeSource {
  private let elapsed = Mutex(0.0)
  private let start: Date

  /// Starts at zero seconds and a given date.
  public init(start: Date = Date(timeIntervalSince1970: 1_700_000_000)) { self.start = start }

  /// Seconds that ``advance(by:)`` has added.
  public var seconds: Double { elapsed.withLock { $0 } }

  /// The start plus the seconds that have gone by.
  public var date: Date { start.addingTimeInterval(seconds) }

  /// Lets time go by.
  public func advance(by seconds: Double) { elapsed.withLock { $0 += seconds } }
}
