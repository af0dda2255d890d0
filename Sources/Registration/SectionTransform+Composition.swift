import Rasters

extension SectionTransform {
  /// This map, and then another: from this one's fixed section straight to the other's moving section.
  ///
  /// The affine maps are multiplied; what remains, `u(x) = A⁻¹(y(x)) − x`, becomes a cubic B-spline that
  /// agrees with the two maps at its knots. Between the knots it deviates by the fourth power of their
  /// distance, under 0.1 µm for maps that registration makes.
  ///
  /// - Parameters:
  ///   - next: A map whose fixed section is this one's moving section.
  ///   - spacing: Microns between the knots of the result.
  /// - Returns: A map with the reasons of both; it needs review where one of them does.
  public func followed(by next: SectionTransform, spacing: Double) -> SectionTransform {
    let straight = affine.followed(by: next.affine)
    var grid: DisplacementGrid?
    if displacement != nil || next.displacement != nil, let inverse = straight.inverse {
      grid = DisplacementGrid(spacing: spacing, covering: fixed.extent).interpolating { place in
        let target = next.movingPoint(for: movingPoint(for: place))
        let back = inverse(x: target.x, y: target.y)
        return (back.x - place.x, back.y - place.y)
      }
    }
    let reasons = RegistrationReason.allCases.filter {
      self.reasons.contains($0) || next.reasons.contains($0)
    }
    return SectionTransform(
      fixed: fixed, moving: next.moving, affine: straight, displacement: grid,
      kind: grid == nil ? .affine : .bspline,
      status: status == .ok && next.status == .ok ? .ok : .needsReview, reasons: reasons)
  }
}

extension SectionTransform {
  /// The displacement halfway between this map's and that of another map's inverse, on this one's knots.
  ///
  /// `u(x) = A⁻¹((y(x) + z⁻¹(x)) / 2) − x` at every knot, where `z` is the other map.
  ///
  /// - Parameter back: A map from this one's moving section to its fixed section.
  /// - Returns: Nothing where this map is straight.
  func displacement(averagedWithInverseOf back: SectionTransform) -> DisplacementGrid? {
    displacement?.averaged(with: { back.fixedPoint(for: $0) }, share: 0.5, affine: affine)
  }
}

extension AffineMap {
  /// Where a point comes to lie that is displaced first.
  func place(_ point: MicronPoint, bentBy grid: DisplacementGrid?) -> MicronPoint {
    let shift = grid?.displacement(at: point) ?? (x: 0, y: 0)
    let place = self(x: point.x + shift.x, y: point.y + shift.y)
    return MicronPoint(x: place.x, y: place.y)
  }
}

extension DisplacementGrid {
  /// The displacement between this one's map and another map, on this grid's knots.
  ///
  /// - Parameters:
  ///   - other: The other map, from fixed to moving microns.
  ///   - share: What it counts, 0…1.
  ///   - affine: What follows this displacement, and the result.
  /// - Returns: Nothing where `affine` has no inverse.
  func averaged(
    with other: (MicronPoint) -> MicronPoint, share: Double, affine: AffineMap
  ) -> DisplacementGrid? {
    guard let inverse = affine.inverse else { return nil }
    return interpolating { place in
      let here = affine.place(place, bentBy: self)
      let there = other(place)
      let middle = inverse(
        x: (1 - share) * here.x + share * there.x, y: (1 - share) * here.y + share * there.y)
      return (middle.x - place.x, middle.y - place.y)
    }
  }

  /// The spline on this grid's knots that has given displacements there, in microns.
  func interpolating(_ displacement: (MicronPoint) -> (x: Double, y: Double)) -> DisplacementGrid {
    var result = self
    for row in 0..<rows {
      for column in 0..<columns {
        let shift = displacement(
          MicronPoint(x: Double(column - 1) * spacing, y: Double(row - 1) * spacing))
        result.x[row * columns + column] = Float(shift.x)
        result.y[row * columns + column] = Float(shift.y)
      }
    }
    return result.interpolatingItsValues()
  }

  /// The spline whose values at the knots are this grid's numbers.
  ///
  /// Solves `(c[i−1] + 4 c[i] + c[i+1]) / 6 = v[i]` along each row and column; the outermost numbers are
  /// taken as control points themselves.
  private func interpolatingItsValues() -> DisplacementGrid {
    var result = self
    result.x = Self.controlPoints(x, columns: columns, rows: rows)
    result.y = Self.controlPoints(y, columns: columns, rows: rows)
    return result
  }

  private static func controlPoints(_ values: [Float], columns: Int, rows: Int) -> [Float] {
    var result = values
    for row in 0..<rows {
      solve(&result, first: row * columns, step: 1, count: columns)
    }
    for column in 0..<columns {
      solve(&result, first: column, step: columns, count: rows)
    }
    return result
  }

  /// Gaussian elimination of the tridiagonal system; rows 0 and count − 1 are identities.
  private static func solve(_ values: inout [Float], first: Int, step: Int, count: Int) {
    guard count > 2 else { return }
    var above = [Double](repeating: 0, count: count)
    var right = (0..<count).map { Double(values[first + $0 * step]) }
    for index in 1..<(count - 1) {
      let pivot = 4 - above[index - 1]
      above[index] = 1 / pivot
      right[index] = (6 * right[index] - right[index - 1]) / pivot
    }
    for index in stride(from: count - 2, through: 1, by: -1) {
      right[index] -= above[index] * right[index + 1]
    }
    for index in 0..<count { values[first + index * step] = Float(right[index]) }
  }
}
