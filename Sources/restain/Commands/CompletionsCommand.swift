import CommandLineKit

/// `restain completions SHELL`: what a shell needs to complete command lines.
enum CompletionsCommand: Command {
  static let description = CommandDescription(
    "completions", "print completions for a shell",
    operands: [
      Operand(
        "SHELL", "bash, zsh or fish", completion: .words(Shell.allCases.map(\.rawValue)))
    ],
    examples: ["completions bash > /etc/bash_completion.d/restain"])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let name = context.operands[0]
    guard let shell = Shell(rawValue: name) else {
      throw UsageError.badValue(
        option: "completions", value: name,
        expected: Shell.allCases.map(\.rawValue).joined(separator: " or "))
    }
    context.write(
      CompletionScript(program: "restain", parser: CommandTable.parser).text(shell))
    return .success
  }
}
