import CommandLineKit
import Foundation
import Reporting
import Slides
import Synchronization

/// What a command gets: its values, the ways to speak, and whether to stop.
struct CommandContext: Sendable {
  /// The values of the command line.
  let arguments: ParsedArguments
  /// Tells how long work goes.
  let progress: ProgressMeter
  /// The clocks.
  let time: any TimeSource
  /// Results.
  let output: TextSink
  /// Everything else.
  let diagnostics: TextSink
  /// JSON lines instead of a single result; nil for commands that print none, and without `--json`.
  let events: EventWriter?
  /// The variables of the process, for paths and `JOURNAL_STREAM`.
  let environment: [String: String]
  /// The files that the last JSON line lists.
  private let outputs = OutputList()
  /// The settings that the command works with.
  let settings = KeptConfiguration()
  private let signals: StopSignals

  init(
    arguments: ParsedArguments, progress: ProgressMeter, time: any TimeSource, output: TextSink,
    diagnostics: TextSink, events: EventWriter?, environment: [String: String],
    signals: StopSignals
  ) {
    self.arguments = arguments
    self.events = events
    self.environment = environment
    self.progress = progress
    self.time = time
    self.output = output
    self.diagnostics = diagnostics
    self.signals = signals
  }

  /// The value of an option.
  subscript<Value>(option: CommandLineKit.Option<Value>) -> Value { arguments[option] }

  /// Whether an option stood on the command line.
  func isGiven<Value>(_ option: CommandLineKit.Option<Value>) -> Bool { arguments.isGiven(option) }

  /// The operands in order.
  var operands: [String] { arguments.operands }

  /// Whether text on stderr is to be coloured.
  var isColored: Bool {
    switch arguments[GlobalOptions.color] {
    case .always: true
    case .never: false
    // https://no-color.org: set and not empty.
    case .auto: isatty(2) == 1 && (environment["NO_COLOR"] ?? "").isEmpty
    }
  }

  /// Whether the result is to be JSON.
  var isJSON: Bool { isGiven(SharedOptions.json) }

  /// Whether existing output may be replaced.
  var isForced: Bool { isGiven(SharedOptions.force) }

  /// Whether SIGINT or SIGTERM came; long work asks at least once a second and then throws.
  var isCancelled: Bool { signals.exitStatus != nil }

  /// Calls a closure, from any thread, when SIGINT or SIGTERM comes.
  func whenStopped(_ act: @escaping @Sendable () -> Void) { signals.whenStopped(act) }

  /// Throws if SIGINT or SIGTERM came.
  func checkCancellation() throws(CancellationError) {
    if isCancelled { throw CancellationError() }
  }
}

extension CommandContext {
  /// Prints a line of the result on stdout.
  func print(_ result: String) { output.write(result + "\n") }

  /// Writes text on stdout as it is, such as a generated page.
  func write(_ text: String) { output.write(text) }

  /// Prints one JSON object on stdout, on one line with sorted keys.
  ///
  /// - Parameter json: The result; its coding keys are the names of the contract (snake_case).
  /// - Throws: `EncodingError` if a number is not finite.
  func emit(json: some Encodable) throws {
    if let events {
      events.result(json)
    } else {
      output.write(try JSONText.line(json))
    }
  }

  /// Names a file that was written and is complete, for the last JSON line.
  func addOutput(_ path: String) { outputs.add(path) }

  /// The files named so far.
  var outputPaths: [String] { outputs.paths }

  /// Says something on stderr that users want to know; nothing with `--quiet`.
  func note(_ text: String) {
    guard !arguments.isGiven(GlobalOptions.quiet) else { return }
    say(text)
  }

  /// Says something on stderr with `-v` only.
  func detail(_ text: String) {
    guard arguments.isGiven(GlobalOptions.verbose) else { return }
    say(text)
  }

  /// Says on stderr what needs attention, also with `--quiet`: `subject: problem; next step`.
  func warn(_ text: String) {
    events?.warning(text)
    say("warning: " + text)
  }

  /// The status of work on a slide that is done, with a warning where the slide is damaged.
  ///
  /// - Parameters:
  ///   - damage: What is wrong with the slide; nothing where nothing is.
  ///   - path: The slide.
  /// - Returns: `partial` for a damaged slide.
  func status(damage: String?, of path: String) -> ExitStatus {
    guard let damage else { return .success }
    warn(DamagedTile.warning(damage, path: path))
    return .partial
  }

  /// The status of work that has read slides, with a warning for each one that is damaged.
  ///
  /// - Returns: `partial` where one is damaged.
  func status(reading slides: [Slide]) -> ExitStatus {
    let states = slides.map { status(damage: $0.damage, of: $0.path) }
    return states.contains(.partial) ? .partial : .success
  }

  /// Reports an error that does not end the command, such as one slide of several.
  func report(_ error: any Error) {
    events?.error(error.message)
    say(error.message)
  }

  private func say(_ text: String) {
    progress.clearLine()
    diagnostics.write("restain: \(OneLine.of(text))\n")
  }
}

/// Paths that are added from any thread.
private final class OutputList: Sendable {
  private let list: Mutex<[String]> = Mutex([])

  var paths: [String] { list.withLock { $0 } }

  func add(_ path: String) {
    list.withLock { if !$0.contains(path) { $0.append(path) } }
  }
}
