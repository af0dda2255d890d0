import Foundation
public import Rasters

/// The exact map from the fixed to the moving section, in microns of the two frames.
///
/// `moving = affine(fixed + Σₖ amplitudeₖ · sin(waveₖ · (fixed − centre) + phaseₖ))`: a smooth warp in
/// the fixed frame, then mirror, turn and shift about the centres of the frames.
public struct PhantomMap: Hashable, Codable, Sendable {
  /// One sine of the warp.
  public struct Wave: Hashable, Codable, Sendable {
    /// Displacement at the crest, in microns.
    public var amplitudeX: Double, amplitudeY: Double
    /// Radians a micron along each axis.
    public var waveX: Double, waveY: Double
    /// Radians at the centre of the frame.
    public var phase: Double

    private enum CodingKeys: String, CodingKey {
      case phase
      case amplitudeX = "amplitude_x"
      case amplitudeY = "amplitude_y"
      case waveX = "wave_x"
      case waveY = "wave_y"
    }
  }

  /// Mirror, turn and shift, microns to microns.
  public let affine: AffineMap
  /// The sines of the warp; none for a rigid phantom.
  public let waves: [Wave]
  /// The centre of both frames, in microns along each axis.
  public let center: Double
  private let inverseAffine: AffineMap

  /// The smallest determinant of the Jacobian that a phantom may have (command-line.md, `phantom`).
  public static let smallestDeterminant = 0.3
  /// The largest stretch of the warp's gradient: below 1, so that the inverse is found by iteration.
  static let largestGradient = 0.7

  /// Places the moving section.
  ///
  /// - Parameters:
  ///   - extent: The side of both frames, in microns.
  ///   - rotationDegrees: Counter-clockwise on the screen.
  ///   - shift: Microns, after the turn.
  ///   - warp: The largest displacement, in microns.
  ///   - isMirrored: Whether the moving section lies on its other face.
  ///   - seed: Shapes the warp.
  /// - Throws: ``PhantomError/foldingWarp(microns:largest:)``.
  init(
    extent: Double, rotationDegrees: Double, shift: (x: Double, y: Double), warp: Double,
    isMirrored: Bool, seed: UInt64
  ) throws(PhantomError) {
    center = extent / 2
    // The y axis points down: a turn that looks counter-clockwise takes (1, 0) to (cos, −sin).
    let angle = rotationDegrees * .pi / 180
    let (cosine, sine) = (cos(angle), sin(angle))
    let flip: Double = isMirrored ? -1 : 1
    let (a, b, d, e) = (cosine * flip, sine, -sine * flip, cosine)
    affine = AffineMap(
      a: a, b: b, c: center + shift.x - a * center - b * center,
      d: d, e: e, f: center + shift.y - d * center - e * center)
    // A rotation, mirrored or not, has its transpose as inverse.
    inverseAffine = AffineMap(
      a: a, b: d, c: -(a * affine.c + d * affine.f),
      d: b, e: e, f: -(b * affine.c + e * affine.f))

    let unit = PhantomMap.unitWaves(extent: extent, seed: seed)
    let probe = PhantomMap.probe(unit, extent: extent)
    let scale = warp / probe.displacement
    let largest = PhantomMap.largestScale(unit, extent: extent, gradient: probe.gradient)
    guard scale <= largest else {
      throw .foldingWarp(microns: warp, largest: (largest * probe.displacement).rounded(.down))
    }
    waves =
      warp == 0
      ? []
      : unit.map { wave in
        var scaled = wave
        scaled.amplitudeX *= scale
        scaled.amplitudeY *= scale
        return scaled
      }
  }

  /// Where a point of the fixed section lies on the moving one.
  public func moving(_ point: MicronPoint) -> MicronPoint {
    let warp = displacement(point.x, point.y)
    let mapped = affine(x: point.x + warp.x, y: point.y + warp.y)
    return MicronPoint(x: mapped.x, y: mapped.y)
  }

  /// Where a point of the moving section lies on the fixed one; within 1e-9 µm.
  public func fixed(_ point: MicronPoint) -> MicronPoint {
    let target = inverseAffine(x: point.x, y: point.y)
    var (x, y) = target
    // Newton's steps; the gradient of the warp stays below 0.7, so the start is near enough.
    for _ in 0..<24 where !waves.isEmpty {
      let warp = displacement(x, y)
      let errorX = x + warp.x - target.x
      let errorY = y + warp.y - target.y
      if abs(errorX) + abs(errorY) < 1e-9 { break }
      let gradient = warpGradient(x, y)
      let (a, b) = (1 + gradient.xx, gradient.xy)
      let (c, d) = (gradient.yx, 1 + gradient.yy)
      let determinant = a * d - b * c
      x -= (d * errorX - b * errorY) / determinant
      y -= (a * errorY - c * errorX) / determinant
    }
    return MicronPoint(x: x, y: y)
  }

  /// How much areas grow from fixed to moving at a fixed point, without the sign of the mirror.
  public func areaFactor(at point: MicronPoint) -> Double {
    let gradient = warpGradient(point.x, point.y)
    return (1 + gradient.xx) * (1 + gradient.yy) - gradient.xy * gradient.yx
  }

  /// The warp's displacement at a fixed point, in microns.
  public func displacement(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    PhantomMap.displacement(waves, x - center, y - center)
  }

  private func warpGradient(_ x: Double, _ y: Double) -> Gradient {
    PhantomMap.gradient(waves, x - center, y - center)
  }
}

extension PhantomMap {
  private enum CodingKeys: String, CodingKey {
    case affine, waves, center
  }

  /// Reads a map from its affine part, sines and centre.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    affine = try container.decode(AffineMap.self, forKey: .affine)
    waves = try container.decode([Wave].self, forKey: .waves)
    center = try container.decode(Double.self, forKey: .center)
    guard let inverse = affine.inverse else {
      throw DecodingError.dataCorruptedError(
        forKey: .affine, in: container, debugDescription: "the affine part has no inverse")
    }
    inverseAffine = inverse
  }
}

// MARK: - The warp's sines

extension PhantomMap {
  /// The derivative of the displacement: `xy` is ∂x/∂y.
  private typealias Gradient = (xx: Double, xy: Double, yx: Double, yy: Double)

  private static func displacement(
    _ waves: [Wave], _ x: Double, _ y: Double
  ) -> (x: Double, y: Double) {
    var result = (x: 0.0, y: 0.0)
    for wave in waves {
      let height = sin(wave.waveX * x + wave.waveY * y + wave.phase)
      result.x += wave.amplitudeX * height
      result.y += wave.amplitudeY * height
    }
    return result
  }

  private static func gradient(_ waves: [Wave], _ x: Double, _ y: Double) -> Gradient {
    var result: Gradient = (0, 0, 0, 0)
    for wave in waves {
      let slope = cos(wave.waveX * x + wave.waveY * y + wave.phase)
      result.xx += wave.amplitudeX * wave.waveX * slope
      result.xy += wave.amplitudeX * wave.waveY * slope
      result.yx += wave.amplitudeY * wave.waveX * slope
      result.yy += wave.amplitudeY * wave.waveY * slope
    }
    return result
  }

  /// Six sines of 0.6 to 1.8 times the frame, the longer the higher.
  private static func unitWaves(extent: Double, seed: UInt64) -> [Wave] {
    let hash = PositionHash(seed: seed, purpose: 101)
    return (0..<6).map { index in
      var draws = hash.draws(Int32(index), 0)
      let wavelength = extent * Double(draws.between(0.6, 1.8))
      let direction = 2 * Double.pi * Double(draws.unit())
      let push = 2 * Double.pi * Double(draws.unit())
      let height = (wavelength / extent) * Double(draws.between(0.5, 1))
      let frequency = 2 * Double.pi / wavelength
      return Wave(
        amplitudeX: height * cos(push), amplitudeY: height * sin(push),
        waveX: frequency * cos(direction), waveY: frequency * sin(direction),
        phase: 2 * Double.pi * Double(draws.unit()))
    }
  }

  /// The places of a grid over the frame and a margin of an eighth around it, from the centre.
  private static func probePlaces(extent: Double) -> [(x: Double, y: Double)] {
    let count = 96
    return (0...count).flatMap { row in
      (0...count).map { column in
        (
          x: extent * 1.25 * (Double(column) / Double(count) - 0.5),
          y: extent * 1.25 * (Double(row) / Double(count) - 0.5)
        )
      }
    }
  }

  /// The largest displacement within the frame, and the largest gradient (Frobenius norm).
  private static func probe(
    _ waves: [Wave], extent: Double
  ) -> (displacement: Double, gradient: Double) {
    var largest = (displacement: 0.0, gradient: 0.0)
    for place in probePlaces(extent: extent) {
      let slope = gradient(waves, place.x, place.y)
      let norm =
        slope.xx * slope.xx + slope.xy * slope.xy + slope.yx * slope.yx + slope.yy * slope.yy
      largest.gradient = max(largest.gradient, norm.squareRoot())
      guard max(abs(place.x), abs(place.y)) <= extent / 2 else { continue }
      let push = displacement(waves, place.x, place.y)
      largest.displacement = max(
        largest.displacement, (push.x * push.x + push.y * push.y).squareRoot())
    }
    return largest
  }

  /// The largest scale of the sines that keeps gradient and determinant within their bounds.
  private static func largestScale(_ waves: [Wave], extent: Double, gradient norm: Double) -> Double
  {
    var scale = largestGradient / norm
    for place in probePlaces(extent: extent) {
      let slope = gradient(waves, place.x, place.y)
      func determinant(_ scale: Double) -> Double {
        (1 + scale * slope.xx) * (1 + scale * slope.yy) - scale * scale * slope.xy * slope.yx
      }
      // 0.02 above the bound: the grid does not see the very lowest point.
      while determinant(scale) < smallestDeterminant + 0.02 { scale *= 0.98 }
    }
    return scale
  }
}
