/// A tensor of a model file: name, shape, and elements in the layout of PyTorch.
public struct NamedTensor: Sendable, Equatable {
  /// The elements, by their type.
  public enum Contents: Sendable, Equatable {
    /// Single-precision numbers.
    case float32([Float])
    /// 64-bit integers.
    case int64([Int64])
  }

  /// The name, such as `model.model.0.weight`.
  public let name: String
  /// The length of every axis; empty for a scalar.
  public let shape: [Int]
  /// The elements, last axis fastest.
  public let contents: Contents

  /// Names a tensor.
  ///
  /// - Precondition: The number of elements is the product of `shape`.
  public init(name: String, shape: [Int], contents: Contents) {
    self.name = name
    self.shape = shape
    self.contents = contents
    precondition(
      count == shape.reduce(1, *), "\(name) of shape \(shape) holds \(count) elements")
  }

  /// A tensor of single-precision numbers.
  public init(_ name: String, _ shape: [Int], _ values: [Float]) {
    self.init(name: name, shape: shape, contents: .float32(values))
  }

  /// How many elements there are.
  public var count: Int {
    switch contents {
    case .float32(let values): values.count
    case .int64(let values): values.count
    }
  }

  /// The same elements under another name.
  public func renamed(_ name: String) -> NamedTensor {
    NamedTensor(name: name, shape: shape, contents: contents)
  }
}

/// A network's tensors by name, in stored order.
public struct StateDictionary: Sendable, Equatable {
  /// The tensors.
  public var tensors: [NamedTensor]

  /// Collects tensors in the given order.
  public init(_ tensors: [NamedTensor]) { self.tensors = tensors }

  /// The tensor of a name; nil when there is none.
  public subscript(name: String) -> NamedTensor? { tensors.first { $0.name == name } }

  /// The name of the first tensor with a number that is not finite; nil where all are.
  public var firstNotFinite: String? {
    tensors.first { tensor in
      guard case .float32(let values) = tensor.contents else { return false }
      return !values.allSatisfy(\.isFinite)
    }?.name
  }

  /// The tensors by name; the first of equal names counts.
  var byName: [String: NamedTensor] {
    Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
  }
}
