/// What a command line asks for.
public enum Request: Sendable {
  /// Run a command with these values.
  case run(CommandDescription, ParsedArguments)
  /// Print the help of one command.
  case help(CommandDescription)
  /// Print the list of commands, all or those that begin with a word.
  case overview(prefix: [String])
  /// Print the version.
  case version
}

/// Reads command lines by the tables of a program.
///
/// `--name value` and `--name=value`; a short form takes its value as the next argument; `--` ends
/// options; names are never abbreviated; a flag never takes a value; an option counts once unless it
/// is declared repeatable. A value may begin with one dash (`--rotation -30`) but not with two.
public struct ArgumentParser: Sendable {
  /// The commands of the program.
  public let commands: [CommandDescription]
  /// Options that every command takes.
  public let globalOptions: [OptionEntry]

  /// Makes a parser of a program.
  public init(commands: [CommandDescription], globalOptions: [OptionEntry]) {
    self.commands = commands
    self.globalOptions = globalOptions
  }

  /// Reads a command line.
  ///
  /// - Parameter arguments: The words after the program's name.
  /// - Returns: What is asked for.
  /// - Throws: ``UsageError`` for the first thing that is wrong.
  public func parse(_ arguments: [String]) throws(UsageError) -> Request {
    guard let first = arguments.first else { throw .missingCommand }
    if first == "--help" || first == "-h" { return .overview(prefix: []) }
    if first == "--version" { return .version }
    if first == "help" { return try help(Array(arguments.dropFirst())) }
    let command = try command(arguments)
    if case .group(let words) = command { return .overview(prefix: words) }
    guard case .command(let description) = command else { throw .missingCommand }
    return try parse(Array(arguments.dropFirst(description.words.count)), for: description)
  }

  private enum Match {
    case command(CommandDescription)
    case group([String])
  }

  private func help(_ words: [String]) throws(UsageError) -> Request {
    guard !words.isEmpty else { return .overview(prefix: []) }
    switch try command(words + ["--help"]) {
    case .command(let description): return .help(description)
    case .group(let words): return .overview(prefix: words)
    }
  }

  private func command(_ arguments: [String]) throws(UsageError) -> Match {
    let first = arguments[0]
    let candidates = commands.filter { $0.words.first == first }
    guard !candidates.isEmpty else {
      if first.hasPrefix("-") {
        throw .conflict(
          subject: first, problem: "stands before the command, where options have no place",
          advice: "pass it after the command, see restain --help")
      }
      throw .unknownCommand(
        name: first, suggestion: suggestion(first, commands.map { $0.words[0] }))
    }
    if let single = candidates.first(where: { $0.words.count == 1 }) { return .command(single) }
    let choices = candidates.map { $0.words[1] }
    guard arguments.count > 1, arguments[1] != "--" else {
      throw .missingSubcommand(command: first, choices: choices)
    }
    let second = arguments[1]
    if second == "--help" || second == "-h" { return .group([first]) }
    if let match = candidates.first(where: { $0.words[1] == second }) { return .command(match) }
    if second.hasPrefix("-") { throw .missingSubcommand(command: first, choices: choices) }
    throw .unknownCommand(
      name: "\(first) \(second)",
      suggestion: suggestion(second, choices).map { "\(first) \($0)" }
        ?? choices.map { "\(first) \($0)" }.joined(separator: " or "))
  }

  private func suggestion(_ name: String, _ known: [String]) -> String? {
    NearestName.suggestion(for: name, among: known)
  }
}

extension ArgumentParser {
  private func parse(
    _ arguments: [String], for command: CommandDescription
  ) throws(UsageError) -> Request {
    let table = command.options + globalOptions
    var texts: [String: [String]] = [:]
    var operands: [String] = []
    var index = 0
    while index < arguments.count {
      let argument = arguments[index]
      index += 1
      if argument == "--" {
        operands += arguments[index...]
        break
      }
      if argument == "--help" || argument == "-h" { return .help(command) }
      guard argument.hasPrefix("-"), argument != "-" else {
        operands.append(argument)
        continue
      }
      let (typed, inlineValue) = split(argument)
      guard let entry = table.first(where: { matches($0, typed) }) else {
        let known = table.map(\.flag) + ["--help"]
        throw .unknownOption(
          option: typed, command: command.name, suggestion: suggestion(typed, known))
      }
      if texts[entry.name] != nil, !entry.isRepeatable, entry.placeholder != nil {
        throw .repeatedOption(option: entry.flag)
      }
      guard let placeholder = entry.placeholder else {
        if inlineValue != nil { throw .unexpectedValue(option: entry.flag) }
        texts[entry.name, default: []].append("")
        continue
      }
      if let inlineValue {
        texts[entry.name, default: []].append(inlineValue)
      } else if index < arguments.count, !looksLikeOption(arguments[index], table) {
        texts[entry.name, default: []].append(arguments[index])
        index += 1
      } else {
        throw .missingValue(option: entry.flag, placeholder: placeholder)
      }
    }
    return .run(command, try values(texts, operands: operands, table: table, of: command))
  }

  private func values(
    _ texts: [String: [String]], operands: [String], table: [OptionEntry],
    of command: CommandDescription
  ) throws(UsageError) -> ParsedArguments {
    try checkCount(operands, of: command)
    var values: [String: any Sendable] = [:]
    for entry in table {
      let given = texts[entry.name] ?? []
      if given.isEmpty, entry.isRequired {
        throw .missingOption(
          option: entry.flag, placeholder: entry.placeholder ?? "", command: command.name)
      }
      values[entry.name] = try entry.parse(given)
    }
    return ParsedArguments(operands: operands, values: values, given: Set(texts.keys))
  }

  private func checkCount(
    _ operands: [String], of command: CommandDescription
  ) throws(UsageError) {
    var remaining = operands[...]
    for operand in command.operands {
      switch operand.count {
      case .one, .oneOrMore:
        guard remaining.popFirst() != nil else {
          throw .missingOperand(placeholder: operand.placeholder, command: command.name)
        }
        if case .oneOrMore = operand.count { remaining = [] }
      case .optional: _ = remaining.popFirst()
      case .any: remaining = []
      }
    }
    if let extra = remaining.first {
      throw .unexpectedOperand(value: extra, command: command.name)
    }
  }

  private func split(_ argument: String) -> (name: String, value: String?) {
    guard argument.hasPrefix("--"), let equals = argument.firstIndex(of: "=") else {
      return (argument, nil)
    }
    return (String(argument[..<equals]), String(argument[argument.index(after: equals)...]))
  }

  private func matches(_ entry: OptionEntry, _ typed: String) -> Bool {
    typed == entry.flag || (entry.short.map { typed == "-\($0)" } ?? false)
  }

  private func looksLikeOption(_ argument: String, _ table: [OptionEntry]) -> Bool {
    argument.hasPrefix("--") || table.contains { matches($0, argument) }
  }
}
