import CommandLineKit
import Pipeline

/// `restain report DIR`: the page and the table of a case, anew from its manifest.
enum ReportCommand: Command {
  static let description = CommandDescription(
    "report", "rebuild the report page of a case",
    discussion: "Writes <case>.report.html and <case>.summary.csv from <case>.run.json.",
    operands: [Operand("DIR", "folder of one case")], options: [],
    examples: ["report pyramids/B12"])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    context.print(try CaseReport.rebuild(folder: context.operands[0]))
    return .success
  }
}
