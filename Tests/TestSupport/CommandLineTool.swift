public import Foundation

/// A built program beside the test bundle, run as a user would run it.
public struct CommandLineTool: Sendable {
  /// What a run left behind.
  public struct Outcome: Sendable {
    /// The exit status; 128 + the signal's number if a signal ended it.
    public let status: Int32
    /// Everything written to standard output.
    public let output: String
    /// Everything written to standard error.
    public let diagnostics: String
  }

  /// Where the program is.
  public let url: URL

  /// Finds a program of this package.
  ///
  /// - Parameter name: `restain` or `restain-bench`.
  /// - Throws: ``CommandLineToolError/notBuilt(path:)`` if it does not lie beside the tests.
  public init(_ name: String = "restain") throws {
    url = Self.buildFolder.appendingPathComponent(name)
    guard FileManager.default.isExecutableFile(atPath: url.path) else {
      throw CommandLineToolError.notBuilt(path: url.path)
    }
  }

  /// The folder that the running tests were built into.
  public static var buildFolder: URL {
    let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    if executable.lastPathComponent.hasSuffix(".xctest") {
      return executable.deletingLastPathComponent()
    }
    // The toolchain's helper runs the bundle that stands among its arguments.
    let bundle = ProcessInfo.processInfo.arguments.first { $0.contains(".xctest") } ?? ""
    return URL(fileURLWithPath: bundle).deletingLastPathComponent()
  }

  /// Starts the program and waits for its end.
  ///
  /// - Parameters:
  ///   - arguments: The words after the program's name.
  ///   - environment: Variables on top of those of the tests.
  ///   - directory: The working folder; that of the tests if nil.
  /// - Returns: Status and texts.
  /// - Throws: What `Process` throws if the program cannot be started.
  public func run(
    _ arguments: [String], environment: [String: String] = [:], in directory: URL? = nil
  ) throws -> Outcome {
    let started = try start(arguments, environment: environment, in: directory)
    return started.wait()
  }

  /// Starts the program and returns at once.
  ///
  /// - Parameters:
  ///   - arguments: The words after the program's name.
  ///   - environment: Variables on top of those of the tests.
  ///   - directory: The working folder; that of the tests if nil.
  /// - Returns: The running program.
  /// - Throws: What `Process` throws if the program cannot be started.
  public func start(
    _ arguments: [String], environment: [String: String] = [:], in directory: URL? = nil
  ) throws -> Running {
    let scratch = try TemporaryDirectory()
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.currentDirectoryURL = directory
    process.standardInput = FileHandle.nullDevice
    // Files, not pipes: a pipe that nobody drains would stop a talkative program.
    process.standardOutput = try Self.handle(scratch.path("output"))
    process.standardError = try Self.handle(scratch.path("diagnostics"))
    try process.run()
    return Running(process: process, scratch: scratch)
  }

  private static func handle(_ path: String) throws -> FileHandle {
    try Data().write(to: URL(fileURLWithPath: path))
    return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }

  /// A program that has been started.
  public struct Running {
    private let process: Process
    private let scratch: TemporaryDirectory

    fileprivate init(process: Process, scratch: TemporaryDirectory) {
      self.process = process
      self.scratch = scratch
    }

    /// The number of the process, for signals.
    public var identifier: Int32 { process.processIdentifier }

    /// Whether it has not ended yet.
    public var isRunning: Bool { process.isRunning }

    /// What it has written to standard output so far.
    public var output: String { text("output") }

    /// What it has written to standard error so far.
    public var diagnostics: String { text("diagnostics") }

    /// Waits for its end.
    public func wait() -> Outcome {
      process.waitUntilExit()
      let status = process.terminationStatus
      return Outcome(
        status: process.terminationReason == .uncaughtSignal ? 128 + status : status,
        output: output, diagnostics: diagnostics)
    }

    private func text(_ name: String) -> String {
      // A file that cannot be read holds nothing that a test could look at.
      let data = (try? Data(contentsOf: URL(fileURLWithPath: scratch.path(name)))) ?? Data()
      return String(decoding: data, as: UTF8.self)
    }
  }
}

/// What can be wrong before a program runs.
public enum CommandLineToolError: Error, CustomStringConvertible {
  /// The program is not where the build puts it.
  case notBuilt(path: String)

  /// One line: subject: problem; next step.
  public var description: String {
    switch self {
    case .notBuilt(let path): "\(path): not built; run swift build first"
    }
  }
}
