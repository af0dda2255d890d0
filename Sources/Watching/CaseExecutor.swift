public import Reporting

/// What a worker is to do: one `restain run`.
public struct CaseTask: Sendable, Equatable {
  /// The job.
  public let id: String
  /// The words after `restain`.
  public let arguments: [String]
  /// Where the worker's text output goes.
  public let logPath: String

  /// Describes a task.
  public init(id: String, arguments: [String], logPath: String) {
    self.id = id
    self.arguments = arguments
    self.logPath = logPath
  }
}

/// What a worker tells while it works, and that it has ended.
public enum WorkerReport: Sendable, Equatable {
  /// How far it has come.
  case status(StatusEvent)
  /// Something that needs attention.
  case warning(String)
  /// It has ended; the last report.
  case ended(WorkerEnd, outputs: [String])
}

/// A worker that has been started.
public protocol CaseWorker: Sendable {
  /// The process, for the journal; nil if it is none on this machine.
  var identity: WorkerIdentity? { get }
  /// Asks it to stop in good order.
  func terminate()
  /// Ends it at once.
  func kill()
}

/// Where cases run: child processes of the service, or the batch system of a cluster.
///
/// The payload is the same `restain run` everywhere.
public protocol CaseExecutor: Sendable {
  /// Starts a worker.
  ///
  /// - Parameters:
  ///   - task: What it is to do.
  ///   - report: Called from any thread, for the last time with
  ///     ``WorkerReport/ended(_:outputs:)``, exactly once and also if the worker cannot be started.
  /// - Returns: The worker.
  func start(
    _ task: CaseTask, report: @escaping @Sendable (WorkerReport) -> Void
  )
    -> any CaseWorker
  /// Ends a worker that a service before this one left behind, and waits until it is gone.
  func endOrphan(_ worker: WorkerIdentity)
}

/// Whether a slide opens; asked in a process of its own, since a damaged file may crash a library.
public protocol SlideOpener: Sendable {
  /// Tries a slide.
  ///
  /// - Parameters:
  ///   - path: The slide.
  ///   - answer: Called once, from any thread.
  func check(_ path: String, answer: @escaping @Sendable (SlideAnswer) -> Void)
}

/// Whether a slide opens.
public enum SlideAnswer: Sendable, Equatable {
  /// It does.
  case opens
  /// It does not, with the exit status of the attempt.
  case rejected(reason: String, status: Int32?)
  /// It was not tried, for want of a process; that is not the slide's fault.
  case notTried(reason: String)
}
