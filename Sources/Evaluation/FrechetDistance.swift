import Tensors

/// The Fréchet distance of normal distributions: `|μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁ Σ₂)^½`.
///
/// The last trace is the sum of the singular values of `F₁ F₂ᵀ`, where `FᵀF = Σ`: real at once, exact also
/// where covariances are singular, and the same for both orders.
///
/// Reference: Dowson and Landau 1982, J. Multivariate Anal. 12:450.
enum FrechetDistance {
  /// The distance of its parts.
  ///
  /// - Parameters:
  ///   - means: `μ₁` and `μ₂`.
  ///   - traces: `tr Σ₁ + tr Σ₂`.
  ///   - nuclearNorm: The sum of the singular values of `F₁ F₂ᵀ`.
  /// - Returns: The distance, not below 0.
  static func value(
    means: ([Double], [Double]), traces: Double, nuclearNorm: Double
  ) -> Double {
    let shift = zip(means.0, means.1).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return max(0, shift + traces - 2 * nuclearNorm)
  }
}

/// Mean and covariance of thousands of features, as the matrix library computes them.
///
/// What ``FeatureDistribution`` is for some hundred features that are gathered one by one.
public struct FeatureMoments: Sendable {
  private let mean: [Double]
  /// `FᵀF` is the covariance, divided by `count − 1`: the centred vectors where these are few (the Gram form).
  private let factor: DoubleMatrix

  /// Takes the moments of all rows of a table.
  ///
  /// - Parameter table: At least two rows.
  public init(_ table: FeatureTable) {
    let (rows, columns) = (table.count, table.featureCount)
    precondition(rows > 1, "\(rows) rows have no covariance")
    var sums = [Double](repeating: 0, count: columns)
    for row in 0..<rows {
      for (column, value) in table[row].enumerated() { sums[column] += Double(value) }
    }
    let mean = sums.map { $0 / Double(rows) }
    let scale = 1 / Double(rows - 1).squareRoot()
    factor = DoubleMatrix.factor(rowCount: rows, columnCount: columns) { range in
      range.flatMap { row in zip(table[row], mean).map { (Double($0) - $1) * scale } }
    }
    self.mean = mean
  }

  /// The trace of the covariance.
  public var trace: Double { factor.squareSum }

  /// The Fréchet distance to other moments, of as many features.
  ///
  /// - Returns: The distance, not below 0; nothing where features are no finite numbers.
  public func frechetDistance(to other: FeatureMoments) -> Double? {
    guard let values = factor.timesTransposed(other.factor).singularValues else { return nil }
    return FrechetDistance.value(
      means: (mean, other.mean), traces: trace + other.trace,
      nuclearNorm: values.reduce(0, +))
  }
}
