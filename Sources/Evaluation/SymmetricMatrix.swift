/// A symmetric matrix in double precision, whole rows after one another.
///
/// Everything here is plain arithmetic in one order, so results are the same on every CPU and for any
/// number of threads; meant for some hundred rows.
struct SymmetricMatrix: Sendable, Equatable {
  let size: Int
  var values: [Double]

  init(size: Int, values: [Double]) {
    precondition(values.count == size * size, "\(values.count) values for \(size) rows")
    self.size = size
    self.values = values
  }

  /// The sum of the diagonal.
  var trace: Double { (0..<size).reduce(0) { $0 + values[$1 * size + $1] } }

  /// A matrix `F` with `Fᵀ F = self`, rows after one another: eigenvectors times the roots of their
  /// eigenvalues; what rounding left below 0 counts as 0.
  ///
  /// Eigenvalues by cyclic rotations (Jacobi 1846; Golub and Van Loan 2013, section 8.5).
  func factor() -> [Double] {
    var matrix = values
    // Rows of `vectors` are the eigenvectors.
    var vectors = [Double](repeating: 0, count: size * size)
    for index in 0..<size { vectors[index * size + index] = 1 }
    let whole = matrix.reduce(0) { $0 + $1 * $1 }
    for _ in 0..<Self.sweepLimit {
      var rest = 0.0
      for row in 0..<size {
        for column in 0..<size where column != row {
          rest += matrix[row * size + column] * matrix[row * size + column]
        }
      }
      if rest <= whole * Self.negligible { break }
      for first in 0..<size {
        for second in (first + 1)..<max(size, first + 1) {
          rotate(&matrix, &vectors, first, second)
        }
      }
    }
    for row in 0..<size {
      let root = max(0, matrix[row * size + row]).squareRoot()
      for column in 0..<size { vectors[row * size + column] *= root }
    }
    return vectors
  }

  private func rotate(
    _ matrix: inout [Double], _ vectors: inout [Double], _ first: Int, _ second: Int
  ) {
    let off = matrix[first * size + second]
    guard off != 0 else { return }
    let (c, s) = rotation(matrix[first * size + first], matrix[second * size + second], off)
    for index in 0..<size {
      let (a, b) = (matrix[first * size + index], matrix[second * size + index])
      matrix[first * size + index] = c * a - s * b
      matrix[second * size + index] = s * a + c * b
    }
    for index in 0..<size {
      let (a, b) = (matrix[index * size + first], matrix[index * size + second])
      matrix[index * size + first] = c * a - s * b
      matrix[index * size + second] = s * a + c * b
      let (u, v) = (vectors[first * size + index], vectors[second * size + index])
      vectors[first * size + index] = c * u - s * v
      vectors[second * size + index] = s * u + c * v
    }
  }

  /// Sweeps over all pairs; convergence is quadratic and takes some ten.
  fileprivate static let sweepLimit = 60
  /// The square of the rounding of one number.
  fileprivate static let negligible = 1e-31
}

/// Cosine and sine of the rotation that takes `off` away from between two diagonal elements.
private func rotation(_ first: Double, _ second: Double, _ off: Double) -> (Double, Double) {
  let ratio = (second - first) / (2 * off)
  let tangent = (ratio < 0 ? -1 : 1) / (abs(ratio) + (1 + ratio * ratio).squareRoot())
  let cosine = 1 / (1 + tangent * tangent).squareRoot()
  return (cosine, tangent * cosine)
}

/// The sum of the singular values of a matrix, by rotations of its rows (Hestenes 1958).
///
/// - Parameters:
///   - rows: The rows, all of one length; best where they are fewer than their length.
///   - length: Values in a row.
/// - Returns: The sum.
func nuclearNorm(_ rows: [[Double]], length: Int) -> Double {
  var rows = rows
  let whole = rows.reduce(0) { $0 + dot($1, $1, length) }
  for _ in 0..<SymmetricMatrix.sweepLimit {
    var isDone = true
    for first in rows.indices {
      for second in (first + 1)..<max(rows.count, first + 1) {
        let a = dot(rows[first], rows[first], length)
        let b = dot(rows[second], rows[second], length)
        let off = dot(rows[first], rows[second], length)
        guard off * off > 1e-28 * a * b, off * off > SymmetricMatrix.negligible * whole * whole
        else { continue }
        isDone = false
        let (c, s) = rotation(a, b, off)
        for index in 0..<length {
          let (u, v) = (rows[first][index], rows[second][index])
          rows[first][index] = c * u - s * v
          rows[second][index] = s * u + c * v
        }
      }
    }
    if isDone { break }
  }
  return rows.reduce(0) { $0 + dot($1, $1, length).squareRoot() }
}

private func dot(_ left: [Double], _ right: [Double], _ count: Int) -> Double {
  left.withUnsafeBufferPointer { left in
    right.withUnsafeBufferPointer { right in
      var sum = 0.0
      for index in 0..<count { sum += left[index] * right[index] }
      return sum
    }
  }
}
