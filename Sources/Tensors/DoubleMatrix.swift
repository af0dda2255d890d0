import COpenBLAS

/// A dense matrix in double precision, rows one after another: for statistics of thousands of numbers.
///
/// OpenBLAS computes on the calling thread alone, so results do not depend on the number of threads.
public struct DoubleMatrix: Sendable, Equatable {
  /// Rows.
  public let rowCount: Int
  /// Columns.
  public let columnCount: Int
  /// The elements, row by row.
  public private(set) var values: [Double]

  /// A matrix of given elements.
  ///
  /// - Precondition: There are `rowCount · columnCount` of them.
  public init(rowCount: Int, columnCount: Int, values: [Double]) {
    precondition(
      values.count == rowCount * columnCount,
      "\(values.count) elements for \(rowCount) × \(columnCount)")
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.values = values
  }

  /// The sum of the squares of all elements, which is the trace of `AᵀA`.
  public var squareSum: Double { values.reduce(0) { $0 + $1 * $1 } }

  /// `A · Bᵀ`.
  ///
  /// - Parameter other: B, of as many columns.
  /// - Returns: `[rowCount, other.rowCount]`.
  public func timesTransposed(_ other: DoubleMatrix) -> DoubleMatrix {
    precondition(
      columnCount == other.columnCount, "rows of \(columnCount) and \(other.columnCount) elements")
    let (rows, columns) = (rowCount, other.rowCount)
    guard rows > 0, columns > 0, columnCount > 0 else {
      return DoubleMatrix(
        rowCount: rows, columnCount: columns,
        values: [Double](repeating: 0, count: rows * columns))
    }
    openblas_set_num_threads(1)
    let product = [Double](unsafeUninitializedCapacity: rows * columns) { result, filled in
      cblas_dgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans,
        Int32(rows), Int32(columns), Int32(columnCount),
        1, values, Int32(columnCount), other.values, Int32(columnCount),
        0, result.baseAddress, Int32(columns)
      )
      filled = rows * columns
    }
    return DoubleMatrix(rowCount: rows, columnCount: columns, values: product)
  }

  /// A matrix `R` of at most ``columnCount`` rows with `RᵀR = AᵀA`.
  ///
  /// Where there are no more rows than columns it is the matrix itself; else rows are taken in by orthogonal
  /// reductions, so many at a time as there are columns, which loses no digits as squaring would.
  ///
  /// - Parameters:
  ///   - rowCount: Rows of A.
  ///   - columnCount: Columns of A.
  ///   - rows: Gives the elements of some rows.
  /// - Returns: R, upper triangular where there were more rows than columns.
  /// - Complexity: Keeps `2 · columnCount²` elements, however many rows there are.
  ///
  /// Reference: Demmel et al. 2012, SIAM J. Sci. Comput. 34(1), "sequential TSQR".
  public static func factor(
    rowCount: Int, columnCount: Int, rows: (Range<Int>) -> [Double]
  ) -> DoubleMatrix {
    guard rowCount > columnCount else {
      return DoubleMatrix(
        rowCount: rowCount, columnCount: columnCount, values: rows(0..<rowCount))
    }
    var result: [Double] = []
    for first in stride(from: 0, to: rowCount, by: columnCount) {
      let block = result + rows(first..<min(rowCount, first + columnCount))
      result = triangle(of: block, columnCount: columnCount)
    }
    return DoubleMatrix(
      rowCount: result.count / columnCount, columnCount: columnCount, values: result)
  }

  /// The triangular factor of some rows.
  ///
  /// Rows in memory are the columns of LAPACK's matrix `Aᵀ = L Q`, so that `AᵀA = L Lᵀ`, and L's columns are
  /// the rows of what is sought.
  private static func triangle(of rows: [Double], columnCount: Int) -> [Double] {
    var values = rows
    var (m, n, information) = (Int32(columnCount), Int32(rows.count / columnCount), Int32(0))
    var tau = [Double](repeating: 0, count: Int(min(m, n)))
    openblas_set_num_threads(1)
    var size = Int32(-1)
    var wanted = 0.0
    dgelqf_(&m, &n, &values, &m, &tau, &wanted, &size, &information)
    size = Int32(wanted)
    var work = [Double](repeating: 0, count: max(1, Int(size)))
    dgelqf_(&m, &n, &values, &m, &tau, &work, &size, &information)
    precondition(information == 0, "dgelqf refuses its argument \(-information)")
    let count = Int(min(m, n))
    values.removeLast(values.count - count * columnCount)
    for row in 0..<count {
      for column in 0..<row { values[row * columnCount + column] = 0 }
    }
    return values
  }

  /// The singular values, largest first; nothing where the iteration does not end, as with numbers that are
  /// not finite.
  public var singularValues: [Double]? {
    guard rowCount > 0, columnCount > 0 else { return [] }
    guard values.allSatisfy(\.isFinite) else { return nil }
    // The transposed matrix, as LAPACK sees it, has the same ones.
    var copy = values
    var (m, n, one, information) = (Int32(columnCount), Int32(rowCount), Int32(1), Int32(0))
    let count = min(rowCount, columnCount)
    var result = [Double](repeating: 0, count: count)
    var whole = [Int32](repeating: 0, count: 8 * count)
    var (left, right) = ([0.0], [0.0])
    openblas_set_num_threads(1)
    var size = Int32(-1)
    var wanted = 0.0
    dgesdd_(
      "N", &m, &n, &copy, &m, &result, &left, &one, &right, &one, &wanted, &size, &whole,
      &information)
    size = Int32(wanted)
    var work = [Double](repeating: 0, count: max(1, Int(size)))
    dgesdd_(
      "N", &m, &n, &copy, &m, &result, &left, &one, &right, &one, &work, &size, &whole,
      &information)
    return information == 0 ? result : nil
  }
}
