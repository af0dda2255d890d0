/// A value of a PyTorch file.
///
/// Tensors are not read until they are asked for.
public indirect enum CheckpointValue: Sendable {
  /// Python's `None`.
  case none
  /// A truth value.
  case boolean(Bool)
  /// A whole number.
  case integer(Int64)
  /// A floating-point number.
  case number(Double)
  /// A text; also a device, such as `cuda:0`.
  case text(String)
  /// A list, tuple or `torch.Size`.
  case list([CheckpointValue])
  /// A dictionary, ordered or not, in stored order; texts among its keys are distinct.
  case dictionary([CheckpointEntry])
  /// A tensor or parameter.
  case tensor(CheckpointTensor)

  /// The value of a text key; nil where there is none, or no dictionary.
  ///
  /// - Complexity: Linear in the number of entries.
  public subscript(key: String) -> CheckpointValue? {
    guard case .dictionary(let entries) = self else { return nil }
    return entries.first { $0.name == key }?.value
  }

  /// The items of a list; nil for anything else.
  public var list: [CheckpointValue]? {
    if case .list(let items) = self { items } else { nil }
  }

  /// The entries of a dictionary; nil for anything else.
  public var entries: [CheckpointEntry]? {
    if case .dictionary(let entries) = self { entries } else { nil }
  }

  /// The tensor; nil for anything else.
  public var tensor: CheckpointTensor? {
    if case .tensor(let tensor) = self { tensor } else { nil }
  }

  /// What messages call this kind of value.
  var kind: String {
    switch self {
    case .none: "nothing"
    case .boolean: "a truth value"
    case .integer, .number: "a number"
    case .text: "a text"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .tensor: "a tensor"
    }
  }
}

/// A key with its value.
public struct CheckpointEntry: Sendable {
  /// The key: mostly a text, a number in the states of optimisers.
  public let key: CheckpointValue
  /// The value.
  public let value: CheckpointValue

  /// The key, where it is a text.
  public var name: String? {
    if case .text(let text) = key { text } else { nil }
  }
}
