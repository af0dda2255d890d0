import Foundation

/// How a worker ended.
public enum WorkerEnd: Sendable, Equatable {
  /// With an exit status and the message of its last JSON line or last line of text.
  case exited(status: Int32, message: String?)
  /// With status 3, because a step of the case failed; the message is the first failed step's.
  case failedStep(message: String?)
  /// By a signal that nobody here sent.
  case killed(signal: Int32, message: String?)
  /// Because the service stops: the job goes on with the next service.
  case stopped
  /// Because it took longer than a case may take.
  case timedOut
  /// It could not be started.
  case notStarted(reason: String)
}

/// When a job is tried again.
public struct RetryRule: Sendable, Equatable {
  /// Attempts before a job has failed.
  public let attempts: Int
  /// The wait before the second attempt, in seconds; it doubles with each further one.
  public let delaySeconds: Double
  /// Whether attempts that ended with 75 count, too; else only the wait between them remains.
  public let countsTemporary: Bool

  /// The longest wait between two attempts: an hour.
  public static let longestDelaySeconds = 3600.0

  /// Describes when a job is tried again.
  public init(attempts: Int, delaySeconds: Double, countsTemporary: Bool = false) {
    self.attempts = attempts
    self.countsTemporary = countsTemporary
    self.delaySeconds = delaySeconds
  }

  /// The wait after an attempt.
  ///
  /// - Parameter attempt: Its number, from 1.
  /// - Returns: Seconds.
  public func delay(afterAttempt attempt: Int) -> Double {
    let doublings = Double(min(max(attempt - 1, 0), 30))
    return min(Self.longestDelaySeconds, delaySeconds * Foundation.pow(2, doublings))
  }
}

extension JobRecord {
  /// Whether a queued job may be tried: its wait is over, or longer than any wait, since the clock has been set back.
  func isDue(now: Date) -> Bool {
    guard let nextAttempt else { return true }
    return nextAttempt <= now
      || nextAttempt
        > now.addingTimeInterval(RetryRule.longestDelaySeconds + CasePlanner.clockTolerance)
  }
}

/// What happens to a job: one method an event. Saving the record is the caller's.
extension JobRecord {
  /// The job may run: its case is complete, or it has waited long enough.
  mutating func queue(caseName: String, fixed: SlideIdentity?, now: Date) {
    self.caseName = caseName
    self.fixed = fixed
    nextAttempt = nil
    change(to: .queued, note: fixed == nil ? "without a fixed section" : nil, now: now)
  }

  /// The fixed section is gone: another one is waited for until a time.
  ///
  /// The record keeps the one that it had, which may come back.
  mutating func waitAgain(note: String, until: Date, now: Date) {
    nextAttempt = until
    change(to: .waiting, note: note, now: now)
  }

  /// A worker is about to be started; written before it is, so that a crash leaves a trace.
  mutating func start(now: Date) {
    attempts += 1
    nextAttempt = nil
    worker = nil
    change(to: .running, note: "attempt \(attempts)", now: now)
  }

  /// The worker has ended.
  mutating func end(_ end: WorkerEnd, rule: RetryRule, now: Date) {
    worker = nil
    exitStatus = nil
    switch end {
    case .exited(let status, let message):
      exitStatus = status
      exited(status, message: message, rule: rule, now: now)
    case .failedStep(let message):
      exitStatus = 3
      fail(reason: message ?? "a step of the case failed", now: now)
    case .killed(let signal, let message):
      let reason = "the worker was ended by signal \(signal)"
      retry(reason: message.map { "\(reason) after: \($0)" } ?? reason, rule: rule, now: now)
    case .timedOut:
      retry(reason: "the worker took longer than watch.caseTimeout", rule: rule, now: now)
    case .notStarted(let reason):
      retry(reason: "the worker could not be started: \(reason)", rule: rule, now: now)
    case .stopped:
      // A stop in good order is not the job's fault.
      attempts = max(0, attempts - 1)
      nextAttempt = nil
      change(to: .interrupted, note: "the service stopped", now: now)
    }
  }

  /// The service found the job running when it started: it or its worker was killed.
  mutating func recover(rule: RetryRule, now: Date) {
    worker = nil
    guard attempts < rule.attempts else {
      return fail(reason: "interrupted \(attempts) times; the last time by a crash", now: now)
    }
    // The first interruption is most likely the machine's; the job goes on at once.
    let delay = attempts <= 1 ? 0 : rule.delay(afterAttempt: attempts)
    nextAttempt = delay > 0 ? now.addingTimeInterval(delay) : nil
    change(to: .interrupted, note: "the service or its worker was killed", now: now)
  }

  /// The slide does not open.
  mutating func reject(caseName: String, reason: String, status: Int32?, now: Date) {
    self.caseName = caseName
    exitStatus = status
    fail(reason: reason, now: now)
  }

  /// A person wants another try.
  mutating func retryByRequest(now: Date) {
    attempts = 0
    nextAttempt = nil
    reason = nil
    // A fixed section may have come since; the planner looks, and queues at once what has waited before.
    change(to: .waiting, note: "retried by request", now: now)
  }

  /// A person wants no more of it.
  mutating func cancel(now: Date) {
    worker = nil
    nextAttempt = nil
    change(to: .cancelled, note: "cancelled by request", now: now)
  }

  private mutating func exited(
    _ status: Int32, message: String?, rule: RetryRule, now: Date
  ) {
    switch status {
    case 0:
      reason = nil
      change(to: .done, note: nil, now: now)
    case 3:
      reason = message ?? "needs review"
      change(to: .needsReview, note: reason, now: now)
    case 64, 65, 78:
      // The same again would end the same; what is missing or not writable may be a share that is away.
      fail(reason: message ?? "the worker ended with status \(status)", now: now)
    case 75 where !rule.countsTemporary:
      let reason = message ?? "the worker ended with status 75"
      nextAttempt = now.addingTimeInterval(rule.delay(afterAttempt: attempts))
      attempts = max(0, attempts - 1)
      self.reason = reason
      change(to: .queued, note: reason, now: now)
    default:
      retry(
        reason: message ?? "the worker ended with status \(status)", rule: rule, now: now)
    }
  }

  private mutating func retry(reason: String, rule: RetryRule, now: Date) {
    guard attempts < rule.attempts else { return fail(reason: reason, now: now) }
    self.reason = reason
    nextAttempt = now.addingTimeInterval(rule.delay(afterAttempt: attempts))
    change(to: .queued, note: reason, now: now)
  }

  private mutating func fail(reason: String, now: Date) {
    self.reason = reason
    nextAttempt = nil
    change(to: .failed, note: reason, now: now)
  }

  private mutating func change(to state: JobState, note: String?, now: Date) {
    self.state = state
    history.append(Event(time: now, state: state, note: note))
    // How it began and what happened last tell enough of a job that is tried for days.
    if history.count > Self.longestHistory { history.remove(at: Self.longestHistory / 2) }
  }

  private static let longestHistory = 100
}
