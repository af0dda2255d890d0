import Foundation
import Reporting
import Settings
import Synchronization
import TestSupport
import Testing
import Watching

/// Workers that do what a test says, when it says so.
final class ScriptedExecutor: CaseExecutor {
  struct Started: Sendable {
    let task: CaseTask
    let report: @Sendable (WorkerReport) -> Void
    var isTerminated = false
    var isKilled = false
  }

  struct Worker: CaseWorker {
    let identity: WorkerIdentity?
    let onTerminate: @Sendable () -> Void
    let onKill: @Sendable () -> Void
    func terminate() { onTerminate() }
    func kill() { onKill() }
  }

  private let started: Mutex<[Started]> = Mutex([])
  private let orphans: Mutex<[WorkerIdentity]> = Mutex([])

  var tasks: [CaseTask] { started.withLock { $0.map(\.task) } }
  var all: [Started] { started.withLock { $0 } }
  var endedOrphans: [WorkerIdentity] { orphans.withLock { $0 } }

  func start(
    _ task: CaseTask, report: @escaping @Sendable (WorkerReport) -> Void
  ) -> any CaseWorker {
    let index = started.withLock { list in
      list.append(Started(task: task, report: report))
      return list.count - 1
    }
    return Worker(
      identity: WorkerIdentity(process: Int32(1000 + index), startTicks: 1),
      onTerminate: { self.started.withLock { $0[index].isTerminated = true } },
      onKill: { self.started.withLock { $0[index].isKilled = true } })
  }

  func endOrphan(_ worker: WorkerIdentity) { orphans.withLock { $0.append(worker) } }

  /// The worker of a task, the last one started unless said otherwise, ends.
  func end(_ end: WorkerEnd, index: Int? = nil, outputs: [String] = []) {
    let list = all
    list[index ?? list.count - 1].report(.ended(end, outputs: outputs))
  }
}

/// Slides whose names contain "broken" do not open.
struct NamedOpener: SlideOpener {
  func check(_ path: String, answer: @escaping @Sendable (SlideAnswer) -> Void) {
    answer(
      path.contains("broken")
        ? .rejected(reason: "\(path): not a slide; check the file", status: 65) : .opens)
  }
}

/// What the service says, and the free disk that it is told of.
final class Surface: Sendable {
  private let kept = Mutex("")
  private let bytes: Mutex<Int?> = Mutex(nil)

  var logged: String { kept.withLock { $0 } }
  var sink: TextSink { TextSink { text in self.kept.withLock { $0 += text } } }
  var freeBytes: Int? {
    get { bytes.withLock { $0 } }
    set { bytes.withLock { $0 = newValue } }
  }
}

/// A folder to watch, and a service whose clock the test drives.
final class Laboratory {
  let scratch: TemporaryDirectory
  let time: ManualTime
  let executor = ScriptedExecutor()
  let surface = Surface()
  private(set) var service: WatchService
  private let settings: String
  private let isOnce: Bool

  var logged: String { surface.logged }
  var inbox: String { scratch.path("in") }
  var outbox: String { scratch.path("out") }
  var store: JobStore { JobStore(folder: outbox + "/.state") }

  init(_ settings: String = "", isOnce: Bool = false) throws {
    scratch = try TemporaryDirectory()
    time = ManualTime()
    self.settings = settings
    self.isOnce = isOnce
    try FileManager.default.createDirectory(
      atPath: scratch.path("in"), withIntermediateDirectories: true)
    service = WatchService(
      plan: try Self.plan(scratch, settings, isOnce),
      surroundings: Self.surroundings(time, executor, surface))
    try service.start()
  }

  /// Another service on the same folders, as after a crash of the one before.
  func restart(_ other: String? = nil) throws {
    service = WatchService(
      plan: try Self.plan(scratch, other ?? settings, isOnce),
      surroundings: Self.surroundings(time, executor, surface))
    try service.start()
  }

  static func configuration(
    _ scratch: TemporaryDirectory, _ settings: String
  ) throws
    -> Configuration
  {
    var configuration = Configuration()
    let reader = ConfigurationFile { _, _ in nil }
    try reader.add(
      text: """
        { watch: { inbox: "\(scratch.path("in"))", outbox: "\(scratch.path("out"))",
        settle: "60 s", rescan: "10 s", pairWait: "10 min", retryDelay: "30 s" } }
        """, path: scratch.path("base.json5"), to: &configuration)
    if !settings.isEmpty {
      try reader.add(
        text: "{ \(settings) }", path: scratch.path("test.json5"), to: &configuration)
    }
    return configuration
  }

  private static func plan(
    _ scratch: TemporaryDirectory, _ settings: String, _ isOnce: Bool
  ) throws -> ServicePlan {
    try ServicePlan(
      configuration: configuration(scratch, settings), workingFolder: scratch.url.path,
      workerOptions: ["--threads=2"], isOnce: isOnce)
  }

  static func surroundings(
    _ time: ManualTime, _ executor: ScriptedExecutor, _ surface: Surface
  ) -> WatchService.Surroundings {
    WatchService.Surroundings(
      executor: executor, opener: NamedOpener(), time: time,
      log: JournalLog(style: .journal, time: time, sink: surface.sink), events: nil,
      notifier: ServiceNotifier(socketPath: nil, watchdogMicroseconds: nil),
      freeBytes: { _ in surface.freeBytes }, wakeUp: WakeUp())
  }

  /// Asks something of a job as `restain jobs` does.
  func ask(_ request: JobRequest, of job: JobRecord) throws(WatchError) -> RequestOutcome {
    try store.submit(request, for: job, now: time.date, executor: executor)
  }

  /// Puts a file into the inbox.
  func drop(_ name: String, _ content: String = "pixels") throws {
    let url = URL(fileURLWithPath: "\(inbox)/\(name)")
    try FileManager.default.createDirectory(
      at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("\(name) \(content)".utf8).write(to: url)
  }

  /// Does something as a user who may not read a file or a folder of the inbox; root may read all.
  func withoutRights(to name: String, _ body: () -> Void) throws {
    let path = "\(inbox)/\(name)"
    let status = try FileManager.default.attributesOfItem(atPath: path)
    try Tool("chmod").run(["000", path])
    defer { chmod(path, status[.type] as? FileAttributeType == .typeDirectory ? 0o755 : 0o644) }
    guard geteuid() == 0 else { return body() }
    let nobody: uid_t = 65_534
    try Tool("chown").run(["-R", String(nobody), scratch.url.path])
    // The user of this thread alone, and for files alone; Glibc's module does not name it.
    typealias Change = @convention(c) (uid_t) -> Int32
    let change = unsafeBitCast(
      try #require(dlsym(nil, "setfsuid")), to: Change.self)
    _ = change(nobody)
    defer { _ = change(0) }
    body()
  }

  func removeSlide(_ name: String) throws {
    try FileManager.default.removeItem(atPath: "\(inbox)/\(name)")
  }

  /// Lets time go by in steps of the rescan, ticking twice at each so that answers are heard.
  func pass(_ seconds: Double) {
    var left = seconds
    repeat {
      let step = min(10, left)
      time.advance(by: step)
      left -= step
      settle()
    } while left > 0
  }

  /// Ticks without letting time go by.
  func settle() { for _ in 0..<3 { _ = service.tick() } }

  func job(_ stem: String) -> JobRecord? {
    service.jobs.first { $0.slide?.path.contains("/\(stem).") ?? false }
  }

  func text(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}

/// A laboratory whose one job has just been started.
func started(_ settings: String = "") throws -> Laboratory {
  let lab = try Laboratory("watch: { pairWait: '0 s' }, \(settings)")
  try lab.drop("A_CK7.svs")
  lab.pass(70)
  return lab
}
