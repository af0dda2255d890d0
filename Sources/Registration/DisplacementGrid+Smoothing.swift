import Rasters

extension DisplacementGrid {
  /// The smooth spline nearest to this grid's numbers, taken as displacements at its knots.
  ///
  /// Minimises `Σ w |u − v|² / Σ w + smoothness · s⁴ · bending / s²`, so that knots that weigh nothing follow
  /// their neighbours.
  ///
  /// - Parameters:
  ///   - weights: `[rows, columns]`.
  ///   - smoothness: Of the bending energy in knot spacings, without unit.
  /// - Returns: The spline, on the same knots.
  package func smoothed(weights: [Double], smoothness: Double) -> DisplacementGrid {
    let total = max(weights.reduce(0, +), 1e-9)
    let shares = weights.map { $0 / total }
    let half = columns * rows
    let bending = BendingEnergy(columns: columns, rows: rows, spacing: 1)
    var minimizer = LimitedMemoryMinimizer()
    minimizer.maxIterations = 200
    minimizer.relativeTolerance = 1e-5
    minimizer.longestStep = .infinity
    let wanted = x.map { Double($0) / spacing } + y.map { Double($0) / spacing }
    let start = [Double](repeating: 0, count: 2 * half)
    let found = minimizer.minimum(from: start) { numbers in
      var gradient = [Double](repeating: 0, count: 2 * half)
      var value = 0.0
      for axis in 0..<2 {
        let part = axis * half..<(axis + 1) * half
        let values = Self.knotValues(Array(numbers[part]), columns: columns, rows: rows)
        var residual = [Double](repeating: 0, count: half)
        for index in 0..<half where shares[index] > 0 {
          let difference = values[index] - wanted[axis * half + index]
          value += shares[index] * difference * difference
          residual[index] = 2 * shares[index] * difference
        }
        // The stencil is its own adjoint but for the outermost numbers, which weigh nothing.
        let back = Self.knotValues(residual, columns: columns, rows: rows, isAdjoint: true)
        for index in 0..<half { gradient[axis * half + index] += back[index] }
        value +=
          smoothness
          * bending.value(of: numbers[part], weight: smoothness, addingGradientTo: &gradient)
      }
      return (value, gradient)
    }
    var result = self
    for index in 0..<half {
      result.x[index] = Float(found.point[index] * spacing)
      result.y[index] = Float(found.point[half + index] * spacing)
    }
    return result
  }

  private static func knotValues(
    _ numbers: [Double], columns: Int, rows: Int, isAdjoint: Bool = false
  ) -> [Double] {
    var result = [Double](repeating: 0, count: numbers.count)
    for row in 1..<rows - 1 {
      for column in 1..<columns - 1 {
        for m in -1...1 {
          for l in -1...1 {
            let weight = (m == 0 ? 4.0 : 1) * (l == 0 ? 4.0 : 1) / 36
            let (here, there) = (row * columns + column, (row + m) * columns + column + l)
            if isAdjoint {
              result[there] += weight * numbers[here]
            } else {
              result[here] += weight * numbers[there]
            }
          }
        }
      }
    }
    return result
  }

  /// The same displacement on knots that lie elsewhere; exact at the knots.
  func resampled(spacing: Double, covering extent: MicronPoint) -> DisplacementGrid {
    DisplacementGrid(spacing: spacing, covering: extent).interpolating(displacement(at:))
  }
}
