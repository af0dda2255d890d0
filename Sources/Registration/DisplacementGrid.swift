public import Rasters

/// A smooth displacement of the plane: a uniform cubic B-spline over a rectangle that starts at (0, 0).
///
/// `u(x) = Σ B_l(s) B_m(t) c[i + l, j + m]` with `i = ⌊x / spacing⌋` and `s` the fraction; `c[0, 0]` lies one
/// spacing before the origin. Beyond the rectangle the displacement of its nearest edge continues.
///
/// Reference: Rueckert et al. 1999, IEEE TMI 18(8).
public struct DisplacementGrid: Hashable, Codable, Sendable {
  /// Microns between knots.
  public let spacing: Double
  /// Control points from left to right: cells + 3.
  public let columns: Int
  /// Control points from top to bottom: cells + 3.
  public let rows: Int
  /// `[rows, columns]`, microns to the right.
  public var x: [Float]
  /// `[rows, columns]`, microns downwards.
  public var y: [Float]

  /// Makes a grid of no displacement that covers a rectangle.
  ///
  /// - Parameters:
  ///   - spacing: Microns between knots; greater than 0.
  ///   - extent: The rectangle's size in microns; the grid may reach beyond it.
  public init(spacing: Double, covering extent: MicronPoint) {
    precondition(spacing > 0, "a knot spacing of \(spacing) µm")
    self.init(
      spacing: spacing, columns: max(1, Int((extent.x / spacing).rounded(.up))) + 3,
      rows: max(1, Int((extent.y / spacing).rounded(.up))) + 3)
  }

  /// Makes a grid of no displacement with that many control points.
  package init(spacing: Double, columns: Int, rows: Int) {
    self.spacing = spacing
    self.columns = columns
    self.rows = rows
    x = [Float](repeating: 0, count: columns * rows)
    y = x
  }

  /// Whether the numbers can be a grid: finite, and as many as columns and rows say.
  public var isWellFormed: Bool {
    spacing > 0 && spacing.isFinite && columns >= 4 && rows >= 4 && columns < 1 << 20
      && rows < 1 << 20 && x.count == columns * rows && y.count == columns * rows
      && x.allSatisfy(\.isFinite) && y.allSatisfy(\.isFinite)
  }

  /// The displacement at a point, in microns.
  public func displacement(at point: MicronPoint) -> (x: Double, y: Double) {
    let across = position(point.x, cells: columns - 3)
    let down = position(point.y, cells: rows - 3)
    let horizontal = CubicSpline.values(across.fraction)
    let vertical = CubicSpline.values(down.fraction)
    return sum(across.cell, down.cell, horizontal, vertical)
  }

  /// The derivative of the displacement at a point inside the rectangle, without unit.
  public func gradient(at point: MicronPoint) -> DisplacementGradient {
    let across = position(point.x, cells: columns - 3)
    let down = position(point.y, cells: rows - 3)
    let horizontal = CubicSpline.values(across.fraction)
    let vertical = CubicSpline.values(down.fraction)
    let alongX = sum(across.cell, down.cell, CubicSpline.derivatives(across.fraction), vertical)
    let alongY = sum(across.cell, down.cell, horizontal, CubicSpline.derivatives(down.fraction))
    return DisplacementGradient(
      xx: alongX.x / spacing, xy: alongY.x / spacing, yx: alongX.y / spacing,
      yy: alongY.y / spacing)
  }

  /// The same displacement on knots half as far apart.
  ///
  /// New even knots are `(c[i−1] + 6 c[i] + c[i+1]) / 8`, new odd ones `(c[i] + c[i+1]) / 2`, an axis
  /// after the other. Reference: Lane and Riesenfeld 1980, IEEE PAMI 2(1).
  public func refined() -> DisplacementGrid {
    let newColumns = 2 * (columns - 3) + 3
    let newRows = 2 * (rows - 3) + 3
    var result = DisplacementGrid(spacing: spacing / 2, columns: newColumns, rows: newRows)
    result.x = refine(x, newColumns: newColumns, newRows: newRows)
    result.y = refine(y, newColumns: newColumns, newRows: newRows)
    return result
  }

  private func refine(_ values: [Float], newColumns: Int, newRows: Int) -> [Float] {
    var wide = [Float](repeating: 0, count: newColumns * rows)
    for row in 0..<rows {
      for column in 0..<newColumns {
        wide[row * newColumns + column] = CubicSpline.insertedKnot(column) {
          values[row * columns + $0]
        }
      }
    }
    var result = [Float](repeating: 0, count: newColumns * newRows)
    for row in 0..<newRows {
      for column in 0..<newColumns {
        result[row * newColumns + column] = CubicSpline.insertedKnot(row) {
          wide[$0 * newColumns + column]
        }
      }
    }
    return result
  }

  private func position(_ value: Double, cells: Int) -> (cell: Int, fraction: Double) {
    let clamped = min(max(value / spacing, 0), Double(cells))
    let cell = min(Int(clamped), cells - 1)
    return (cell, clamped - Double(cell))
  }

  private func sum(
    _ column: Int, _ row: Int, _ horizontal: CubicSpline.Weights, _ vertical: CubicSpline.Weights
  ) -> (x: Double, y: Double) {
    var sumX = 0.0
    var sumY = 0.0
    for m in 0..<4 {
      let start = (row + m) * columns + column
      for l in 0..<4 {
        let weight = horizontal[l] * vertical[m]
        sumX += weight * Double(x[start + l])
        sumY += weight * Double(y[start + l])
      }
    }
    return (sumX, sumY)
  }

  private enum CodingKeys: String, CodingKey {
    case spacing = "spacing_um"
    case columns
    case rows
    case x
    case y
  }
}

/// The derivative of a displacement: `xy` is how its x grows with y.
public struct DisplacementGradient: Hashable, Sendable {
  /// ∂u_x/∂x.
  public var xx: Double
  /// ∂u_x/∂y.
  public var xy: Double
  /// ∂u_y/∂x.
  public var yx: Double
  /// ∂u_y/∂y.
  public var yy: Double

  /// `det(I + grad u)`: the factor by which areas grow; 0 or less is a fold.
  public var jacobian: Double { (1 + xx) * (1 + yy) - xy * yx }
}

/// The cubic B-spline's four pieces and their derivatives over one cell.
enum CubicSpline {
  typealias Weights = SIMD4<Double>

  static func values(_ s: Double) -> Weights {
    let t = 1 - s
    return Weights(
      t * t * t, 3 * s * s * s - 6 * s * s + 4, -3 * s * s * s + 3 * s * s + 3 * s + 1, s * s * s)
      / 6
  }

  static func derivatives(_ s: Double) -> Weights {
    let t = 1 - s
    return Weights(-t * t, 3 * s * s - 4 * s, -3 * s * s + 2 * s + 1, s * s) / 2
  }

  static func secondDerivatives(_ s: Double) -> Weights {
    Weights(1 - s, 3 * s - 2, 1 - 3 * s, s)
  }

  /// Control point `index` after halving the spacing; control point 1 lies on the origin in both.
  static func insertedKnot(_ index: Int, _ old: (Int) -> Float) -> Float {
    // New control point `index` lies at (index − 1) / 2 old spacings.
    guard index % 2 == 1 else { return (old(index / 2) + old(index / 2 + 1)) / 2 }
    let centre = (index + 1) / 2
    return (old(centre - 1) + 6 * old(centre) + old(centre + 1)) / 8
  }
}
