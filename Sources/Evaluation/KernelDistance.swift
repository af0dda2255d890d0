import Synchronization
public import Tensors

/// The kernel distance of two sets of features, KID: an unbiased estimate also for few pictures.
///
/// The squared maximum mean discrepancy with the kernel `k(x, y) = (x·y / d + 1)³`, in the mean over subsets of
/// equal size that are drawn without replacement:
///
/// `(Σᵢ≠ⱼ k(xᵢ, xⱼ) + Σᵢ≠ⱼ k(yᵢ, yⱼ)) / (m (m − 1)) − 2 Σᵢⱼ k(xᵢ, yⱼ) / m²`.
///
/// Reference: Bińkowski et al. 2018, arXiv:1801.01401, section 4; sizes and number of subsets as in
/// github.com/toshas/torch-fidelity, torch_fidelity/metric_kid.py, whose draws are others.
public struct KernelDistance: Hashable, Sendable {
  /// The mean over subsets; may lie below 0, most so for two sets that are nearly equal picture by picture.
  public let mean: Double
  /// The standard deviation over subsets.
  public let deviation: Double

  /// Subsets that are drawn.
  public static let subsetCount = 100
  /// Pictures of a subset, where there are so many.
  public static let largestSubset = 1000

  /// Estimates the distance.
  ///
  /// - Parameters:
  ///   - first: At least two pictures.
  ///   - second: At least two pictures, of as many features.
  ///   - subsetSize: Pictures of a subset; no more than either has are taken. Where that is all of both, there
  ///     is one subset.
  ///   - seed: Decides the subsets.
  ///   - parallelism: How many threads compute; the result is the same for any.
  ///   - progress: Told the share of the subsets that are done, after every few; may throw to stop.
  /// - Throws: What `progress` throws.
  public init(
    _ first: FeatureTable, _ second: FeatureTable, subsetSize: Int = largestSubset, seed: UInt64,
    parallelism: Parallelism = .serial, progress: (_ share: Double) throws -> Void = { _ in }
  ) throws {
    precondition(
      first.featureCount == second.featureCount,
      "\(first.featureCount) and \(second.featureCount) features")
    let size = min(subsetSize, first.count, second.count)
    precondition(size > 1, "subsets of \(size) pictures have no distance")
    let subsetCount = size == first.count && size == second.count ? 1 : Self.subsetCount
    var random = SequentialRandom(seed: seed)
    let subsets = (0..<subsetCount).map { _ in
      (
        Self.draw(size, of: first.count, &random), Self.draw(size, of: second.count, &random)
      )
    }
    let values = Mutex([Double](repeating: 0, count: subsetCount))
    for start in stride(from: 0, to: subsetCount, by: parallelism.threadCount) {
      let end = min(subsetCount, start + parallelism.threadCount)
      parallelism.forEach(count: end - start) { index in
        let (left, right) = subsets[start + index]
        let value = Self.discrepancy(Self.matrix(first, left), Self.matrix(second, right))
        values.withLock { $0[start + index] = value }
      }
      try progress(Double(end) / Double(subsetCount))
    }
    let found = values.withLock { $0 }
    let mean = found.reduce(0, +) / Double(subsetCount)
    self.mean = mean
    let squares = found.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    deviation = (squares / Double(subsetCount)).squareRoot()
  }

  /// Some of the numbers below a count, each at most once, in increasing order.
  private static func draw(
    _ size: Int, of count: Int, _ random: inout SequentialRandom
  ) -> [Int] {
    var numbers = Array(0..<count)
    for index in 0..<size {
      numbers.swapAt(index, Int.random(in: index..<count, using: &random))
    }
    return numbers.prefix(size).sorted()
  }

  private static func matrix(_ table: FeatureTable, _ rows: [Int]) -> DoubleMatrix {
    DoubleMatrix(
      rowCount: rows.count, columnCount: table.featureCount,
      values: rows.flatMap { table[$0].map(Double.init) })
  }

  /// The unbiased estimate for two sets of equal size.
  private static func discrepancy(_ left: DoubleMatrix, _ right: DoubleMatrix) -> Double {
    let (count, features) = (left.rowCount, Double(left.columnCount))
    func sum(_ products: DoubleMatrix, skipsDiagonal: Bool) -> Double {
      var total = 0.0
      for row in 0..<count {
        for column in 0..<count where !skipsDiagonal || row != column {
          let base = products.values[row * count + column] / features + 1
          total += base * base * base
        }
      }
      return total
    }
    let within =
      sum(left.timesTransposed(left), skipsDiagonal: true)
      + sum(right.timesTransposed(right), skipsDiagonal: true)
    let between = sum(left.timesTransposed(right), skipsDiagonal: false)
    let pairs = Double(count) * Double(count - 1)
    return within / pairs - 2 * between / (Double(count) * Double(count))
  }
}
