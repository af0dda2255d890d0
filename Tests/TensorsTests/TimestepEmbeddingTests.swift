import Foundation
import Tensors
import Testing

struct TimestepEmbeddingTests {
  @Test("level 500.5504505 has the embedding of the reference")
  func anchors() {
    let values = TimestepEmbedding.values(levels: [500.5504505], channels: 256).values
    // An angle of 500 in single precision has steps of 3e-5, and the anchors are those of the exact angle.
    let bound: Float = 4e-5
    let cosines: [Float] = [-0.508617048, 0.665568137, 0.996725009]
    let sines: [Float] = [-0.860992856, 0.746337092, -0.0808656697]
    for index in 0..<3 {
      #expect(abs(values[index] - cosines[index]) < bound)
      #expect(abs(values[128 + index] - sines[index]) < bound)
    }
    let last = TimestepEmbedding.values(levels: [1], channels: 256).values[255]
    #expect(abs(last / 1.07460783e-4 - 1) < 1e-6)
  }

  @Test("SiLU and its gradient are those of double precision")
  func activation() {
    let input = Tensor(shape: [5], values: [-100, -2, 0, 0.5, 30])
    let output = input.sigmoidLinearUnit()
    let gradient = Tensor(shape: [5], values: [1, 1, 1, 1, 1])
      .sigmoidLinearUnitGradient(input: input)
    for (index, value) in input.values.enumerated() {
      func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }
      let x = Double(value)
      #expect(abs(Double(output.values[index]) - silu(x)) < 1e-6 * max(1, abs(x)))
      let slope = (silu(x + 1e-5) - silu(x - 1e-5)) / 2e-5
      #expect(abs(Double(gradient.values[index]) - slope) < 1e-6)
    }
  }
}
