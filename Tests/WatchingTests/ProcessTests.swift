import Foundation
import Reporting
import Settings
import Synchronization
import TestSupport
import Testing
import Watching

/// Collects reports and lets a test wait for the last one.
private final class Reports: Sendable {
  private let list: Mutex<[WorkerReport]> = Mutex([])
  private let ended = DispatchSemaphore(value: 0)

  var all: [WorkerReport] { list.withLock { $0 } }

  @Sendable func take(_ report: WorkerReport) {
    list.withLock { $0.append(report) }
    if case .ended = report { ended.signal() }
  }

  func waitForEnd() -> WorkerReport? {
    ended.wait()
    return all.last
  }
}

/// A program that stands for `restain`: a shell script in a folder of its own.
private struct Script {
  let scratch: TemporaryDirectory
  var path: String { scratch.path("restain") }

  init(_ body: String) throws {
    scratch = try TemporaryDirectory()
    // Another process writes it: a child that a test beside this one starts would inherit our open file for a
    // moment, and a file that is open for writing cannot be started.
    let text = scratch.path("text")
    try Data("#!/bin/sh\n\(body)\n".utf8).write(to: URL(fileURLWithPath: text))
    try Tool("install").run(["-m", "755", text, path])
  }

  func task(_ arguments: [String] = []) -> CaseTask {
    CaseTask(id: "x", arguments: arguments, logPath: scratch.path("log"))
  }
}

@Suite("Workers as child processes")
struct LocalExecutorTests {
  @Test("JSON lines become reports, and the exit line's message and outputs count")
  func lines() throws {
    let script = try Script(
      """
      echo '{"type":"start"}'
      echo 'no JSON'
      echo '{"type":"status","stage":"stain","done":1,"total":4,"unit":"tiles","seconds_elapsed":2}'
      echo '{"type":"warning","message":"careful"}'
      echo "$1" >&2
      printf '{"type":"exit","code":3,"message":"look at it","outputs":["a.tif"]}'
      exit 3
      """)
    let reports = Reports()
    _ = LocalExecutor(program: script.path).start(
      script.task(["two words"]), report: reports.take)
    let status = ProgressState(
      stage: "stain", done: 1, total: 4, unit: "tiles", secondsElapsed: 2)
    let end = reports.waitForEnd()
    #expect(end == .ended(.exited(status: 3, message: "look at it"), outputs: ["a.tif"]))
    #expect(reports.all.count == 3)
    guard case .status(let event) = reports.all[0] else {
      Issue.record("no status")
      return
    }
    #expect(event.done == status.done && event.stage == status.stage)
    #expect(reports.all[1] == .warning("careful"))
    #expect(
      try String(contentsOfFile: script.scratch.path("log"), encoding: .utf8) == "two words\n")
  }

  @Test("a result that says failed gives the first failure's message")
  func failedStep() throws {
    let script = try Script(
      """
      echo '{"type":"result","case":"A","status":"'$1'","failures":["a.tif: broken","b"]}'
      echo '{"type":"exit","code":3,"message":"some need review","outputs":["b.tif"]}'
      exit 3
      """)
    for (status, end) in [
      ("failed", WorkerEnd.failedStep(message: "a.tif: broken")),
      ("needs-review", .exited(status: 3, message: "some need review")),
    ] {
      let reports = Reports()
      _ = LocalExecutor(program: script.path).start(script.task([status]), report: reports.take)
      #expect(reports.waitForEnd() == .ended(end, outputs: ["b.tif"]))
    }
  }

  @Test("a worker that dies without a word is told by its signal and its last line of text")
  func dies() throws {
    let script = try Script("echo first >&2; echo last words >&2; kill -SEGV $$")
    let reports = Reports()
    _ = LocalExecutor(program: script.path).start(script.task(), report: reports.take)
    #expect(
      reports.waitForEnd() == .ended(.killed(signal: SIGSEGV, message: "last words"), outputs: []))
  }

  @Test("a worker can be asked to stop, although the service ignores the signal")
  func terminates() throws {
    signal(SIGTERM, SIG_IGN)
    defer { signal(SIGTERM, SIG_DFL) }
    let script = try Script(
      "trap 'exit 143' TERM; echo '{\"type\":\"warning\",\"message\":\"up\"}'; while :; do sleep 0.05; done"
    )
    let reports = Reports()
    let worker = LocalExecutor(program: script.path).start(script.task(), report: reports.take)
    while reports.all.isEmpty { usleep(10_000) }
    worker.terminate()
    #expect(reports.waitForEnd() == .ended(.exited(status: 143, message: nil), outputs: []))
    // Its number may belong to another process now.
    worker.kill()
  }

  @Test("a program that is not there is a report, not a crash")
  func missing() {
    let reports = Reports()
    let task = CaseTask(id: "x", arguments: [], logPath: "/dev/null")
    _ = LocalExecutor(program: "/no/such/program").start(task, report: reports.take)
    guard case .ended(.notStarted(let reason), _) = reports.waitForEnd() else {
      Issue.record("it started")
      return
    }
    #expect(reason.hasPrefix("/no/such/program: "))
  }

  @Test("an orphan of an earlier service is ended, another process with its number is not")
  func orphan() throws {
    let script = try Script("exec sleep 600")
    let reports = Reports()
    let executor = LocalExecutor(program: script.path)
    let worker = executor.start(script.task(), report: reports.take)
    let identity = try #require(worker.identity)
    executor.endOrphan(
      WorkerIdentity(process: identity.process, startTicks: identity.startTicks + 1))
    #expect(kill(identity.process, 0) == 0)
    executor.endOrphan(identity)
    #expect(reports.waitForEnd() == .ended(.killed(signal: SIGTERM, message: nil), outputs: []))
  }
}

@Suite("Opening slides in a process")
struct OpenerTests {
  private func answer(
    _ body: String, _ slide: String = "/in/A B.svs", limitSeconds: Double = 600
  ) throws -> SlideAnswer? {
    let script = try Script(body)
    let kept: Mutex<SlideAnswer?> = Mutex(nil)
    let semaphore = DispatchSemaphore(value: 0)
    InspectingOpener(
      program: script.path, arguments: ["--config=c"], logFolder: script.scratch.url.path,
      limitSeconds: limitSeconds
    ).check(slide) { answer in
      kept.withLock { $0 = answer }
      semaphore.signal()
    }
    semaphore.wait()
    return kept.withLock { $0 }
  }

  @Test("the status decides, and the last line of text is the reason")
  func statuses() throws {
    #expect(
      try answer("[ \"$*\" = 'inspect --config=c --json -- /in/A B.svs' ] || exit 64") == .opens)
    #expect(
      try answer("echo 'restain: A.svs: not a slide; check the file' >&2; exit 65")
        == .rejected(reason: "A.svs: not a slide; check the file", status: 65))
    #expect(
      try answer("kill -ABRT $$")
        == .rejected(
          reason: "/in/A B.svs: opening it ended by signal \(SIGABRT); check the file", status: nil)
    )
  }
}

@Suite("Openings that say nothing about the slide")
struct UntriedOpeningTests {
  @Test("a slide that hangs while it is opened is given up after a while", .timeLimit(.minutes(1)))
  func hangs() throws {
    let script = try Script("exec sleep 600")
    let answers: Mutex<[SlideAnswer]> = Mutex([])
    let semaphore = DispatchSemaphore(value: 0)
    let opener = InspectingOpener(
      program: script.path, arguments: [], logFolder: script.scratch.url.path, limitSeconds: 0.05)
    // More than are opened at one time: each gives its place free.
    for number in 0..<9 {
      opener.check("/in/\(number).svs") { answer in
        answers.withLock { $0.append(answer) }
        semaphore.signal()
      }
    }
    for _ in 0..<9 { semaphore.wait() }
    for answer in answers.withLock({ $0 }) {
      guard case .rejected(let reason, nil) = answer else {
        Issue.record("\(answer)")
        continue
      }
      #expect(reason.contains("opening it took longer than"))
    }
  }

  @Test("a process that cannot be started is no failed opening of the slide")
  func notStarted() {
    let answers: Mutex<[SlideAnswer]> = Mutex([])
    InspectingOpener(program: "/no/such/program", arguments: [], logFolder: "/no/such")
      .check("/in/A.svs") { answer in answers.withLock { $0.append(answer) } }
    guard case .notTried(let reason)? = answers.withLock({ $0.first }) else {
      Issue.record("it was tried")
      return
    }
    #expect(reason.hasPrefix("/no/such/program: cannot be started"))
  }

  @Test("a slide that could not be tried is tried again, however often")
  func untried() {
    let signature = SlideSighting.Signature(byteCount: 1, modifiedNanoseconds: 1, fileCount: 1)
    var rule = SettlingRule(signature: signature, now: 0)
    for round in 1...9 {
      #expect(rule.observed(signature, now: Double(round) * 10, quiet: 10) == .open)
      rule.notTried(now: Double(round) * 10)
    }
    #expect(rule.observed(signature, now: 100, quiet: 10) == .open)
    #expect(
      rule.opened(reason: "no", signature: signature, now: 100, attempts: 2)
        == SettlingRule.Action.none)
  }
}

@Suite("The service with real processes")
struct LoopTests {
  /// Opens what is not called broken; a run writes a file into the case's folder.
  private static let program = """
    if [ "$1" = inspect ]; then
      case "$*" in *broken*) echo "restain: broken: no slide; check it" >&2; exit 65;; esac
      exit 0
    fi
    for word in "$@"; do case $word in
      --output=*) out=${word#--output=};; --case=*) case=${word#--case=};;
    esac; done
    mkdir -p "$out/$case"; echo "$*" >> "$out/$case/arguments"
    [ -e "$out/../slow" ] && exec sleep 600
    echo '{"type":"exit","code":0,"message":"done","outputs":[]}'
    """

  private struct Site {
    let script: Script
    let surroundings: WatchService.Surroundings
    let plan: ServicePlan
    let shouldStop: @Sendable () -> Bool

    func run() throws -> WatchService {
      let service = WatchService(plan: plan, surroundings: surroundings)
      try WatchLoop(
        service: service, surroundings: surroundings, isOnce: plan.isOnce,
        controls: .init(shouldStop: shouldStop, takeReload: { nil })
      ).run(state: plan.state)
      return service
    }
  }

  private func site(
    isOnce: Bool, shouldStop: @escaping @Sendable (_ folder: String) -> Bool = { _ in false }
  ) throws -> Site {
    let script = try Script(Self.program)
    let folder = script.scratch.url.path
    try FileManager.default.createDirectory(
      atPath: folder + "/in", withIntermediateDirectories: true)
    var configuration = Configuration()
    try ConfigurationFile { _, _ in nil }.add(
      text: """
        { watch: { inbox: "in", outbox: "out", settle: "50 ms", rescan: "100 ms",
        pairWait: "0 s", retryDelay: "10 ms", freeDisk: "1 B" } }
        """, path: "c.json5", to: &configuration)
    let time = SystemTime()
    let surroundings = WatchService.Surroundings(
      executor: LocalExecutor(program: script.path),
      opener: InspectingOpener(program: script.path, arguments: [], logFolder: folder),
      time: time, log: JournalLog(style: .journal, time: time, sink: .nowhere), events: nil,
      notifier: ServiceNotifier(socketPath: nil, watchdogMicroseconds: nil),
      freeBytes: { FileSystem.freeBytes($0) }, wakeUp: WakeUp())
    let plan = try ServicePlan(
      configuration: configuration, workingFolder: folder,
      workerOptions: [], isOnce: isOnce)
    return Site(
      script: script, surroundings: surroundings, plan: plan, shouldStop: { shouldStop(folder) })
  }

  private func drop(_ name: String, _ site: Site) throws {
    try Data(name.utf8).write(to: URL(fileURLWithPath: "\(site.plan.inbox)/\(name)"))
  }

  @Test(
    "what is there is handled, what is broken is reported, and the loop ends",
    .timeLimit(.minutes(1)))
  func once() throws {
    let site = try site(isOnce: true)
    for name in ["A_HE.svs", "A_CK7.svs", "B_broken.svs"] { try drop(name, site) }
    let service = try site.run()
    #expect(service.hasTrouble)
    // Which of the two is seen first depends on how long the machine takes.
    let states = Dictionary(uniqueKeysWithValues: service.jobs.map { ($0.block, $0.state) })
    #expect(states == ["A": .done, "B": .failed])
    let arguments = try String(contentsOfFile: "\(site.plan.outbox)/A/arguments", encoding: .utf8)
    #expect(arguments.contains("--fixed=\(site.plan.inbox)/A_HE.svs"))
    #expect(
      try String(contentsOfFile: "\(site.plan.outbox)/failed/B_broken/reason.txt", encoding: .utf8)
        .hasPrefix("broken: no slide; check it\n"))
  }

  @Test("a stop ends the worker, and the next service takes the job up", .timeLimit(.minutes(1)))
  func stopAndGoOn() throws {
    // Stops as soon as the worker has begun.
    let site = try site(isOnce: false) {
      FileManager.default.fileExists(atPath: "\($0)/out/A/arguments")
    }
    let slow = site.script.scratch.path("slow")
    try Data().write(to: URL(fileURLWithPath: slow))
    try drop("A_CK7.svs", site)
    let first = try site.run()
    #expect(first.jobs.map(\.state) == [.interrupted])
    let id = first.jobs[0].id
    try FileManager.default.removeItem(atPath: slow)
    let plan = try ServicePlan(
      configuration: site.plan.configuration, workingFolder: site.script.scratch.url.path,
      workerOptions: [], isOnce: true)
    let again = Site(
      script: site.script, surroundings: site.surroundings, plan: plan, shouldStop: { false })
    let second = try again.run()
    #expect(second.jobs.map(\.state) == [.done])
    #expect(second.jobs[0].id == id)
    let runs = try String(contentsOfFile: "\(plan.outbox)/A/arguments", encoding: .utf8)
      .split(separator: "\n")
    #expect(runs.count == 2)
    #expect(runs[0] == runs[1])
  }
}

@Suite("Telling systemd")
struct NotifierTests {
  @Test("each message is a datagram to the socket", arguments: [false, true])
  func datagrams(isAbstract: Bool) throws {
    let scratch = try TemporaryDirectory()
    let path = isAbstract ? "@restain-\(UUID().uuidString)" : scratch.path("socket")
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    if isAbstract { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) == 0 }
    }
    try #require(isBound)
    let notifier = ServiceNotifier(socketPath: path, watchdogMicroseconds: "30000000")
    notifier.ready()
    notifier.status("2 running,\n14 waiting")
    notifier.watchdog()
    notifier.stopping()
    #expect(notifier.watchdogSeconds == 15)
    var received: [String] = []
    for _ in 0..<4 {
      var buffer = [UInt8](repeating: 0, count: 256)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      received.append(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
    }
    #expect(received == ["READY=1", "STATUS=2 running, 14 waiting", "WATCHDOG=1", "STOPPING=1"])
  }

  @Test("without a socket nothing is sent, and nothing goes wrong")
  func none() {
    ServiceNotifier(socketPath: nil, watchdogMicroseconds: nil).ready()
    ServiceNotifier(socketPath: "/no/such/socket", watchdogMicroseconds: "x").ready()
    #expect(ServiceNotifier(socketPath: nil, watchdogMicroseconds: "0").watchdogSeconds == nil)
  }
}
