import Tensors

/// Features of pictures, one row a picture, all in memory.
public struct FeatureTable: Sendable, Equatable {
  /// Features in a row.
  public let featureCount: Int
  /// The features, row by row.
  public private(set) var values: [Float] = []

  /// Starts without pictures.
  public init(featureCount: Int) { self.featureCount = featureCount }

  /// How many pictures there are.
  public var count: Int { featureCount > 0 ? values.count / featureCount : 0 }

  /// Takes a picture's features.
  ///
  /// - Precondition: There are ``featureCount`` of them.
  public mutating func append(_ features: [Float]) {
    precondition(
      features.count == featureCount, "\(features.count) features, not \(featureCount)")
    values += features
  }

  /// The features of a picture.
  subscript(row: Int) -> ArraySlice<Float> {
    values[row * featureCount..<(row + 1) * featureCount]
  }

  /// Some of the pictures, in the given order.
  public func selected(_ rows: some Sequence<Int>) -> FeatureTable {
    var result = FeatureTable(featureCount: featureCount)
    for row in rows { result.values += self[row] }
    return result
  }

  /// Two halves of equal size, drawn by a seed; of an odd number one is left out.
  public func halves(seed: UInt64) -> (first: FeatureTable, second: FeatureTable) {
    let order = Self.order(count, seed: seed)
    return (
      selected(order.prefix(count / 2)), selected(order.dropFirst(count / 2).prefix(count / 2))
    )
  }

  /// The numbers below a count in an order that a seed decides.
  static func order(_ count: Int, seed: UInt64) -> [Int] {
    var random = SequentialRandom(seed: seed)
    return (0..<count).shuffled(using: &random)
  }
}
