import Foundation
public import Reporting
public import Settings
import Synchronization

/// The service: watches a folder, pairs what arrives, and has each case run by a worker.
///
/// Driven from one thread by ``tick()``; workers and openers answer from theirs through a queue. Has
/// no clock, process or socket of its own, so that tests can play days in a moment.
public final class WatchService {
  /// What the service works with.
  public struct Surroundings: Sendable {
    /// Where cases run.
    public var executor: any CaseExecutor
    /// Whether slides open.
    public var opener: any SlideOpener
    /// The clocks.
    public var time: any TimeSource
    /// The log.
    public var log: JournalLog
    /// JSON lines, if asked for.
    public var events: EventWriter?
    /// systemd.
    public var notifier: ServiceNotifier
    /// The free bytes of the file system of a folder; nil if unknown.
    public var freeBytes: @Sendable (String) -> Int?
    /// Ends the wait of the loop.
    public var wakeUp: WakeUp

    /// Names what the service works with.
    public init(
      executor: any CaseExecutor, opener: any SlideOpener, time: any TimeSource, log: JournalLog,
      events: EventWriter?, notifier: ServiceNotifier,
      freeBytes: @escaping @Sendable (String) -> Int?, wakeUp: WakeUp
    ) {
      self.executor = executor
      self.opener = opener
      self.time = time
      self.log = log
      self.events = events
      self.notifier = notifier
      self.freeBytes = freeBytes
      self.wakeUp = wakeUp
    }
  }

  /// A slide that is there and not in the journal.
  struct Arrival {
    var sighting: SlideSighting
    var section: Section
    var rule: SettlingRule
  }

  /// A job that has a worker.
  struct Running {
    let worker: any CaseWorker
    let startSeconds: Double
    var status: StatusEvent?
    var ending: Ending?
  }

  /// Why the service asked a worker to stop, and when.
  struct Ending {
    enum Reason { case stop, cancel, timeout }
    var reason: Reason
    let askedSeconds: Double
    var isKilled = false
  }

  /// What other threads have told.
  enum Message: Sendable {
    case report(id: String, WorkerReport)
    case answer(path: String, SlideSighting.Signature, SlideAnswer)
  }

  /// Seconds that a worker has to stop in good order before it is killed.
  static let stopSeconds = 60.0

  var plan: ServicePlan
  let store: JobStore
  let surroundings: Surroundings
  var records: [String: JobRecord] = [:]
  var unsaved: Set<String> = []
  /// Job files that are there and cannot be read; their jobs are not made anew.
  var unreadableFiles: Set<String> = []
  var arrivals: [PathKey: Arrival] = [:]
  var present: [PathKey: SlideSighting.Signature] = [:]
  /// What kept slides from being found when the inbox was last read.
  var inboxProblems: Set<String> = []
  var running: [String: Running] = [:]
  /// Jobs that this run ended other than well.
  var troubled: Set<String> = []
  var isStopping = false
  private var messages: SharedQueue<Message> = SharedQueue()
  private var warnings: Set<String> = []
  private var nextScanSeconds = -Double.infinity
  private var nextWatchdogSeconds = -Double.infinity
  private var lastStatus = ""
  private var hasScanned = false
  /// Whether the last reading of the inbox failed; what it held is then not known.
  public private(set) var isInboxGone = false
  var isPaused = false

  /// Makes a service; nothing is read or written yet.
  public init(plan: ServicePlan, surroundings: Surroundings) {
    self.plan = plan
    self.surroundings = surroundings
    store = JobStore(folder: plan.state)
  }

  /// Makes the folders and takes up what an earlier service left.
  ///
  /// - Throws: ``WatchError`` if a folder is not usable.
  public func start() throws(WatchError) {
    try plan.requireSeparateFolders()
    _ = try reader.contents()
    do {
      try FileManager.default.createDirectory(
        atPath: plan.outbox, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(path: plan.outbox, reason: "a folder cannot be made")
    }
    try recover()
    try DurableFile.write(Data(plan.settingsText.utf8), to: plan.settingsPath)
  }

  /// Does everything that is due.
  ///
  /// - Returns: Seconds after which something may be due again.
  public func tick() -> Double {
    takeMessages()
    takeRequests()
    scanIfDue()
    queueWhatIsComplete()
    endWhatTakesTooLong()
    saveWhatIsUnsaved()
    startWorkers()
    tellStatus()
    return secondsToNextEvent()
  }

  /// The inbox may have changed: it is read with the next tick.
  public func inboxChanged() { nextScanSeconds = -.infinity }

  /// Whether nothing is left to do for a service that runs once.
  public var isFinished: Bool {
    guard running.isEmpty, messages.isEmpty else { return false }
    // A journal that cannot be written holds no stop up: the next service takes up what it finds there.
    guard !isStopping else { return true }
    guard unsaved.isEmpty else { return false }
    guard hasScanned else { return false }
    let isUnderWay = arrivals.values.contains { $0.rule.isUnderWay }
    let isOpen = records.values.contains { record in
      switch record.state {
      case .running: true
      // One whose slide is gone waits for a later run.
      case .queued, .interrupted: record.moving.map(isPresent) ?? true
      case .waiting: record.moving != nil
      default: false
      }
    }
    return !isUnderWay && !isOpen
  }

  /// Whether a job failed or needs review in this run, or could not be started since its slide is gone.
  public var hasTrouble: Bool { !troubled.isEmpty }

  /// Whether something in the inbox could not be looked at when it was last read.
  public var hasUnreadInbox: Bool { !inboxProblems.isEmpty }

  /// Whether a worker is at work.
  public var hasWorkers: Bool { !running.isEmpty }

  /// Whether jobs wait for free disk.
  public var isWaitingForDisk: Bool { isPaused }

  /// Whether what is left to do waits for free disk or for the inbox.
  public var isHeldUp: Bool { isWaitingForDisk || isInboxGone }

  /// Takes no more jobs and asks the workers to stop; tick until ``isFinished``.
  public func stop() {
    guard !isStopping else { return }
    isStopping = true
    for id in running.keys { askToEnd(id, reason: .stop) }
  }

  /// Takes other settings from now on.
  ///
  /// - Throws: ``WatchError/unwritable(path:reason:)`` if the workers cannot be told; nothing is taken then.
  public func reload(_ configuration: Configuration) throws(WatchError) {
    let (other, ignored) = plan.reconfigured(configuration)
    try DurableFile.write(Data(other.settingsText.utf8), to: other.settingsPath)
    for change in plan.configuration.changes(to: configuration) {
      log(.notice, "setting changed", ["change": change])
    }
    for key in ignored { log(.warning, "\(key): cannot change while the service runs; restart it") }
    plan = other
    // Names may mean something else now.
    for (path, arrival) in arrivals {
      arrivals[path]?.section = Section(arrival.sighting, configuration: configuration)
    }
    inboxChanged()
  }

  /// The jobs, the oldest first.
  public var jobs: [JobRecord] {
    records.values.sorted(by: JobRecord.isBefore)
  }

  /// The folders whose changes matter: the inbox's, and that of what persons ask for.
  public var folders: [String] { reader.folders() + [store.requestsFolder] }
}

// MARK: - What is due

extension WatchService {
  private var reader: InboxReader {
    InboxReader(inbox: plan.inbox, extensions: plan.configuration[SettingTable.extensions])
  }

  var now: Double { surroundings.time.seconds }
  var date: Date { surroundings.time.date }

  /// Puts what another thread tells into the queue and wakes the loop.
  func mailbox() -> @Sendable (Message) -> Void {
    let (messages, wakeUp) = (messages, surroundings.wakeUp)
    return { message in
      messages.append(message)
      wakeUp.wake()
    }
  }

  private func takeMessages() {
    for message in messages.takeAll() {
      switch message {
      case .report(let id, let report): take(report, of: id)
      case .answer(let path, let signature, let answer): take(answer, of: path, signature)
      }
    }
  }

  private func scanIfDue() {
    guard now >= nextScanSeconds, !isStopping else { return }
    let quiet = plan.configuration[SettingTable.settle]
    do throws(WatchError) {
      observe(try reader.contents(), quiet: quiet)
      hasScanned = true
      isInboxGone = false
      settleWarning("inbox", "\(plan.inbox): can be read again")
    } catch {
      // A share that went away comes back; until then nothing counts as gone, and nothing is started.
      isInboxGone = true
      warnOnce("inbox", error.description)
    }
    nextScanSeconds = now + plan.configuration[SettingTable.rescan]
    for arrival in arrivals.values {
      guard let deadline = arrival.rule.deadline(quiet: quiet), deadline > now else { continue }
      nextScanSeconds = min(nextScanSeconds, deadline)
    }
  }

  private func saveWhatIsUnsaved() {
    for id in unsaved { if let record = records[id] { save(record) } else { unsaved.remove(id) } }
  }

  private func tellStatus() {
    let states = Dictionary(grouping: records.values, by: \.state).mapValues(\.count)
    let works = running.sorted { $0.key < $1.key }.map { id, run in
      let name = records[id]?.caseName ?? id
      guard let status = run.status, status.total > 0 else { return name }
      return "\(name) \(status.stage) \(Int(100 * status.done / status.total)) %"
    }
    let queued = (states[.queued] ?? 0) + (states[.interrupted] ?? 0)
    let text =
      "\(running.count) running" + (works.isEmpty ? "" : " (\(works.joined(separator: ", ")))")
      + ", \(queued) queued, \(states[.waiting] ?? 0) waiting, \(arrivals.count) arriving"
      + (isPaused ? ", paused for lack of disk" : "")
    if text != lastStatus {
      lastStatus = text
      surroundings.notifier.status(text)
    }
    if let interval = surroundings.notifier.watchdogSeconds, now >= nextWatchdogSeconds {
      surroundings.notifier.watchdog()
      nextWatchdogSeconds = now + interval
    }
  }

  private func secondsToNextEvent() -> Double {
    guard messages.isEmpty else { return 0 }
    // A service that stops reads the inbox no more.
    var next = isStopping ? 1 : nextScanSeconds - now
    if surroundings.notifier.watchdogSeconds != nil { next = min(next, nextWatchdogSeconds - now) }
    for record in records.values {
      if let attempt = record.nextAttempt, record.state == .queued || record.state == .interrupted {
        // An attempt that is due but may not start waits for a worker or for disk.
        let seconds = attempt.timeIntervalSince(date)
        if seconds > 0 { next = min(next, seconds) }
      }
    }
    if let deadline = plan.planner.nextDeadline(Array(records.values), after: date) {
      next = min(next, deadline.timeIntervalSince(date))
    }
    if !running.isEmpty { next = min(next, 1) }
    return max(0, next)
  }

  func warnOnce(_ key: String, _ text: String) {
    guard warnings.insert(key).inserted else { return }
    log(.warning, text)
    surroundings.events?.warning(text)
  }

  /// Forgets a warning whose cause has gone, and says so.
  func settleWarning(_ key: String, _ text: String) {
    if warnings.remove(key) != nil { log(.notice, text) }
  }

  func log(
    _ priority: JournalLog.Priority, _ event: String,
    _ fields: KeyValuePairs<String, String> = [:]
  ) { surroundings.log.write(priority, event, fields) }
}

/// A queue that any thread may append to.
final class SharedQueue<Element: Sendable>: Sendable {
  private let elements: Mutex<[Element]> = Mutex([])

  var isEmpty: Bool { elements.withLock { $0.isEmpty } }

  func append(_ element: Element) { elements.withLock { $0.append(element) } }

  func takeAll() -> [Element] {
    elements.withLock { list in
      defer { list = [] }
      return list
    }
  }
}
