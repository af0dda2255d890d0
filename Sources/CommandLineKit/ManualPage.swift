/// The manual page in roff, made from the tables.
public struct ManualPage: Sendable {
  private let program: String
  private let version: String
  private let parser: ArgumentParser

  /// Makes the page of a program.
  public init(program: String, version: String, parser: ArgumentParser) {
    self.program = program
    self.version = version
    self.parser = parser
  }

  /// The page; the same tables give the same bytes.
  public func text() -> String {
    let help = HelpText(program: program, parser: parser)
    var lines = [
      ".TH \(program.uppercased()) 1 \"\" \"\(program) \(version)\" \"User Commands\"",
      ".SH NAME", "\(program) \\- virtual H&E staining of whole-slide images",
      ".SH SYNOPSIS", ".B \(program)", "\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIOPERAND\\fR...]",
      ".SH DESCRIPTION",
      "Results go to standard output, everything else to standard error.",
      "A name is never abbreviated; \\fB\\-\\-\\fR ends options; existing output is kept unless",
      "\\fB\\-\\-force\\fR is given; nothing is ever asked.",
      "A virtual stain is not for diagnosis.",
      ".SH COMMANDS",
    ]
    for command in parser.commands {
      lines += [".SS \(escaped(command.name))", ".nh", ".ad l", escaped(help.synopsis(command))]
      lines += [".br", ".ad", ".hy", ".PP", sentence(command.summary)]
      for paragraph in HelpText.paragraphs(command.discussion) {
        lines += [".PP", escaped(paragraph)]
      }
      for operand in command.operands {
        lines += [".TP", "\\fI\(escaped(operand.placeholder))\\fR", sentence(operand.summary)]
      }
      for option in command.options { lines += entry(option) }
      for example in command.examples {
        lines += [".PP", ".EX", escaped("\(program) \(example)"), ".EE"]
      }
    }
    lines.append(".SH OPTIONS OF EVERY COMMAND")
    for option in parser.globalOptions { lines += entry(option) }
    lines.append(".SH EXIT STATUS")
    for status in ExitStatus.allCases {
      lines += [".TP", ".B \(status.rawValue)", sentence(status.meaning)]
    }
    lines += [
      "Any other number is a failure.",
      ".SH SIGNALS",
      "SIGINT and SIGTERM stop work so that the same command goes on later; a second one stops at",
      "once. SIGUSR1 prints the progress.",
      ".SH ENVIRONMENT", ".TP", ".B NO_COLOR", "No colour.",
      ".TP", ".B RESTAIN_PROGRESS_SECONDS", "Seconds between two reports of progress.",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private func entry(_ option: OptionEntry) -> [String] {
    var names = option.short.map { "\\fB\\-\($0)\\fR, " } ?? ""
    names += "\\fB\(escaped(option.flag))\\fR"
    if let placeholder = option.placeholder { names += " \\fI\(escaped(placeholder))\\fR" }
    return [".TP", names, sentence(HelpText.explanation(option))]
  }

  private func sentence(_ text: String) -> String {
    escaped(text.prefix(1).uppercased() + text.dropFirst() + ".")
  }

  /// Text that roff takes as it is: no dash becomes a hyphen, no line becomes a request.
  private func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      default: result.append(character)
      }
    }
    return result.hasPrefix(".") || result.hasPrefix("'") ? "\\&" + result : result
  }
}
