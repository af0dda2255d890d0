/// An affine map of the plane: `x′ = a x + b y + c`, `y′ = d x + e y + f`.
public struct AffineMap: Hashable, Codable, Sendable {
  /// The first row: `x′ = a x + b y + c`.
  public var a: Double, b: Double, c: Double
  /// The second row: `y′ = d x + e y + f`.
  public var d: Double, e: Double, f: Double

  /// Makes a map from its six numbers.
  public init(a: Double, b: Double, c: Double, d: Double, e: Double, f: Double) {
    self.a = a
    self.b = b
    self.c = c
    self.d = d
    self.e = e
    self.f = f
  }

  /// The map that leaves every point where it is.
  public static let identity = AffineMap(a: 1, b: 0, c: 0, d: 0, e: 1, f: 0)

  /// Where a point goes.
  public func callAsFunction(x: Double, y: Double) -> (x: Double, y: Double) {
    (a * x + b * y + c, d * x + e * y + f)
  }

  /// The factor by which areas grow; negative for a map that mirrors.
  public var determinant: Double { a * e - b * d }

  /// The map that undoes this one, or nothing where the determinant is 0.
  public var inverse: AffineMap? {
    let determinant = determinant
    guard determinant != 0, determinant.isFinite else { return nil }
    let inverseA = e / determinant
    let inverseB = -b / determinant
    let inverseD = -d / determinant
    let inverseE = a / determinant
    return AffineMap(
      a: inverseA, b: inverseB, c: -(inverseA * c + inverseB * f),
      d: inverseD, e: inverseE, f: -(inverseD * c + inverseE * f))
  }

  /// This map, and then another.
  public func followed(by next: AffineMap) -> AffineMap {
    AffineMap(
      a: next.a * a + next.b * d, b: next.a * b + next.b * e, c: next.a * c + next.b * f + next.c,
      d: next.d * a + next.e * d, e: next.d * b + next.e * e, f: next.d * c + next.e * f + next.f)
  }
}
