#if canImport(Glibc)
import Glibc
#endif
import Foundation
import Reporting
import Synchronization

/// Runs each case as a child process of the service.
public struct LocalExecutor: CaseExecutor {
  private let program: String

  /// Seconds that an orphan has to stop in good order before it is killed.
  static let orphanSeconds = 20.0

  /// Makes an executor.
  ///
  /// - Parameter program: The path of `restain`.
  public init(program: String) { self.program = program }

  /// Starts a worker; its standard output are JSON lines, its standard error goes to the task's log.
  public func start(
    _ task: CaseTask, report: @escaping @Sendable (WorkerReport) -> Void
  ) -> any CaseWorker {
    let listener = WorkerListener(logPath: task.logPath, report: report)
    do throws(ChildProcess.StartError) {
      let child = try ChildProcess(
        program: program, arguments: task.arguments, errorPath: task.logPath,
        onLine: { listener.line($0) }, onEnd: { listener.end($0) })
      return LocalWorker(child: child)
    } catch {
      report(.ended(.notStarted(reason: "\(program): \(error.reason)"), outputs: []))
      return LocalWorker(child: nil)
    }
  }

  /// Ends a process that an earlier service started, if it is still that process.
  public func endOrphan(_ worker: WorkerIdentity) {
    guard ProcessTable.startTicks(worker.process) == worker.startTicks else { return }
    Glibc.kill(worker.process, SIGTERM)
    let deadline = SystemTime().seconds + Self.orphanSeconds
    while ProcessTable.startTicks(worker.process) == worker.startTicks {
      if SystemTime().seconds > deadline { Glibc.kill(worker.process, SIGKILL) }
      usleep(50_000)
    }
  }
}

/// A child process as a worker.
private struct LocalWorker: CaseWorker {
  let child: ChildProcess?
  let identity: WorkerIdentity?

  init(child: ChildProcess?) {
    self.child = child
    identity = child.flatMap { child in
      ProcessTable.startTicks(child.identifier).map {
        WorkerIdentity(process: child.identifier, startTicks: $0)
      }
    }
  }

  func terminate() { child?.signal(SIGTERM) }

  func kill() { child?.signal(SIGKILL) }
}

/// Reads a worker's JSON lines.
private final class WorkerListener: Sendable {
  private struct Line: Decodable {
    let type: String
    let message: String?
    let outputs: [String]?
    let status: String?
    let failures: [String]?
  }

  private struct Last {
    var message: String?
    var failure: String?
    var hasFailed = false
    var outputs: [String] = []
  }

  private let logPath: String
  private let report: @Sendable (WorkerReport) -> Void
  private let last = Mutex(Last())

  init(logPath: String, report: @escaping @Sendable (WorkerReport) -> Void) {
    self.logPath = logPath
    self.report = report
  }

  func line(_ text: String) {
    let data = Data(text.utf8)
    // A line that is no event of ours is ignored, as the contract of JSON lines asks.
    guard let line = try? JSONDecoder().decode(Line.self, from: data) else { return }
    switch line.type {
    case "status":
      // See above.
      if let status = try? JSONDecoder().decode(StatusEvent.self, from: data) {
        report(.status(status))
      }
    case "warning":
      if let message = line.message { report(.warning(message)) }
    case "error":
      last.withLock { $0.message = line.message }
    case "result":
      last.withLock {
        $0.hasFailed = line.status == "failed"
        $0.failure = line.failures?.first
      }
    case "exit":
      last.withLock {
        $0.message = line.message ?? $0.message
        $0.outputs = line.outputs ?? []
      }
    default: break
    }
  }

  func end(_ end: ChildProcess.End) {
    let last = last.withLock { $0 }
    let message = last.message ?? lastLogLine()
    let workerEnd: WorkerEnd =
      switch end {
      case .exited(3) where last.hasFailed: .failedStep(message: last.failure ?? message)
      case .exited(let status): .exited(status: status, message: message)
      case .signalled(let number): .killed(signal: number, message: message)
      }
    report(.ended(workerEnd, outputs: last.outputs))
  }

  private func lastLogLine() -> String? {
    // A log that cannot be read has nothing to say.
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: logPath)) else { return nil }
    let lines = String(decoding: data.suffix(8192), as: UTF8.self).split(separator: "\n")
    return lines.last.map(InspectingOpener.withoutProgram)
  }
}

/// What the kernel tells about a process.
enum ProcessTable {
  /// When a process started, in ticks since the machine did; nil if there is none, or only its remains.
  ///
  /// Reference: proc(5), fields 3 and 22 of `/proc/PID/stat`.
  static func startTicks(_ process: Int32) -> UInt64? {
    // A process that has gone has no such file.
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/stat")) else {
      return nil
    }
    let text = String(decoding: data, as: UTF8.self)
    // The name in brackets may hold spaces and brackets; the fields after it do not.
    guard let close = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(after: close)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
  }
}
