import Foundation
import Rasters
import Registration
import TestSupport
import Testing

@Suite("Derivatives of what is minimised")
struct DerivativeTests {
  private let width = 41
  private let height = 33

  /// Smooth random pictures, so that single precision leaves the differences meaningful.
  private func picture(seed: UInt64) -> FloatBuffer {
    var random = SeededGenerator(seed: seed)
    let plane = Plane(
      width: width, height: height,
      values: (0..<width * height).map { _ in Float.random(in: 0...1, using: &random) })
    return FloatBuffer(plane.blurred(deviation: 1).values)
  }

  @Test(
    "a metric's derivative agrees with central differences along random directions",
    arguments: [
      MetricKind.gradientField, .localCorrelation(radius: 3), .mutualInformation, .combined,
    ])
  func metric(kind: MetricKind) {
    let rows = RowLoop(threadCount: 1)
    let weights = FloatBuffer(
      (0..<width * height).map { $0 % width < 5 ? Float(0) : Float(0.5) })
    let metric = kind.metric(
      for: picture(seed: 1), width: width, height: height, weights: weights, rows: rows)
    let warped = picture(seed: 2).values
    let derivative = FloatBuffer(count: width * height)
    let unused = FloatBuffer(count: width * height)
    func value(_ values: [Float], into target: FloatBuffer) -> Double {
      metric.evaluate(
        warped: FloatBuffer(values), weights: weights, derivative: target, rows: rows)
    }
    _ = value(warped, into: derivative)
    for seed in UInt64(3)..<8 {
      let direction = picture(seed: seed).values.map { $0 - 0.5 }
      // The step balances curvature (step²) against single precision (1e-7 · value / step).
      let step: Float = 4e-3
      let after = value(zip(warped, direction).map { $0 + step * $1 }, into: unused)
      let before = value(zip(warped, direction).map { $0 - step * $1 }, into: unused)
      let difference = (after - before) / Double(2 * step)
      let expected = zip(derivative.values, direction).reduce(0) { $0 + Double($1.0 * $1.1) }
      #expect(abs(difference - expected) < 0.01 * abs(expected) + 0.01)
    }
  }

  @Test(
    "bending energy is zero for a slope, that of a parabola where it is one, and has its own gradient"
  )
  func bending() {
    let (columns, rows, spacing) = (9, 8, 3.0)
    let energy = BendingEnergy(columns: columns, rows: rows, spacing: spacing)
    var gradient = [Double](repeating: 0, count: columns * rows)
    let slope = (0..<columns * rows).map { Double($0 % columns) * 0.7 - Double($0 / columns) }
    #expect(
      abs(energy.value(of: slope[...], weight: 1, addingGradientTo: &gradient)) < 1e-12)
    // Coefficients k² are the parabola (x / spacing)² and a constant: u_xx = 2 / spacing².
    let parabola = (0..<columns * rows).map { Double(($0 % columns) * ($0 % columns)) }
    let expected = 4 / (spacing * spacing * spacing * spacing)
    #expect(
      abs(energy.value(of: parabola[...], weight: 1, addingGradientTo: &gradient) - expected)
        < 1e-10)
    expectGradient(count: columns * rows, seed: 9) { numbers, gradient in
      energy.value(of: numbers[...], weight: 1, addingGradientTo: &gradient)
    }
  }

  @Test("the fold penalty is zero without folds and has its own gradient where there are some")
  func folds() {
    let penalty = FoldPenalty(columns: 6, rows: 7, spacing: 4)
    var gradient = [Double](repeating: 0, count: 84)
    let flat = [Double](repeating: 1, count: 84)
    #expect(penalty.value(of: flat, weight: 1, addingGradientTo: &gradient) == 0)
    let value = expectGradient(count: 84, seed: 10, scale: 5) { numbers, gradient in
      penalty.value(of: numbers, weight: 1, addingGradientTo: &gradient)
    }
    #expect(value > 0)
  }

  @discardableResult
  private func expectGradient(
    count: Int, seed: UInt64, scale: Double = 1,
    of function: ([Double], inout [Double]) -> Double
  ) -> Double {
    var random = SeededGenerator(seed: seed)
    let start = (0..<count).map { _ in scale * Double.random(in: -1...1, using: &random) }
    var gradient = [Double](repeating: 0, count: count)
    let value = function(start, &gradient)
    var unused = gradient
    for index in stride(from: 0, to: count, by: 5) {
      var (up, down) = (start, start)
      up[index] += 1e-5
      down[index] -= 1e-5
      let difference = (function(up, &unused) - function(down, &unused)) / 2e-5
      // Double precision: 1e-16 · value / 1e-5, and curvature times 1e-10.
      #expect(abs(difference - gradient[index]) < 1e-6 * max(1, abs(difference)))
    }
    return value
  }
}
