/// Normalised gradient fields, sign-free: one minus the squared cosine between the two gradients.
///
/// `r² = ((g_T · g_R)² + τ² ρ²) / (|g_T|²_τ |g_R|²_ρ)` with `|g|²_e = g · g + e²`; edges below `e` do not
/// count. Reference: Haber and Modersitzki 2007, Methods Inf. Med. 46(3); in the form that ignores the sign.
package struct GradientFieldMetric: SimilarityMetric {
  private let width: Int
  private let height: Int
  private let fixedX: FloatBuffer
  private let fixedY: FloatBuffer
  private let fixedEdge: Float
  private let alongX: FloatBuffer
  private let alongY: FloatBuffer

  package var reach: Int { 2 }

  /// Edges under this share of the mean gradient in tissue are noise.
  static let edgeShare: Float = 0.5

  init(reference: FloatBuffer, width: Int, height: Int, weights: FloatBuffer, rows: RowLoop) {
    self.width = width
    self.height = height
    let count = width * height
    fixedX = FloatBuffer(count: count)
    fixedY = FloatBuffer(count: count)
    alongX = FloatBuffer(count: count)
    alongY = FloatBuffer(count: count)
    let (fixedX, fixedY) = (fixedX, fixedY)
    rows.forEachBand(of: height) { @Sendable band in
      for y in band {
        Self.gradient(
          of: reference, row: y, width: width, height: height, x: fixedX.pointer + y * width,
          y: fixedY.pointer + y * width)
      }
    }
    fixedEdge = Self.edge(
      fixedX, fixedY, weights: weights, width: width, height: height, rows: rows)
  }

  package func evaluate(
    warped: FloatBuffer, weights: FloatBuffer, derivative: FloatBuffer, rows: RowLoop
  ) -> Double {
    let (width, height) = (width, height)
    let (fixedX, fixedY, alongX, alongY) = (fixedX, fixedY, alongX, alongY)
    rows.forEachBand(of: height) { @Sendable band in
      for y in band {
        Self.gradient(
          of: warped, row: y, width: width, height: height, x: alongX.pointer + y * width,
          y: alongY.pointer + y * width)
      }
    }
    // The moving edge parameter is held to the fixed one: densities share a scale.
    let edge = fixedEdge
    let edgeSquare = edge * edge
    let total = rows.sum(overBandsOf: height) { @Sendable band in
      var sum = 0.0
      for row in band {
        var line: Float = 0
        for index in row * width..<(row + 1) * width {
          let gx = alongX.pointer[index]
          let gy = alongY.pointer[index]
          let rx = fixedX.pointer[index]
          let ry = fixedY.pointer[index]
          let weight = weights.pointer[index]
          let inverseMoving = 1 / (gx * gx + gy * gy + edgeSquare)
          let inverseFixed = 1 / (rx * rx + ry * ry + edgeSquare)
          let inner = gx * rx + gy * ry
          let square = (inner * inner + edgeSquare * edgeSquare) * inverseMoving * inverseFixed
          line += weight * (1 - square)
          let factor = -2 * weight * inverseMoving
          alongX.pointer[index] = factor * (inner * rx * inverseFixed - square * gx)
          alongY.pointer[index] = factor * (inner * ry * inverseFixed - square * gy)
        }
        sum += Double(line)
      }
      return sum
    }
    rows.forEachBand(of: height) { @Sendable band in
      for y in band {
        Self.divergence(
          alongX, alongY, row: y, width: width, height: height,
          into: derivative.pointer + y * width)
      }
    }
    return total
  }

  /// Central differences, zero at the edges.
  private static func gradient(
    of plane: FloatBuffer, row: Int, width: Int, height: Int, x: UnsafeMutablePointer<Float>,
    y: UnsafeMutablePointer<Float>
  ) {
    let line = plane.pointer + row * width
    x[0] = 0
    x[width - 1] = 0
    if width > 2 {
      for column in 1..<width - 1 { x[column] = (line[column + 1] - line[column - 1]) / 2 }
    }
    guard row > 0, row < height - 1 else {
      y.update(repeating: 0, count: width)
      return
    }
    let above = line - width
    let below = line + width
    for column in 0..<width { y[column] = (below[column] - above[column]) / 2 }
  }

  /// The adjoint of ``gradient(of:row:width:height:x:y:)``.
  private static func divergence(
    _ alongX: FloatBuffer, _ alongY: FloatBuffer, row: Int, width: Int, height: Int,
    into result: UnsafeMutablePointer<Float>
  ) {
    let line = alongX.pointer + row * width
    for column in 0..<width {
      var sum: Float = 0
      if column >= 2 { sum += line[column - 1] }
      if column < width - 2 { sum -= line[column + 1] }
      result[column] = sum / 2
    }
    if row >= 2 {
      let above = alongY.pointer + (row - 1) * width
      for column in 0..<width { result[column] += above[column] / 2 }
    }
    if row < height - 2 {
      let below = alongY.pointer + (row + 1) * width
      for column in 0..<width { result[column] -= below[column] / 2 }
    }
  }

  private static func edge(
    _ x: FloatBuffer, _ y: FloatBuffer, weights: FloatBuffer, width: Int, height: Int,
    rows: RowLoop
  ) -> Float {
    let sum = rows.sum(overBandsOf: height) { @Sendable band in
      var sum = 0.0
      for index in band.lowerBound * width..<band.upperBound * width
      where weights.pointer[index] > 0 {
        sum += Double(
          (x.pointer[index] * x.pointer[index] + y.pointer[index] * y.pointer[index]).squareRoot())
      }
      return sum
    }
    let count = rows.sum(overBandsOf: height) { @Sendable band in
      var count = 0.0
      for index in band.lowerBound * width..<band.upperBound * width
      where weights.pointer[index] > 0 { count += 1 }
      return count
    }
    return max(1e-4, edgeShare * Float(sum / max(1, count)))
  }
}
