/// How much a B-spline displacement bends: the mean of `u_xx² + 2 u_xy² + u_yy²`, as an exact quadratic form.
///
/// The form is a sum of Kronecker products of one-dimensional Gram matrices of the B-spline's derivatives, each
/// with seven bands. Reference: Rueckert et al. 1999, IEEE TMI 18(8), equation 5.
package struct BendingEnergy {
  private let columns: Int
  private let rows: Int
  private let across: [BandedGram]
  private let down: [BandedGram]
  private let scale: Double

  /// - Parameters:
  ///   - columns: Control points from left to right.
  ///   - rows: Control points from top to bottom.
  ///   - spacing: Between knots; displacements have the same unit.
  package init(columns: Int, rows: Int, spacing: Double) {
    self.columns = columns
    self.rows = rows
    across = (0..<3).map { BandedGram(count: columns, derivative: $0) }
    down = (0..<3).map { BandedGram(count: rows, derivative: $0) }
    scale = 1 / (spacing * spacing * spacing * spacing * Double((columns - 3) * (rows - 3)))
  }

  /// The energy of one component, and its gradient added to `gradient` times `weight`.
  package func value(
    of coefficients: ArraySlice<Double>, weight: Double, addingGradientTo gradient: inout [Double]
  ) -> Double {
    let start = coefficients.startIndex
    let values = Array(coefficients)
    var energy = 0.0
    for (order, factor) in [(0, 1.0), (1, 2.0), (2, 1.0)] {
      // Derivative 2 − order along x and order along y.
      let wide = across[2 - order].applied(alongRows: values, columns: columns, rows: rows)
      let both = down[order].applied(alongColumns: wide, columns: columns, rows: rows)
      for index in values.indices {
        energy += factor * scale * values[index] * both[index]
        gradient[start + index] += 2 * weight * factor * scale * both[index]
      }
    }
    return energy
  }
}

/// `G[i, j] = ∫ B_i⁽ᵈ⁾ B_j⁽ᵈ⁾` over all cells, in cells.
struct BandedGram {
  let count: Int
  /// `[count, 7]`: entry `(i, k)` is `G[i, i + k − 3]`.
  private let bands: [Double]

  init(count: Int, derivative: Int) {
    self.count = count
    var bands = [Double](repeating: 0, count: count * 7)
    // Four Gauss points are exact for the sixth-degree products.
    let nodes = [
      0.069431844202973712, 0.330009478207571868, 0.669990521792428132, 0.930568155797026288,
    ]
    let shares = [
      0.173927422568726929, 0.326072577431273071, 0.326072577431273071, 0.173927422568726929,
    ]
    for (node, share) in zip(nodes, shares) {
      let weights =
        switch derivative {
        case 0: CubicSpline.values(node)
        case 1: CubicSpline.derivatives(node)
        default: CubicSpline.secondDerivatives(node)
        }
      for cell in 0..<(count - 3) {
        for i in 0..<4 {
          for j in 0..<4 {
            bands[(cell + i) * 7 + j - i + 3] += share * weights[i] * weights[j]
          }
        }
      }
    }
    self.bands = bands
  }

  func applied(alongRows values: [Double], columns: Int, rows: Int) -> [Double] {
    var result = values
    for row in 0..<rows {
      for column in 0..<columns {
        var sum = 0.0
        for other in max(0, column - 3)...min(columns - 1, column + 3) {
          sum += bands[column * 7 + other - column + 3] * values[row * columns + other]
        }
        result[row * columns + column] = sum
      }
    }
    return result
  }

  func applied(alongColumns values: [Double], columns: Int, rows: Int) -> [Double] {
    var result = [Double](repeating: 0, count: values.count)
    for row in 0..<rows {
      for other in max(0, row - 3)...min(rows - 1, row + 3) {
        let weight = bands[row * 7 + other - row + 3]
        for column in 0..<columns {
          result[row * columns + column] += weight * values[other * columns + column]
        }
      }
    }
    return result
  }
}
