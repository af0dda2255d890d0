import CommandLineKit

/// A verb of the program: its table, and what it does.
protocol Command: Sendable {
  /// The name, operands and options.
  static var description: CommandDescription { get }

  /// Whether `--json` prints JSON lines as the work goes on; only `run`, `watch` and `train` do.
  static var printsEvents: Bool { get }

  /// Does the work.
  ///
  /// - Parameter context: The values of the command line and the ways to speak.
  /// - Returns: How the program ends: `.success`, or `.partial` where the contract says so.
  /// - Throws: Any module's error; `ErrorMapping` gives each its exit status.
  static func run(_ context: CommandContext) throws -> ExitStatus
}

extension Command {
  static var printsEvents: Bool { false }
}
