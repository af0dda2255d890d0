/// Mean and covariance of vectors of features, gathered one by one.
///
/// Memory depends on the length of the vectors, not on their number. Vectors must come in one order for a
/// result that is the same to the last bit.
public struct FeatureDistribution: Sendable, Equatable {
  /// Features in a vector.
  public let featureCount: Int
  /// Vectors so far.
  public private(set) var count = 0

  /// What is subtracted from all vectors, so that sums of squares stay small: the first one.
  private var origin: [Double] = []
  /// Of the differences.
  private var sums: [Double]
  /// Of the differences' products, lower triangle with its diagonal.
  private var products: [Double]
  /// The differences themselves, while there are no more of them than features.
  private var kept: [[Double]] = []

  /// Starts without vectors.
  public init(featureCount: Int) {
    self.featureCount = featureCount
    sums = [Double](repeating: 0, count: featureCount)
    products = [Double](repeating: 0, count: featureCount * (featureCount + 1) / 2)
  }

  /// Takes a vector.
  ///
  /// - Precondition: It has ``featureCount`` finite numbers.
  public mutating func add(_ features: [Float]) {
    precondition(
      features.count == featureCount, "\(features.count) features, not \(featureCount)")
    if count == 0 { origin = features.map(Double.init) }
    count += 1
    let difference = zip(features, origin).map { Double($0) - $1 }
    if count <= featureCount { kept.append(difference) } else { kept = [] }
    var place = 0
    for row in 0..<featureCount {
      let value = difference[row]
      sums[row] += value
      for column in 0...row { products[place + column] += value * difference[column] }
      place += row + 1
    }
  }

  /// The mean vector; nothing without vectors.
  public var mean: [Double]? {
    count > 0 ? zip(origin, sums).map { $0 + $1 / Double(count) } : nil
  }

  /// The covariance, divided by `count − 1`.
  var covariance: SymmetricMatrix {
    var values = [Double](repeating: 0, count: featureCount * featureCount)
    var place = 0
    for row in 0..<featureCount {
      for column in 0...row {
        let value =
          (products[place + column] - sums[row] * sums[column] / Double(count))
          / Double(max(1, count - 1))
        values[row * featureCount + column] = value
        values[column * featureCount + row] = value
      }
      place += row + 1
    }
    return SymmetricMatrix(size: featureCount, values: values)
  }

  /// Rows `F` with `Fᵀ F` = covariance: the centred vectors where these are few (the Gram form), else, or
  /// always if told so, by eigenvectors.
  func factor(usesEigenvectors: Bool = false) -> [[Double]] {
    if !usesEigenvectors, !kept.isEmpty {
      let scale = 1 / Double(max(1, count - 1)).squareRoot()
      return kept.map { vector in
        zip(vector, sums).map { ($0 - $1 / Double(count)) * scale }
      }
    }
    let values = covariance.factor()
    return (0..<featureCount).map {
      Array(values[($0 * featureCount)..<(($0 + 1) * featureCount)])
    }
  }

  /// The Fréchet distance of the two normal distributions with these means and covariances.
  ///
  /// - Parameter other: Of as many features.
  /// - Returns: The distance, not below 0; nothing where one has fewer than two vectors.
  public func frechetDistance(to other: FeatureDistribution) -> Double? {
    frechetDistance(to: other, usesEigenvectors: false)
  }

  /// The same, by eigenvectors also where vectors are few if told so.
  package func frechetDistance(
    to other: FeatureDistribution, usesEigenvectors: Bool
  ) -> Double? {
    precondition(
      other.featureCount == featureCount, "\(featureCount) and \(other.featureCount) features")
    guard let mean, let otherMean = other.mean, count > 1, other.count > 1 else { return nil }
    let left = factor(usesEigenvectors: usesEigenvectors)
    let right = other.factor(usesEigenvectors: usesEigenvectors)
    let products = left.map { row in
      right.map { column in zip(row, column).reduce(0) { $0 + $1.0 * $1.1 } }
    }
    return FrechetDistance.value(
      means: (mean, otherMean), traces: covariance.trace + other.covariance.trace,
      nuclearNorm: nuclearNorm(products, length: right.count))
  }
}
