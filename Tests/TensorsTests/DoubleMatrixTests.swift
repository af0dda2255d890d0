import Tensors
import Testing

/// Products, factors and singular values in double precision.
@Suite("Matrices in double precision")
struct DoubleMatrixTests {
  /// Sums of at most 300 products of normal numbers, rounded to 1.1e-16 each, three operations deep.
  private static let absolute = 1e-11

  private static func matrix(_ rows: Int, _ columns: Int, stream: UInt64) -> DoubleMatrix {
    let random = CounterRandom(seed: 6, stream: stream)
    return DoubleMatrix(
      rowCount: rows, columnCount: columns,
      values: (0..<rows * columns).map { Double(random.normal(at: UInt64($0))) })
  }

  private static func inner(_ matrix: DoubleMatrix) -> [Double] {
    let n = matrix.columnCount
    var result = [Double](repeating: 0, count: n * n)
    for row in 0..<matrix.rowCount {
      let values = Array(matrix.values[row * n..<row * n + n])
      for i in 0..<n {
        for j in 0..<n { result[i * n + j] += values[i] * values[j] }
      }
    }
    return result
  }

  private func worst(_ left: [Double], _ right: [Double]) -> Double {
    #expect(left.count == right.count)
    return zip(left, right).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  @Test("a product with a transposed matrix holds the rows' inner products")
  func product() {
    let (left, right) = (Self.matrix(7, 19, stream: 0), Self.matrix(4, 19, stream: 1))
    let product = left.timesTransposed(right)
    #expect(product.rowCount == 7 && product.columnCount == 4)
    var expected: [Double] = []
    for row in 0..<7 {
      for column in 0..<4 {
        let (a, b) = (
          left.values[row * 19..<row * 19 + 19], right.values[column * 19..<column * 19 + 19]
        )
        expected.append(zip(a, b).reduce(0) { $0 + $1.0 * $1.1 })
      }
    }
    #expect(worst(product.values, expected) <= Self.absolute)
  }

  @Test(
    "a factor has at most as many rows as columns and the same inner products",
    arguments: [5, 13, 14, 40, 300])
  func factor(rowCount: Int) {
    let matrix = Self.matrix(rowCount, 13, stream: 2)
    var asked: [Range<Int>] = []
    let factor = DoubleMatrix.factor(rowCount: rowCount, columnCount: 13) { rows in
      asked.append(rows)
      return Array(matrix.values[rows.lowerBound * 13..<rows.upperBound * 13])
    }
    #expect(factor.rowCount == min(13, rowCount))
    #expect(asked.allSatisfy { $0.count <= 13 })
    #expect(worst(Self.inner(factor), Self.inner(matrix)) <= Self.absolute)
    #expect(abs(factor.squareSum / matrix.squareSum - 1) <= 1e-13)
  }

  @Test("singular values are those of a matrix that is made of them")
  func singularValues() throws {
    // A plane rotation left and right of a diagonal.
    let (c, s) = (0.6, 0.8)
    let values = [5 * c, -2 * s, 0, 5 * s, 2 * c, 0]
    let found = try #require(
      DoubleMatrix(rowCount: 2, columnCount: 3, values: values).singularValues)
    #expect(worst(found, [5, 2]) <= Self.absolute)
    let tall = Self.matrix(30, 9, stream: 3)
    let sum = try #require(tall.singularValues).reduce(0) { $0 + $1 * $1 }
    #expect(abs(sum / tall.squareSum - 1) <= 1e-13)
    #expect(DoubleMatrix(rowCount: 0, columnCount: 3, values: []).singularValues == [])
    #expect(DoubleMatrix(rowCount: 1, columnCount: 1, values: [.nan]).singularValues == nil)
  }
}
