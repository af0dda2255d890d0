import CommandLineKit
import Dispatch
import Foundation
import Reporting
import Settings
import Synchronization
import Watching

/// `restain watch`: the service.
enum WatchCommand: Command {
  static let once = Option.flag("once", "handle what is there and stop")

  static let printsEvents = true

  static let description = CommandDescription(
    "watch", "watch a folder and convert the slides that arrive",
    discussion: """
      Slides are taken when they have settled and open; sections of one block are paired by their \
      names or by their folder; each case runs in a process of its own. The inbox is never written. \
      SIGTERM stops the service in good order, SIGHUP reads the configuration anew. A job that was \
      interrupted, however it was, goes on with the next start.

      With --once the service waits until what is there has settled, not for sections that are \
      missing, and ends with 3 if a case failed or needs review or a folder could not be read.
      """,
    options: [once.entry, SharedOptions.json.entry],
    examples: ["watch --config watch-config/restain.json5", "watch --config c.json5 --once --json"])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let path = context[GlobalOptions.config] ?? ConfigurationFile.systemPath
    let plan = try ServicePlan(
      configuration: Configurations.file(path),
      workingFolder: FileManager.default.currentDirectoryPath,
      workerOptions: workerOptions(context), isOnce: context[once])
    let wakeUp = WakeUp()
    let surroundings = surroundings(context, plan, wakeUp)
    let service = WatchService(plan: plan, surroundings: surroundings)
    let isReloadAsked = Atomic<Bool>(false)
    let hangUps = StopSignals.source(SIGHUP) {
      isReloadAsked.store(true, ordering: .releasing)
      wakeUp.wake()
    }
    defer { hangUps.cancel() }
    context.whenStopped { wakeUp.wake() }
    let loop = WatchLoop(
      service: service, surroundings: surroundings, isOnce: plan.isOnce,
      controls: WatchLoop.Controls(
        shouldStop: { context.isCancelled },
        takeReload: {
          guard isReloadAsked.exchange(false, ordering: .acquiringAndReleasing) else { return nil }
          return { () throws(SettingsError) in try Configurations.file(path) }
        }))
    try loop.run(state: plan.state)
    try context.checkCancellation()
    if service.isHeldUp { return .temporary }
    return service.hasTrouble || plan.isOnce && service.hasUnreadInbox ? .partial : .success
  }

  private static func workerOptions(_ context: CommandContext) -> [String] {
    var options: [String] = []
    if let count = context[GlobalOptions.threads] { options.append("--threads=\(count)") }
    if let bytes = context[GlobalOptions.memory] { options.append("--memory=\(bytes)B") }
    if context.isGiven(GlobalOptions.kernels) {
      options.append("--kernels=\(context[GlobalOptions.kernels].rawValue)")
    }
    return options
  }

  private static func surroundings(
    _ context: CommandContext, _ plan: ServicePlan, _ wakeUp: WakeUp
  ) -> WatchService.Surroundings {
    let environment = context.environment
    // The program as it was started, also if its file is replaced while the service runs.
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().path
    return WatchService.Surroundings(
      executor: LocalExecutor(program: program),
      opener: InspectingOpener(
        program: program, arguments: ["--config=\(plan.settingsPath)"],
        logFolder: plan.state),
      time: context.time, log: log(context), events: context.events,
      notifier: ServiceNotifier(
        socketPath: environment["NOTIFY_SOCKET"],
        watchdogMicroseconds: environment["WATCHDOG_USEC"]),
      freeBytes: { FileSystem.freeBytes($0) }, wakeUp: wakeUp)
  }

  private static func log(_ context: CommandContext) -> JournalLog {
    var status = stat()
    let isJournal =
      fstat(2, &status) == 0
      && JournalLog.isJournal(
        stream: context.environment["JOURNAL_STREAM"], device: UInt64(status.st_dev),
        inode: UInt64(status.st_ino))
    return JournalLog(
      style: isJournal ? .journal : .plain(isColored: context.isColored), time: context.time,
      sink: context.diagnostics)
  }
}
