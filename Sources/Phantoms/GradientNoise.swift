/// Smooth noise over the plane, about -1…1 with mean 0: gradient noise at one wavelength.
///
/// Reference: Perlin 2002, "Improving noise", ACM Trans. Graph. 21(3).
struct GradientNoise: Hashable, Sendable {
  private let hash: PositionHash
  private let frequency: Float

  /// Makes noise whose bumps are about `wavelength` microns apart.
  init(seed: UInt64, purpose: UInt64, wavelength: Float) {
    hash = PositionHash(seed: seed, purpose: purpose)
    frequency = 1 / wavelength
  }

  /// The noise at a place, in microns.
  @inline(__always)
  func callAsFunction(_ x: Float, _ y: Float) -> Float { unscaled(x * frequency, y * frequency) }

  /// The noise at a place in units of the wavelength.
  @inline(__always)
  func unscaled(_ x: Float, _ y: Float) -> Float {
    let floorX = x.rounded(.down)
    let floorY = y.rounded(.down)
    let column = Int32(floorX)
    let row = Int32(floorY)
    let dx = x - floorX
    let dy = y - floorY
    let weightX = dx * dx * dx * (dx * (dx * 6 - 15) + 10)
    let weightY = dy * dy * dy * (dy * (dy * 6 - 15) + 10)
    let topLeft = slope(hash.bits(column, row), dx, dy)
    let topRight = slope(hash.bits(column &+ 1, row), dx - 1, dy)
    let bottomLeft = slope(hash.bits(column, row &+ 1), dx, dy - 1)
    let bottomRight = slope(hash.bits(column &+ 1, row &+ 1), dx - 1, dy - 1)
    let top = topLeft + weightX * (topRight - topLeft)
    let bottom = bottomLeft + weightX * (bottomRight - bottomLeft)
    return (top + weightY * (bottom - top)) * 1.6
  }

  /// Two octaves: this wavelength and, at half the height, half of it.
  @inline(__always)
  func rough(_ x: Float, _ y: Float) -> Float {
    let scaledX = x * frequency
    let scaledY = y * frequency
    return unscaled(scaledX, scaledY) * 0.75
      + unscaled(scaledX * 2 + 37.25, scaledY * 2 - 11.75) * 0.375
  }

  /// The dot product of a random gradient with the way from its lattice point.
  @inline(__always)
  private func slope(_ bits: UInt32, _ dx: Float, _ dy: Float) -> Float {
    let gradientX = Float(Int32(truncatingIfNeeded: bits & 0xFFFF) &- 32768) * 0x1p-15
    let gradientY = Float(Int32(truncatingIfNeeded: bits >> 16) &- 32768) * 0x1p-15
    return gradientX * dx + gradientY * dy
  }
}

/// 0 below `low`, 1 above `high`, smooth between.
@inline(__always)
func smoothStep(_ low: Float, _ high: Float, _ value: Float) -> Float {
  let t = min(max((value - low) / (high - low), 0), 1)
  return t * t * (3 - 2 * t)
}

/// `value` held within 0…1.
@inline(__always)
func clampUnit(_ value: Float) -> Float { min(max(value, 0), 1) }

/// The way from `from` to `to` by a share in 0…1.
@inline(__always)
func mix(_ from: Float, _ to: Float, _ share: Float) -> Float { from + (to - from) * share }
