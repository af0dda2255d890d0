import Foundation
import Tensors
import Testing

struct AttentionTests {
  /// Scalar products of 20 numbers of size 1, an exponential off by 2e-7, means of values up to 4: 1e-6 of up
  /// to 10, doubled.
  private static let bound = 2e-5

  /// Two heads of 20 channels: more than one vector of any family, and no multiple of one.
  private let attention = Attention(headCount: 2, headChannels: 20)
  private let input = normals([2, 5, 7, 120], seed: 1)

  private func naive(_ x: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: 2 * 35 * 40)
    for sample in 0..<2 {
      for head in 0..<2 {
        func value(_ token: Int, _ part: Int, _ channel: Int) -> Double {
          x[(sample * 35 + token) * 120 + head * 60 + part * 20 + channel]
        }
        for query in 0..<35 {
          let scores = (0..<35).map { key in
            (0..<20).reduce(0) { $0 + value(query, 0, $1) * value(key, 1, $1) } / 20.squareRoot()
          }
          let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
          let total = weights.reduce(0, +)
          for channel in 0..<20 {
            result[(sample * 35 + query) * 40 + head * 20 + channel] =
              (0..<35).reduce(0) { $0 + weights[$1] * value($1, 2, channel) } / total
          }
        }
      }
    }
    return result
  }

  @Test(
    "every query gets the mean of the values, weighted by its keys", arguments: supportedKernels)
  func forward(kernels: KernelFamily) {
    let context = ComputeContext(parallelism: Parallelism(threadCount: 3), kernels: kernels)
    let output = attention.forward(input, context: context)
    expectClose(output.values, naive(input.values.map { Double($0) }), bound: Self.bound)
    #expect(
      attention.forward(input, context: ComputeContext(parallelism: .serial, kernels: kernels))
        == output)
  }

  @Test("a head's values change the channels of that head alone")
  func layout() {
    let four = Attention(headCount: 4, headChannels: 64)
    var input = normals([1, 2, 2, 768], seed: 2)
    for index in input.values.indices {
      // Values of heads 0, 1 and 2 are zero.
      let channel = index % 768
      if channel % 192 >= 128 && channel < 576 { input.values[index] = 0 }
    }
    let output = four.forward(input, context: ComputeContext())
    for (index, value) in output.values.enumerated() {
      #expect((value != 0) == (index % 256 >= 192))
    }
  }

  @Test("large scores neither overflow nor lose the largest")
  func large() {
    var input = normals([1, 1, 40, 60], seed: 3)
    for index in input.values.indices where index % 60 < 40 { input.values[index] *= 100 }
    let output = Attention(headCount: 1, headChannels: 20)
      .forward(input, context: ComputeContext())
    #expect(output.values.allSatisfy { $0.isFinite && abs($0) < 5 })
  }

  @Test(
    "the backward pass agrees with central differences in double precision",
    arguments: supportedKernels)
  func gradient(kernels: KernelFamily) {
    let context = ComputeContext(parallelism: Parallelism(threadCount: 3), kernels: kernels)
    let slopes = normals([2, 5, 7, 40], seed: 4)
    let gradient = attention.backward(slopes, input: input, context: context)
    let values = input.values.map { Double($0) }
    func loss(_ values: [Double]) -> Double {
      zip(naive(values), slopes.values).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    let places = Array(stride(from: 0, to: input.count, by: 287))
    let expected = places.map { index in
      var (above, below) = (values, values)
      above[index] += 1e-5
      below[index] -= 1e-5
      return (loss(above) - loss(below)) / 2e-5
    }
    expectClose(places.map { gradient.values[$0] }, expected, bound: 5 * Self.bound)
    #expect(
      attention.backward(
        slopes, input: input, context: ComputeContext(parallelism: .serial, kernels: kernels))
        == gradient)
  }
}
