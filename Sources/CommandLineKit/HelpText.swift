/// The texts of `--help`, made from the tables.
public struct HelpText: Sendable {
  /// The width that lines are wrapped to.
  public static let width = 88

  private let program: String
  private let parser: ArgumentParser

  /// Makes the texts of a program.
  public init(program: String, parser: ArgumentParser) {
    self.program = program
    self.parser = parser
  }

  /// The list of commands.
  ///
  /// - Parameter prefix: Shows only the commands that begin with these words.
  /// - Returns: Lines with their ends.
  public func overview(prefix: [String] = []) -> String {
    let shown = parser.commands.filter { $0.words.starts(with: prefix) }
    let words = ([program] + prefix).joined(separator: " ")
    let rows = shown.map { ("  " + $0.name, $0.summary) }
    return """
      usage: \(words) COMMAND [OPTION...] [OPERAND...]

      commands:
      \(table(rows))
      options of every command:
      \(table(parser.globalOptions.map(row) + [helpRow]))
      \(program) COMMAND --help tells more about one command.

      """
  }

  /// The help of one command.
  public func help(_ command: CommandDescription) -> String {
    var text = "usage: " + wrapped(synopsis(command), indent: "         ").dropFirst(9) + "\n"
    text +=
      wrapped(
        command.summary.prefix(1).uppercased() + command.summary.dropFirst() + ".", indent: "")
      + "\n"
    for paragraph in Self.paragraphs(command.discussion) {
      text += "\n" + wrapped(paragraph, indent: "")
    }
    if !command.discussion.isEmpty { text += "\n" }
    if !command.operands.isEmpty {
      text +=
        "operands:\n" + table(command.operands.map { ("  " + $0.placeholder, $0.summary) }) + "\n"
    }
    if !command.options.isEmpty { text += "options:\n" + table(command.options.map(row)) + "\n" }
    text += "options of every command:\n" + table(parser.globalOptions.map(row) + [helpRow])
    if !command.examples.isEmpty {
      text += "\nexamples:\n" + command.examples.map { "  \(program) \($0)\n" }.joined()
    }
    return text
  }

  /// The line that shows how a command is written: required things plain, others in brackets.
  func synopsis(_ command: CommandDescription) -> String {
    let options = command.options.map { entry in
      let text =
        (entry.short.map { "-\($0)" } ?? entry.flag)
        + (entry.placeholder.map { " " + $0 } ?? "")
      let shown = entry.isRequired ? text : "[\(text)]"
      return entry.isRepeatable ? shown + "..." : shown
    }
    return ([program, command.name] + command.operands.map(\.synopsis) + options)
      .joined(separator: " ")
  }

  /// The parts of a discussion, each in one line.
  static func paragraphs(_ text: String) -> [String] {
    var paragraphs: [[Substring]] = [[]]
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty {
        paragraphs.append([])
      } else {
        paragraphs[paragraphs.count - 1].append(line)
      }
    }
    return paragraphs.filter { !$0.isEmpty }.map { $0.joined(separator: " ") }
  }

  /// An option's summary with its default.
  static func explanation(_ entry: OptionEntry) -> String {
    var text = entry.summary
    if let defaultText = entry.defaultText { text += " (default: \(defaultText))" }
    if entry.isRepeatable { text += "; may be repeated" }
    return text
  }

  private let helpRow = ("  -h, --help", "show this help")

  private func row(_ entry: OptionEntry) -> (String, String) {
    let name = entry.short.map { "  -\($0), \(entry.flag)" } ?? "      \(entry.flag)"
    return (name + (entry.placeholder.map { " " + $0 } ?? ""), Self.explanation(entry))
  }

  private func table(_ rows: [(name: String, text: String)]) -> String {
    let column = min(34, (rows.map(\.name.count).max() ?? 0) + 2)
    let indent = String(repeating: " ", count: column)
    return rows.map { row in
      let lines = wrapped(row.text, indent: indent)
      if row.name.count + 2 > column { return row.name + "\n" + lines }
      return row.name + lines.dropFirst(row.name.count)
    }.joined()
  }

  private func wrapped(_ text: String, indent: String) -> String {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, indent.count + line.count + 1 + word.count > Self.width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    lines.append(line)
    return lines.map { "\(indent)\($0)\n" }.joined()
  }
}
