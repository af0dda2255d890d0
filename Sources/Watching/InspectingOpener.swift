import Dispatch
import Foundation
import Reporting
import Synchronization

/// Opens a slide with `restain inspect` in a process of its own.
public struct InspectingOpener: SlideOpener {
  private let program: String
  private let logFolder: String
  private let arguments: [String]
  private let limitSeconds: Double
  private let gate = Gate(limit: Self.mostAtOnce)

  /// A hundred slides may settle at one time, on a share that answers slowly.
  private static let mostAtOnce = 4

  /// Makes an opener.
  ///
  /// - Parameters:
  ///   - program: The path of `restain`.
  ///   - arguments: Words after `inspect SLIDE`, such as `--config FILE`.
  ///   - logFolder: Where the text output of the attempts goes.
  ///   - limitSeconds: After which time an attempt is ended; a slide that takes so long hangs.
  public init(
    program: String, arguments: [String], logFolder: String, limitSeconds: Double = 600
  ) {
    self.limitSeconds = limitSeconds
    self.program = program
    self.arguments = arguments
    self.logFolder = logFolder
  }

  /// Tries a slide, after those before it if several are being tried; what it printed last is the reason if it does
  /// not open.
  public func check(_ path: String, answer: @escaping @Sendable (SlideAnswer) -> Void) {
    gate.enter { leave in
      start(path) {
        leave()
        answer($0)
      }
    }
  }

  private static let logPrefix = "inspect-"

  /// Removes the logs of openings during which a service ended.
  static func removeLogs(in folder: String) {
    // A folder that cannot be read holds none that could be removed.
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    for name in names where name.hasPrefix(logPrefix) && name.hasSuffix(".log") {
      unlink("\(folder)/\(name)")
    }
  }

  private func start(_ path: String, answer: @escaping @Sendable (SlideAnswer) -> Void) {
    let attempt = Attempt(answer)
    let log = "\(logFolder)/\(Self.logPrefix)\(UUID().uuidString).log"
    @Sendable func finish(_ end: ChildProcess.End) {
      defer { unlink(log) }
      let said =
        // A log that cannot be read has nothing to say.
        (try? String(contentsOfFile: log, encoding: .utf8))?
        .split(separator: "\n").last.map(Self.withoutProgram)
      switch end {
      case .exited(0): attempt.end(.opens)
      case .exited(let status):
        attempt.end(
          .rejected(reason: said ?? "inspect ended with status \(status)", status: status))
      case .signalled(let number):
        attempt.end(
          .rejected(
            reason: "\(path): opening it ended by signal \(number); check the file", status: nil))
      }
    }
    do throws(ChildProcess.StartError) {
      let child = try ChildProcess(
        program: program, arguments: ["inspect"] + arguments + ["--json", "--", path],
        errorPath: log, onLine: { _ in }, onEnd: finish)
      // A child that hangs in a share's driver may outlive the signal; the slide's turn ends all the same.
      let (path, limit) = (path, limitSeconds)
      DispatchQueue.global().asyncAfter(deadline: .now() + limit) {
        attempt.end(
          .rejected(
            reason: "\(path): opening it took longer than \(HumanText.duration(limit)); "
              + "check the file and the share that it lies on", status: nil))
        child.signal(SIGKILL)
      }
    } catch {
      attempt.end(
        .notTried(
          reason: "\(program): cannot be started (\(error.reason)); "
            + "allow the service more processes and open files"))
    }
  }

  /// An attempt that is answered once, by its end or by its time limit.
  private final class Attempt: Sendable {
    private let answer: Mutex<(@Sendable (SlideAnswer) -> Void)?>

    init(_ answer: @escaping @Sendable (SlideAnswer) -> Void) { self.answer = Mutex(answer) }

    func end(_ result: SlideAnswer) {
      let answer = answer.withLock { answer in
        defer { answer = nil }
        return answer
      }
      answer?(result)
    }
  }

  /// Lets so many pieces of work go on at one time; the others wait in the order in which they came.
  private final class Gate: Sendable {
    private struct State {
      var room: Int
      var waiting: [@Sendable () -> Void] = []
    }
    private let state: Mutex<State>

    init(limit: Int) { state = Mutex(State(room: limit)) }

    /// Starts work, now or later; it calls what it is handed when it is done.
    func enter(_ work: @escaping @Sendable (_ leave: @escaping @Sendable () -> Void) -> Void) {
      let begin: @Sendable () -> Void = { work { self.leave() } }
      let mayBegin = state.withLock { state in
        guard state.room > 0 else {
          state.waiting.append(begin)
          return false
        }
        state.room -= 1
        return true
      }
      if mayBegin { begin() }
    }

    private func leave() {
      let next = state.withLock { state in
        guard !state.waiting.isEmpty else {
          state.room += 1
          return nil as (@Sendable () -> Void)?
        }
        return state.waiting.removeFirst()
      }
      next?()
    }
  }

  /// A line of text without the `restain: ` that every line of the program begins with.
  static func withoutProgram(_ line: Substring) -> String {
    let prefix = "restain: "
    return String(line.hasPrefix(prefix) ? line.dropFirst(prefix.count) : line)
  }
}
