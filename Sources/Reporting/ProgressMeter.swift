import Synchronization

/// Tells how a long work goes, from any thread, without slowing it.
///
/// On a terminal one line rewrites itself; elsewhere a plain line comes every interval or every tenth
/// of the work, whichever is first; for programs that read JSON lines every report is an event.
public final class ProgressMeter: Sendable {
  /// How reports are shown.
  public enum Style: Sendable {
    /// Not at all, unless asked for by ``printNow()``.
    case silent
    /// One line that rewrites itself.
    case rewriting
    /// Plain lines.
    case lines
    /// Each report goes to a closure, such as a JSON line writer.
    case events(@Sendable (ProgressState) -> Void)
  }

  /// Seconds between two rewrites of the terminal line.
  public static let rewriteSeconds = 0.2
  /// Seconds between two plain lines or events, unless set otherwise.
  public static let lineSeconds = 60.0
  /// The share of the work after which a plain line comes even within the interval.
  static let lineShare = 0.1

  private struct Reports {
    var state: ProgressState?
    var startSeconds = 0.0
    var lastSeconds = -Double.infinity
    var lastFraction = 0.0
    var rewrittenWidth = 0
  }

  private let style: Style
  private let intervalSeconds: Double
  private let time: any TimeSource
  private let sink: TextSink
  private let peakBytes: @Sendable () -> Int?
  private let reports = Mutex(Reports())

  /// Makes a meter.
  ///
  /// - Parameters:
  ///   - style: How reports are shown.
  ///   - intervalSeconds: Time between reports; nil takes the style's own.
  ///   - time: The clock.
  ///   - sink: Where lines go.
  ///   - peakBytes: The greatest memory of the process so far; nil if unknown.
  public init(
    style: Style, intervalSeconds: Double? = nil, time: any TimeSource, sink: TextSink,
    peakBytes: @escaping @Sendable () -> Int? = { nil }
  ) {
    self.style = style
    if case .rewriting = style {
      self.intervalSeconds = intervalSeconds ?? Self.rewriteSeconds
    } else {
      self.intervalSeconds = intervalSeconds ?? Self.lineSeconds
    }
    self.time = time
    self.sink = sink
    self.peakBytes = peakBytes
  }

  /// Begins a stage and ends the one before.
  ///
  /// - Parameters:
  ///   - stage: What is being done, in one word.
  ///   - total: All the work of the stage; 0 if not known.
  ///   - unit: What is counted, in the plural.
  ///   - done: Work that an earlier run has already done.
  public func begin(_ stage: String, total: Double, unit: String, done: Double = 0) {
    finish()
    let now = time.seconds
    reports.withLock {
      $0 = Reports()
      $0.startSeconds = now
      $0.lastSeconds = now
      $0.state = ProgressState(
        stage: stage, done: done, total: total, unit: unit, secondsElapsed: 0, doneAtStart: done)
      $0.lastFraction = $0.state?.fraction ?? 0
    }
  }

  /// Says how much of the stage is done in all; cheap enough to call for every tile.
  public func advance(to done: Double) {
    update { $0.done = max($0.done, done) }
  }

  /// Adds to what is done; for work that ends in any order.
  public func advance(by work: Double) {
    update { $0.done += work }
  }

  /// Ends the stage; the terminal line stays as it was last.
  public func finish() {
    reports.withLock {
      if $0.rewrittenWidth > 0 { sink.write("\n") }
      $0 = Reports()
    }
  }

  /// Prints the line at once, whatever the style; what SIGUSR1 asks for.
  public func printNow() {
    let now = time.seconds
    reports.withLock {
      guard var state = $0.state else {
        sink.write("restain: nothing under way that can be counted\n")
        return
      }
      state.secondsElapsed = now - $0.startSeconds
      let lead = $0.rewrittenWidth > 0 ? "\n" : ""
      $0.rewrittenWidth = 0
      sink.write("\(lead)\(state.line(peakBytes: peakBytes()))\n")
    }
  }

  /// Takes the rewriting line off the terminal, so that another line can be written.
  public func clearLine() {
    reports.withLock {
      guard $0.rewrittenWidth > 0 else { return }
      sink.write("\r\u{1B}[K")
      $0.rewrittenWidth = 0
      $0.lastSeconds = -.infinity
    }
  }

  private func update(_ change: (inout ProgressState) -> Void) {
    let now = time.seconds
    reports.withLock { reports in
      guard var state = reports.state else { return }
      change(&state)
      state.secondsElapsed = now - reports.startSeconds
      reports.state = state
      let isDue = now - reports.lastSeconds >= intervalSeconds
      let fraction = state.fraction ?? 0
      let isTenth = fraction - reports.lastFraction >= Self.lineShare - 1e-9
      switch style {
      case .silent: return
      case .rewriting:
        guard isDue || state.fraction == 1 else { return }
        let line = state.line(peakBytes: peakBytes())
        sink.write("\r\(line)\u{1B}[K")
        reports.rewrittenWidth = line.count
      case .lines:
        guard isDue || isTenth else { return }
        sink.write("\(state.line(peakBytes: peakBytes()))\n")
      case .events(let report):
        guard isDue || isTenth else { return }
        report(state)
      }
      reports.lastSeconds = now
      reports.lastFraction = fraction
    }
  }
}
