/// What can be wrong with a command line; every case ends the program with status 64.
public enum UsageError: Error, Equatable, Sendable {
  /// No verb was given.
  case missingCommand
  /// There is no such verb, or no such second word of a verb.
  case unknownCommand(name: String, suggestion: String?)
  /// A verb needs one of several second words, such as `transform points`.
  case missingSubcommand(command: String, choices: [String])
  /// The verb has no such option.
  case unknownOption(option: String, command: String, suggestion: String?)
  /// An option that takes a value came last or before another option.
  case missingValue(option: String, placeholder: String)
  /// A flag was given a value, as in `--json=yes`.
  case unexpectedValue(option: String)
  /// An option that counts once came twice.
  case repeatedOption(option: String)
  /// An option's value is not of the kind that it takes.
  case badValue(option: String, value: String, expected: String)
  /// An option that the verb cannot do without is missing.
  case missingOption(option: String, placeholder: String, command: String)
  /// An operand is missing.
  case missingOperand(placeholder: String, command: String)
  /// There are more operands than the verb takes.
  case unexpectedOperand(value: String, command: String)
  /// Options that are fine alone do not go together; the text says which and what to do.
  case conflict(subject: String, problem: String, advice: String)
}

extension UsageError: CustomStringConvertible {
  /// One line: subject: problem; next step.
  public var description: String {
    switch self {
    case .missingCommand:
      "no command given; see restain --help"
    case .unknownCommand(let name, let suggestion):
      "\(name): no such command; " + advice(suggestion, otherwise: "see restain --help")
    case .missingSubcommand(let command, let choices):
      "\(command): says not what; use \(command) \(choices.joined(separator: "|"))"
    case .unknownOption(let option, let command, let suggestion):
      "\(option): no such option of \(command); "
        + advice(suggestion, otherwise: "see restain \(command) --help")
    case .missingValue(let option, let placeholder):
      "\(option): has no value; pass \(option) \(placeholder)"
    case .unexpectedValue(let option):
      "\(option): takes no value; pass \(option) alone"
    case .repeatedOption(let option):
      "\(option): given twice; pass it once"
    case .badValue(let option, let value, let expected):
      "\(option): \"\(value)\" is not usable; pass \(expected)"
    case .missingOption(let option, let placeholder, let command):
      "\(command): \(option) is missing; pass \(option) \(placeholder)"
    case .missingOperand(let placeholder, let command):
      "\(command): \(placeholder) is missing; see restain \(command) --help"
    case .unexpectedOperand(let value, let command):
      "\(command): \"\(value)\" is one operand too many; see restain \(command) --help"
    case .conflict(let subject, let problem, let advice):
      "\(subject): \(problem); \(advice)"
    }
  }

  private func advice(_ suggestion: String?, otherwise: String) -> String {
    suggestion.map { "did you mean \($0)?" } ?? otherwise
  }
}
