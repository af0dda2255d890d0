/// What a command is called, what it takes and what it says about itself.
public struct CommandDescription: Sendable {
  /// The words that name it: `["inspect"]`, `["transform", "points"]`.
  public let words: [String]
  /// One line for the list of commands, without a full stop.
  public let summary: String
  /// Sentences for the help and the manual; paragraphs are parted by an empty line.
  public let discussion: String
  /// What it takes besides options, in order.
  public let operands: [Operand]
  /// Its own options; the global ones come on top.
  public let options: [OptionEntry]
  /// Command lines to learn from, without `restain`.
  public let examples: [String]

  /// Describes a command.
  ///
  /// - Parameters:
  ///   - name: The words that name it, with one space between.
  ///   - summary: One line for the list of commands, without a full stop.
  ///   - discussion: Sentences for the help and the manual.
  ///   - operands: What it takes besides options, in order.
  ///   - options: Its own options.
  ///   - examples: Command lines to learn from, without `restain`.
  public init(
    _ name: String, _ summary: String, discussion: String = "", operands: [Operand] = [],
    options: [OptionEntry] = [], examples: [String] = []
  ) {
    words = name.split(separator: " ").map(String.init)
    self.summary = summary
    self.discussion = discussion
    self.operands = operands
    self.options = options
    self.examples = examples
  }

  /// The name as typed.
  public var name: String { words.joined(separator: " ") }
}
