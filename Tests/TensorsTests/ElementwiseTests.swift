import Foundation
import Tensors
import Testing

struct ElementwiseTests {
  private let context = ComputeContext()

  @Test("the hyperbolic tangent is right to 3e-7 of itself", arguments: supportedKernels)
  func hyperbolicTangent(kernels: KernelFamily) {
    var values: [Float] = []
    for power in -30...3 {
      for digit in 8..<16 {
        let value = Float(digit) / 8 * Float(sign: .plus, exponent: power, significand: 1)
        values += [value, -value]
      }
    }
    values += [0, 0.624_999_9, 0.625, 9.1, 20, 1e30, -1e30, .infinity, -.infinity]
    let context = ComputeContext(kernels: kernels)
    let found = Tensor(shape: [values.count], values: values).hyperbolicTangent(context: context)
    for (x, y) in zip(values, found.values) {
      let expected = tanh(Double(x))
      #expect(abs(Double(y) - expected) <= 3e-7 * abs(expected), "tanh(\(x)) = \(y)")
    }
  }

  @Test("the gradient of a hyperbolic tangent is 1 − y²")
  func hyperbolicTangentGradient() {
    let result = Tensor(shape: [3], values: [0, 0.5, -1])
    let gradient = Tensor(shape: [3], values: [2, 2, 2])
      .hyperbolicTangentGradient(result: result, context: context)
    #expect(gradient.values == [2, 1.5, 0])
  }

  @Test("dropout keeps half, doubles it, and treats each sample by its own sequence")
  func dropout() {
    let sequences = (0..<3).map { CounterRandom(seed: 5, stream: $0) }
    let factors = Dropout.factors(
      shape: [3, 8, 8, 50], sequences: sequences, context: context)
    #expect(Set(factors.values) == [0, 2])
    let kept = factors.values.count { $0 == 2 }
    // 9,600 draws: deviation √9600 / 2 = 49.
    #expect(abs(kept - 4800) < 5 * 49)
    let second = Dropout.factors(
      shape: [1, 8, 8, 50], sequences: [sequences[1]], context: context)
    #expect(second.values[...] == factors.values[3200..<6400])
  }

  @Test("cross-entropy at logit 0 is ln 2 and stays finite far out")
  func crossEntropy() {
    let zero = Losses.binaryCrossEntropy(
      logits: Tensor(zeros: [2, 3, 3, 1]), target: 1)
    #expect(abs(zero.value - 0.693147180559945) < 1e-15)
    let far = Losses.binaryCrossEntropy(
      logits: Tensor(shape: [2], values: [1e4, -1e4]), target: 1)
    #expect(far.value == 5e3)
    #expect(far.gradient.values == [0, -0.5])
  }

  @Test("the losses' gradients agree with central differences", arguments: [0.0, 1.0])
  func lossGradients(target: Double) {
    let logits = normals([40], seed: 1)
    let truth = normals([40], seed: 2)
    let cross = Losses.binaryCrossEntropy(logits: logits, target: target, weight: 3)
    let difference = Losses.absoluteDifference(prediction: logits, target: truth, weight: 3)
    // Exact in binary, and small against the curvature; values are in double precision.
    let step: Float = 0x1p-10
    for index in 0..<40 {
      func slope(_ loss: (Tensor) -> Double) -> Double {
        var (above, below) = (logits, logits)
        above.values[index] += step
        below.values[index] -= step
        let width = Double(above.values[index]) - Double(below.values[index])
        return 3 * (loss(above) - loss(below)) / width
      }
      let crossSlope = slope { Losses.binaryCrossEntropy(logits: $0, target: target).value }
      #expect(abs(Double(cross.gradient.values[index]) - crossSlope) < 1e-7)
      guard abs(logits.values[index] - truth.values[index]) > 2 * step else { continue }
      let plainSlope = slope { Losses.absoluteDifference(prediction: $0, target: truth).value }
      #expect(abs(Double(difference.gradient.values[index]) - plainSlope) < 1e-7)
    }
  }

  @Test("ten steps of Adam follow the algorithm in double precision", arguments: supportedKernels)
  func adam(kernels: KernelFamily) {
    let count = 21
    let context = ComputeContext(kernels: kernels)
    let rule = AdamStep(beta1: 0.5, beta2: 0.999, epsilon: 1e-8)
    var parameters = normals([count], seed: 1).values
    var first = [Float](repeating: 0, count: count)
    var second = first
    var expected = parameters.map { Double($0) }
    var m = [Double](repeating: 0, count: count)
    var v = m
    for step in 1...10 {
      let gradient = normals([count], seed: UInt64(100 + step)).values
      rule.apply(
        parameters: &parameters, first: &first, second: &second, gradient: gradient, rate: 0.01,
        step: step, context: context)
      for index in 0..<count {
        let g = Double(gradient[index])
        m[index] = 0.5 * m[index] + 0.5 * g
        v[index] = 0.999 * v[index] + 0.001 * g * g
        let mean = m[index] / (1 - pow(0.5, Double(step)))
        let square = v[index] / (1 - pow(0.999, Double(step)))
        expected[index] -= 0.01 * mean / (square.squareRoot() + 1e-8)
      }
    }
    // Ten roundings of parameters below 4.
    expectClose(parameters, expected, bound: 10 * 4 * 6e-8)
  }
}
