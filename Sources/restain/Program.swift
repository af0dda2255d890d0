import CommandLineKit
import Foundation
import Reporting
import Tensors

/// The frame around the commands: reads the command line, runs one, says how it ended.
enum Program {
  /// Runs a command line.
  ///
  /// - Parameters:
  ///   - arguments: The words after the program's name.
  ///   - environment: The variables of the process: `NO_COLOR`, `RESTAIN_PROGRESS_SECONDS`.
  /// - Returns: The exit status.
  static func run(_ arguments: [String], environment: [String: String]) -> ExitStatus {
    ProcessAllocation.keepFreedMemory()
    let output = TextSink.descriptor(1)
    let diagnostics = TextSink.descriptor(2)
    do {
      switch try CommandTable.parser.parse(arguments) {
      case .overview(let prefix): output.write(CommandTable.help.overview(prefix: prefix))
      case .help(let command): output.write(CommandTable.help.help(command))
      case .version: output.write(VersionCommand.line + "\n")
      case .run(let description, let values):
        guard let command = CommandTable.command(description) else { return .usage }
        return run(command, values, environment, output: output, diagnostics: diagnostics)
      }
      return .success
    } catch {
      diagnostics.write("restain: \(error.message)\n")
      return ErrorMapping.exitStatus(error)
    }
  }

  private static func run(
    _ command: any Command.Type, _ values: ParsedArguments, _ environment: [String: String],
    output: TextSink, diagnostics: TextSink
  ) -> ExitStatus {
    let time = SystemTime()
    let events: EventWriter? =
      command.printsEvents && values.isGiven(SharedOptions.json)
      ? EventWriter(time: time, sink: output) : nil
    let progress = ProgressMeter(
      style: progressStyle(values, events),
      intervalSeconds: environment["RESTAIN_PROGRESS_SECONDS"].flatMap(Double.init),
      time: time, sink: diagnostics, peakBytes: { ProcessMemory.peakBytes() })
    let signals = StopSignals { progress.printNow() }
    let context = CommandContext(
      arguments: values, progress: progress, time: time, output: output,
      diagnostics: diagnostics, events: events, environment: environment, signals: signals)
    events?.start(
      command: command.description.name, version: VersionCommand.version,
      subject: values.operands.first)
    let (status, message) = outcome(of: command, context, signals)
    events?.exit(code: status.rawValue, message: message, outputs: context.outputPaths)
    return status
  }

  private static func outcome(
    of command: any Command.Type, _ context: CommandContext, _ signals: StopSignals
  ) -> (ExitStatus, message: String) {
    do {
      let status = try command.run(context)
      context.progress.finish()
      return (status, status.meaning)
    } catch {
      context.progress.finish()
      if let status = signals.exitStatus {
        let message = "\(command.description.name): \(status.meaning); run it again"
        context.diagnostics.write("restain: \(message)\n")
        return (status, message)
      }
      context.report(error)
      return (ErrorMapping.exitStatus(error), error.message)
    }
  }

  private static func progressStyle(
    _ values: ParsedArguments, _ events: EventWriter?
  ) -> ProgressMeter.Style {
    if let events {
      return .events { events.status($0, peakBytes: ProcessMemory.peakBytes()) }
    }
    if values.isGiven(GlobalOptions.quiet) { return .silent }
    return isatty(2) == 1 ? .rewriting : .lines
  }
}
