import Foundation

/// Opens a slide with `restain inspect` in a process of its own.
public struct InspectingOpener: SlideOpener {
  private let program: String
  private let logFolder: String
  private let arguments: [String]

  /// Makes an opener.
  ///
  /// - Parameters:
  ///   - program: The path of `restain`.
  ///   - arguments: Words after `inspect SLIDE`, such as `--config FILE`.
  ///   - logFolder: Where the text output of the attempts goes.
  public init(program: String, arguments: [String], logFolder: String) {
    self.program = program
    self.arguments = arguments
    self.logFolder = logFolder
  }

  /// Tries a slide; what it printed last is the reason if it does not open.
  public func check(_ path: String, answer: @escaping @Sendable (SlideAnswer) -> Void) {
    let log = "\(logFolder)/inspect-\(UUID().uuidString).log"
    @Sendable func finish(_ end: ChildProcess.End) {
      defer { unlink(log) }
      let said =
        // A log that cannot be read has nothing to say.
        (try? String(contentsOfFile: log, encoding: .utf8))?
        .split(separator: "\n").last.map(Self.withoutProgram)
      switch end {
      case .exited(0): answer(.opens)
      case .exited(let status):
        answer(.rejected(reason: said ?? "inspect ended with status \(status)", status: status))
      case .signalled(let number):
        answer(
          .rejected(
            reason: "\(path): opening it ended by signal \(number); check the file", status: nil))
      }
    }
    do throws(ChildProcess.StartError) {
      _ = try ChildProcess(
        program: program, arguments: ["inspect"] + arguments + ["--json", "--", path],
        errorPath: log, onLine: { _ in }, onEnd: finish)
    } catch {
      answer(.rejected(reason: "\(program): cannot be started (\(error.reason))", status: nil))
    }
  }

  /// A line of text without the `restain: ` that every line of the program begins with.
  static func withoutProgram(_ line: Substring) -> String {
    let prefix = "restain: "
    return String(line.hasPrefix(prefix) ? line.dropFirst(prefix.count) : line)
  }
}
