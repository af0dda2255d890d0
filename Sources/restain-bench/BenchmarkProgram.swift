import CommandLineKit
import Foundation
import Reporting
import Tensors

/// One kind of measurement: its table, and what it does.
protocol Suite: Sendable {
  /// The name, operands and options.
  static var description: CommandDescription { get }

  /// Measures and reports.
  static func run(_ context: BenchmarkContext) throws
}

/// Options that every suite takes.
enum BenchmarkOptions {
  static let json = Option.flag("json", "print one JSON object a measurement")
  static let threads = Option<Int?>.optional(
    "threads", .integer(in: 1...1024), "threads to compute with; all processors if not given")

  static let entries = [json.entry, threads.entry]
}

/// The frame around the suites.
enum BenchmarkProgram {
  /// Every suite, in the order in which the help shows them.
  static let suites: [any Suite.Type] = [
    InferenceSuite.self, TrainingSuite.self, InceptionSuite.self, RegistrationSuite.self,
    PyramidSuite.self, SeamsSuite.self, LimitsSuite.self,
  ]

  /// Runs a command line.
  ///
  /// - Parameters:
  ///   - arguments: The words after the program's name.
  ///   - environment: The variables of the process: which core OpenBLAS is asked for.
  /// - Returns: The exit status.
  static func run(_ arguments: [String], environment: [String: String]) -> ExitStatus {
    ProcessAllocation.keepFreedMemory()
    let parser = ArgumentParser(
      commands: suites.map { $0.description }, globalOptions: BenchmarkOptions.entries)
    let help = HelpText(program: "restain-bench", parser: parser)
    let output = TextSink.descriptor(1)
    do {
      switch try parser.parse(arguments) {
      case .overview(let prefix): output.write(help.overview(prefix: prefix))
      case .help(let description): output.write(help.help(description))
      case .version: output.write("restain-bench\n")
      case .run(let description, let values):
        let suite = suites.first { $0.description.words == description.words }
        try suite?.run(
          BenchmarkContext(arguments: values, environment: environment, output: output))
      }
      return .success
    } catch {
      TextSink.descriptor(2).write("restain-bench: \(error)\n")
      return error is UsageError ? .usage : .failure
    }
  }
}

/// What a suite gets: its values, a clock, and the way to report.
struct BenchmarkContext: Sendable {
  /// The values of the command line.
  let arguments: ParsedArguments
  private let environment: [String: String]
  private let output: TextSink

  fileprivate init(
    arguments: ParsedArguments, environment: [String: String], output: TextSink
  ) {
    self.arguments = arguments
    self.environment = environment
    self.output = output
  }

  /// The core that the environment asks OpenBLAS for.
  var requestedCore: String? { environment[BLASLibrary.coreVariable] }

  /// The value of an option.
  subscript<Value>(option: CommandLineKit.Option<Value>) -> Value { arguments[option] }

  /// Threads to compute with.
  var threadCount: Int {
    arguments[BenchmarkOptions.threads] ?? ProcessInfo.processInfo.activeProcessorCount
  }

  /// The most memory that the process has held, in MiB.
  var peakMib: Double? { ProcessMemory.peakBytes().map { Double($0) / 1_048_576 } }

  /// Runs a piece of work and returns how long it took, in seconds.
  func seconds(_ work: () throws -> Void) rethrows -> Double {
    let time = SystemTime()
    let started = time.seconds
    try work()
    return time.seconds - started
  }

  /// Reports a measurement: as an object with `--json`, else as the line.
  func report(_ measurement: some Encodable, line: String) throws {
    let text = arguments.isGiven(BenchmarkOptions.json) ? try JSONText.line(measurement) : line
    output.write(text.hasSuffix("\n") ? text : text + "\n")
  }
}
