import Foundation

/// The outline of the tissue on the slide: lobes and clefts around the centre, rough at every scale.
struct TissueOutline: Sendable {
  private struct Cleft {
    var angle: Float
    var depth: Float
    var width: Float
  }

  private let halfExtent: Float
  private let lobeHeights: [Float]
  private let lobePhases: [Float]
  private let clefts: [Cleft]
  private let broadX: GradientNoise, broadY: GradientNoise
  private let edge: GradientNoise, fray: GradientNoise
  private var offset: Float = 0

  /// The share of the frame that the outline encloses.
  static let share: Float = 0.58
  /// No tissue lies further from the centre than this share of half a side, whatever the lobes say:
  /// a turned section then stays on its slide.
  private static let reach: Float = 0.95

  init(extent: Float, seed: UInt64) {
    halfExtent = extent / 2
    var draws = PositionHash(seed: seed, purpose: 1).draws(0, 0)
    lobeHeights = [0.05, 0.07, 0.06, 0.05, 0.03].map { $0 * draws.between(0.4, 1.3) }
    lobePhases = (0..<5).map { _ in draws.between(0, 2 * .pi) }
    let first = draws.between(0, 2 * .pi)
    let cleftCount = 2 + Int(draws.unit() * 2.99)
    clefts = (0..<cleftCount).map { index in
      Cleft(
        angle: first + 2 * .pi * (Float(index) + draws.signed() * 0.3) / Float(cleftCount),
        depth: draws.between(0.15, 0.55), width: draws.between(0.03, 0.09))
    }
    broadX = GradientNoise(seed: seed, purpose: 2, wavelength: extent * 0.23)
    broadY = GradientNoise(seed: seed, purpose: 3, wavelength: extent * 0.23)
    edge = GradientNoise(seed: seed, purpose: 4, wavelength: 90)
    fray = GradientNoise(seed: seed, purpose: 5, wavelength: 19)
    offset = offsetForShare()
  }

  /// The distance to the outline, about in microns, positive within the tissue.
  func depth(_ x: Float, _ y: Float) -> Float {
    let rough = edge.rough(x, y) * 10 + fray.rough(x, y) * 3.4
    return (shape(x, y) + offset) * halfExtent * 0.8 + rough
  }

  /// The shape without its fine edge, in units of half a side.
  private func shape(_ x: Float, _ y: Float) -> Float {
    let fromCenterX = x / halfExtent - 1
    let fromCenterY = y / halfExtent - 1
    let warpedX = fromCenterX + 0.10 * broadX.rough(x, y)
    let warpedY = fromCenterY + 0.10 * broadY.rough(x, y)
    let radius = (warpedX * warpedX + warpedY * warpedY).squareRoot()
    let angle = atan2(warpedY, warpedX)
    var result = 0.85 - radius
    for index in 0..<lobeHeights.count {
      result += lobeHeights[index] * cos(angle * Float(index + 2) + lobePhases[index])
    }
    for cleft in clefts {
      // The distance from the cleft's ray, within the part that the cleft reaches.
      let along = warpedX * cos(cleft.angle) + warpedY * sin(cleft.angle)
      let across = abs(warpedY * cos(cleft.angle) - warpedX * sin(cleft.angle))
      let opening = cleft.width * smoothStep(0.95 - cleft.depth, 1.1, along)
      let cut = (across - opening) * 1.2 + max(0, 0.95 - cleft.depth - along)
      result = min(result, cut)
    }
    let plainRadius = (fromCenterX * fromCenterX + fromCenterY * fromCenterY).squareRoot()
    return min(result, TissueOutline.reach - offset - plainRadius)
  }

  /// The offset at which the outline encloses the wanted share of the frame.
  private func offsetForShare() -> Float {
    let count = 72
    var trial = self
    var low: Float = -0.4
    var high: Float = 0.4
    for _ in 0..<12 {
      trial.offset = (low + high) / 2
      var inside = 0
      for row in 0..<count {
        for column in 0..<count {
          let x = (Float(column) + 0.5) / Float(count) * 2 * halfExtent
          let y = (Float(row) + 0.5) / Float(count) * 2 * halfExtent
          if trial.shape(x, y) + trial.offset > 0 { inside += 1 }
        }
      }
      if Float(inside) > TissueOutline.share * Float(count * count) {
        high = trial.offset
      } else {
        low = trial.offset
      }
    }
    return trial.offset
  }
}
