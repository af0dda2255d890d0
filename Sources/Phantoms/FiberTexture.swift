import Foundation

/// The grain of fibres that run in a direction which changes from place to place.
///
/// Noise stretched along one of twelve directions, blended between the two nearest, so that the
/// pattern has no shear far from the origin.
struct FiberTexture: Sendable {
  private let fine: GradientNoise, broad: GradientNoise
  private let cosines: [Float], sines: [Float]

  private static let count = 12

  init(seed: UInt64) {
    fine = GradientNoise(seed: seed, purpose: 30, wavelength: 1)
    broad = GradientNoise(seed: seed, purpose: 31, wavelength: 1)
    let angles = (0..<FiberTexture.count).map { Float($0) * .pi / Float(FiberTexture.count) }
    cosines = angles.map { cos($0) }
    sines = angles.map { sin($0) }
  }

  /// Wavy bundles of collagen.
  @inline(__always)
  func collagen(_ x: Float, _ y: Float, direction: Float) -> (broad: Float, fine: Float) {
    (
      oriented(broad, x, y, direction, along: 1 / 62, across: 1 / 8.5),
      oriented(fine, x, y, direction, along: 1 / 26, across: 1 / 2.6)
    )
  }

  /// Straight bundles of smooth muscle.
  @inline(__always)
  func muscle(_ x: Float, _ y: Float, direction: Float) -> (broad: Float, fine: Float) {
    (
      oriented(broad, x, y, direction, along: 1 / 130, across: 1 / 17),
      oriented(fine, x, y, direction, along: 1 / 45, across: 1 / 3.4)
    )
  }

  @inline(__always)
  private func oriented(
    _ noise: GradientNoise, _ x: Float, _ y: Float, _ direction: Float, along: Float, across: Float
  ) -> Float {
    let turn = direction * (Float(FiberTexture.count) / .pi)
    let floor = turn.rounded(.down)
    let share = smoothStep(0.2, 0.8, turn - floor)
    let first = value(noise, x, y, Int(floor), along, across)
    guard share > 0 else { return first }
    let second = value(noise, x, y, Int(floor) + 1, along, across)
    guard share < 1 else { return second }
    let rest = 1 - share
    return (first * rest + second * share) / (rest * rest + share * share).squareRoot()
  }

  @inline(__always)
  private func value(
    _ noise: GradientNoise, _ x: Float, _ y: Float, _ orientation: Int, _ along: Float,
    _ across: Float
  ) -> Float {
    let remainder = orientation % FiberTexture.count
    let index = remainder < 0 ? remainder + FiberTexture.count : remainder
    let (cosine, sine) = (cosines[index], sines[index])
    return noise.unscaled(
      (x * cosine + y * sine) * along + Float(index) * 17.25,
      (y * cosine - x * sine) * across - Float(index) * 9.75)
  }
}
