/// The values of a command line that has been checked against its table.
public struct ParsedArguments: Sendable {
  /// The operands in the order given; their count fits the table.
  public let operands: [String]
  private let values: [String: any Sendable]
  private let given: Set<String>

  init(operands: [String], values: [String: any Sendable], given: Set<String>) {
    self.operands = operands
    self.values = values
    self.given = given
  }

  /// The value of an option, its default if it was not given.
  ///
  /// - Precondition: The option stands in the command's table or is global.
  public subscript<Value>(option: Option<Value>) -> Value {
    guard let value = values[option.entry.name] as? Value else {
      preconditionFailure("--\(option.entry.name) is not in the option table of this command")
    }
    return value
  }

  /// Whether the option stood on the command line.
  public func isGiven<Value>(_ option: Option<Value>) -> Bool { given.contains(option.entry.name) }
}
