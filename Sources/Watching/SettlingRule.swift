/// When one slide may be taken: its files have not changed for a while, and it opens.
///
/// A state machine without clock or file system: every event returns what is to be done.
public struct SettlingRule: Sendable, Equatable {
  /// What is to be done after an event.
  public enum Action: Sendable, Equatable {
    /// Nothing yet.
    case none
    /// Try to open the slide.
    case open
    /// The slide may be taken.
    case take
    /// The slide does not open; give it up with this reason.
    case giveUp(reason: String)
  }

  private enum State: Sendable, Equatable {
    case settling(since: Double)
    case opening
    case ready(since: Double)
    case rejected
  }

  private var state: State
  private var signature: SlideSighting.Signature
  private var failedOpenings = 0

  /// Sees a slide for the first time.
  public init(signature: SlideSighting.Signature, now: Double) {
    self.signature = signature
    state = .settling(since: now)
  }

  /// Whether the slide may be taken.
  public var isReady: Bool {
    if case .ready = state { return true }
    return false
  }

  /// Whether the slide is still on its way: it settles or is being opened.
  public var isUnderWay: Bool {
    switch state {
    case .settling, .opening: true
    case .ready, .rejected: false
    }
  }

  /// When the quiet time ends if nothing changes; nil if the slide does not settle.
  public func deadline(quiet: Double) -> Double? {
    guard case .settling(let since) = state else { return nil }
    return since + quiet
  }

  /// The slide was seen.
  ///
  /// - Parameters:
  ///   - signature: Sizes and times as they are now.
  ///   - now: Seconds of a clock that never steps back.
  ///   - quiet: For how long nothing must have changed.
  /// - Returns: ``Action/open`` when the quiet time is over.
  public mutating func observed(
    _ signature: SlideSighting.Signature, now: Double, quiet: Double
  ) -> Action {
    guard signature == self.signature else {
      self.signature = signature
      state = .settling(since: now)
      failedOpenings = 0
      return .none
    }
    guard case .settling(let since) = state, now - since >= quiet else { return .none }
    state = .opening
    return .open
  }

  /// The slide was tried.
  ///
  /// - Parameters:
  ///   - reason: Why it does not open; nil if it does.
  ///   - signature: Sizes and times when the attempt began.
  ///   - now: Seconds of a clock that never steps back.
  ///   - attempts: After how many failed attempts it is given up.
  /// - Returns: ``Action/take``, or ``Action/giveUp(reason:)`` after the last attempt.
  public mutating func opened(
    reason: String?, signature: SlideSighting.Signature, now: Double, attempts: Int
  ) -> Action {
    // An answer about files that have changed since says nothing.
    guard case .opening = state, signature == self.signature else { return .none }
    guard let reason else {
      state = .ready(since: now)
      return .take
    }
    failedOpenings += 1
    guard failedOpenings >= attempts else {
      state = .settling(since: now)
      return .none
    }
    state = .rejected
    return .giveUp(reason: reason)
  }

  /// The slide could not be tried; it is when it has been quiet once more.
  public mutating func notTried(now: Double) {
    if case .opening = state { state = .settling(since: now) }
  }
}
