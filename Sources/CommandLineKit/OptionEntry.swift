/// What a shell offers when it completes a value.
public enum Completion: Sendable, Equatable {
  /// Nothing.
  case none
  /// Names of files and folders.
  case file
  /// Names of folders.
  case directory
  /// One of these words.
  case words([String])
}

/// One row of an option table: what the parser, the help, the completions and the manual need.
///
/// Made by the constructors of ``Option``.
public struct OptionEntry: Sendable {
  /// The long name without the dashes.
  public let name: String
  /// The one-letter name, if there is one.
  public let short: Character?
  /// What stands for the value in the help; nil for a flag.
  public let placeholder: String?
  /// One sentence without a full stop.
  public let summary: String
  /// The value that counts when the option is not given, as it would be typed.
  public let defaultText: String?
  /// Whether the command cannot do without it.
  public let isRequired: Bool
  /// Whether it may come more than once.
  public let isRepeatable: Bool
  /// What a shell offers for the value.
  public let completion: Completion
  /// Turns the texts given, none or more, into the value; flags get one text an occurrence.
  let parse: @Sendable ([String]) throws(UsageError) -> any Sendable

  /// The long form as typed: `--name`.
  public var flag: String { "--" + name }
}

/// What a command takes besides options.
public struct Operand: Sendable {
  /// How many there may be.
  public enum Count: Sendable {
    /// Exactly one.
    case one
    /// None or one.
    case optional
    /// One or more; the last operand only.
    case oneOrMore
    /// Any number; the last operand only.
    case any
  }

  /// What stands for it in the help.
  public let placeholder: String
  /// One sentence without a full stop.
  public let summary: String
  /// How many there may be.
  public let count: Count
  /// What a shell offers.
  public let completion: Completion

  /// Describes an operand.
  ///
  /// - Parameters:
  ///   - placeholder: What stands for it in the help, in capitals.
  ///   - summary: One sentence without a full stop.
  ///   - count: How many there may be.
  ///   - completion: What a shell offers.
  public init(
    _ placeholder: String, _ summary: String, count: Count = .one, completion: Completion = .file
  ) {
    self.placeholder = placeholder
    self.summary = summary
    self.count = count
    self.completion = completion
  }

  /// How the operand is written in a synopsis.
  var synopsis: String {
    switch count {
    case .one: placeholder
    case .optional: "[\(placeholder)]"
    case .oneOrMore: "\(placeholder)..."
    case .any: "[\(placeholder)...]"
    }
  }
}
