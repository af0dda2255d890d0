/// Keeps a displacement from folding: the mean of `max(0, limit − det(I + grad u))²` over four by four points a cell.
package struct FoldPenalty {
  let columns: Int
  let rows: Int
  /// Between knots, in the unit of the displacements.
  let spacing: Double
  /// Areas that shrink below this share are penalised.
  var limit = 0.3
  private static let pointCount = 4
  private let values: [CubicSpline.Weights]
  private let slopes: [CubicSpline.Weights]

  package init(columns: Int, rows: Int, spacing: Double) {
    self.columns = columns
    self.rows = rows
    self.spacing = spacing
    let places = (0..<Self.pointCount).map { (Double($0) + 0.5) / Double(Self.pointCount) }
    values = places.map(CubicSpline.values)
    slopes = places.map { CubicSpline.derivatives($0) / spacing }
  }

  /// The penalty of both components, x first, and its gradient added times `weight`.
  package func value(
    of coefficients: [Double], weight: Double, addingGradientTo gradient: inout [Double]
  ) -> Double {
    let half = columns * rows
    let share = 1 / Double((columns - 3) * (rows - 3) * Self.pointCount * Self.pointCount)
    var total = 0.0
    for row in 0..<(rows - 3) {
      for column in 0..<(columns - 3) {
        let start = row * columns + column
        guard mayFold(coefficients, start: start, half: half) else { continue }
        for down in 0..<Self.pointCount {
          for across in 0..<Self.pointCount {
            let slope = slope(coefficients, start: start, half: half, across: across, down: down)
            let excess = limit - slope.jacobian
            guard excess > 0 else { continue }
            total += share * excess * excess
            let factor = -2 * weight * share * excess
            for m in 0..<4 {
              for l in 0..<4 {
                let alongX = slopes[across][l] * values[down][m]
                let alongY = values[across][l] * slopes[down][m]
                let index = start + m * columns + l
                gradient[index] += factor * (alongX * (1 + slope.yy) - alongY * slope.yx)
                gradient[half + index] += factor * (alongY * (1 + slope.xx) - alongX * slope.xy)
              }
            }
          }
        }
      }
    }
    return total
  }

  /// Whether neighbouring control points differ enough for the limit to be in reach.
  ///
  /// A B-spline's slope is a mean of its control points' differences, so that with every difference under a
  /// fifth of the spacing the determinant stays above 0.8² − 0.2² = 0.6.
  private func mayFold(_ coefficients: [Double], start: Int, half: Int) -> Bool {
    let reach = 0.2 * spacing
    for offset in [0, half] {
      for m in 0..<4 {
        for l in 0..<4 {
          let index = offset + start + m * columns + l
          if l < 3, abs(coefficients[index + 1] - coefficients[index]) > reach { return true }
          if m < 3, abs(coefficients[index + columns] - coefficients[index]) > reach { return true }
        }
      }
    }
    return false
  }

  private func slope(
    _ coefficients: [Double], start: Int, half: Int, across: Int, down: Int
  ) -> DisplacementGradient {
    var result = DisplacementGradient(xx: 0, xy: 0, yx: 0, yy: 0)
    for m in 0..<4 {
      for l in 0..<4 {
        let alongX = slopes[across][l] * values[down][m]
        let alongY = values[across][l] * slopes[down][m]
        let index = start + m * columns + l
        result.xx += alongX * coefficients[index]
        result.xy += alongY * coefficients[index]
        result.yx += alongX * coefficients[half + index]
        result.yy += alongY * coefficients[half + index]
      }
    }
    return result
  }
}
