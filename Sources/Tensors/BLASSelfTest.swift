/// Products whose results are known: old builds of OpenBLAS can be wrong on CPUs newer than themselves.
enum BLASSelfTest {
  struct Result {
    /// The largest error of an element.
    var error: Double
    /// Whether every error is within what single precision explains.
    var isPassed: Bool
  }

  /// Odd sizes, so that the kernels' edges are part of the test: one product that the library's kernels
  /// for small matrices take, and one (over a million multiplications) for the others, longer than their
  /// blocks.
  private static let sizes = [(37, 61, 45), (97, 421, 83)]

  static func run() -> Result {
    var result = Result(error: 0, isPassed: true)
    for (rows, inner, columns) in sizes {
      let (left, right) = (noise([rows, inner], seed: 1), noise([inner, columns], seed: 2))
      let product = BLASLibrary.product(left, right)
      for row in 0..<rows {
        for column in 0..<columns {
          var (sum, size) = (0.0, 0.0)
          for k in 0..<inner {
            let term =
              Double(left.values[row * inner + k]) * Double(right.values[k * columns + column])
            sum += term
            size += abs(term)
          }
          let error = abs(Double(product.values[row * columns + column]) - sum)
          // A sum of n products in any order, with or without FMA, is within n · 2⁻²⁴ of the sum of
          // their sizes (Higham 2002, 3.1, to first order; twice that covers the rest). A result that is
          // not a number must fail, too.
          let bound = 2 * Double(inner) * 0x1p-24 * size
          if error.isNaN || error > bound { result.isPassed = false }
          result.error = error.isNaN ? .infinity : max(result.error, error)
        }
      }
    }
    return result
  }

  /// Numbers within ±0.5.
  private static func noise(_ shape: [Int], seed: UInt64) -> Tensor {
    let random = CounterRandom(seed: seed, stream: 0)
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, values: (0..<count).map { random.uniform(at: UInt64($0)) - 0.5 })
  }
}
