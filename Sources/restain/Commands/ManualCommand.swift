import CommandLineKit

/// `restain manual`: the manual page.
enum ManualCommand: Command {
  static let description = CommandDescription(
    "manual", "print the manual page in roff", examples: ["manual | man -l -"])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    context.write(
      ManualPage(program: "restain", version: VersionCommand.version, parser: CommandTable.parser)
        .text())
    return .success
  }
}
