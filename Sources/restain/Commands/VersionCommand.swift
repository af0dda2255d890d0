import CommandLineKit

/// `restain version`: what a bug report needs.
enum VersionCommand: Command {
  /// The version of the program.
  static let version = "0.1.0"

  static var line: String { "restain \(version)" }

  static let description = CommandDescription(
    "version", "print the version and those of the libraries",
    options: [SharedOptions.json.entry])

  private struct Result: Encodable {
    let version: String
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    if context.isJSON {
      try context.emit(json: Result(version: version))
    } else {
      context.print(line)
    }
    return .success
  }
}
