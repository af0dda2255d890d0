import Tensors
import Testing

struct BatchNormalizationTests {
  /// Sums of 126 numbers of size 1 in single precision, then a division: 126 · 6e-8 ≈ 8e-6, doubled.
  private static let bound = 2e-5

  private let context = ComputeContext(parallelism: Parallelism(threadCount: 2))
  private let input = normals([2, 9, 7, 11], seed: 1)
  private let weight = normals([11], seed: 2).values
  private let bias = normals([11], seed: 3).values

  /// γ · (x − mean) / √(variance + ε) + β over all pixels, in double precision.
  private func naive(_ values: [Double]) -> [Double] {
    let channels = weight.count
    let count = Double(values.count / channels)
    var result = values
    for channel in 0..<channels {
      let column = stride(from: channel, to: values.count, by: channels)
      let mean = column.reduce(0) { $0 + values[$1] } / count
      let variance = column.reduce(0) { $0 + (values[$1] - mean) * (values[$1] - mean) } / count
      for index in column {
        result[index] =
          Double(weight[channel]) * (values[index] - mean) / (variance + 1e-5).squareRoot()
          + Double(bias[channel])
      }
    }
    return result
  }

  @Test("statistics of the batch normalise to the given factor and offset")
  func forward() {
    let statistics = BatchNormalization.statistics(input, scope: .batch, context: context)
    let affine = BatchNormalization.affine(statistics, weight: weight[...], bias: bias[...])
    let output = Rectification(slope: 1)
      .forward([RectificationInput(input, affine: affine)], border: 0, context: context)
    expectClose(output.values, naive(input.values.map { Double($0) }), bound: Self.bound)
  }

  @Test("the backward pass agrees with central differences in double precision")
  func gradient() {
    let slopes = normals(input.shape, seed: 4)
    let statistics = BatchNormalization.statistics(input, scope: .batch, context: context)
    let gradient = BatchNormalization.backward(
      slopes, input: input, statistics: statistics, weight: weight[...], border: 0,
      context: context)
    func loss(_ values: [Double]) -> Double {
      zip(naive(values), slopes.values).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    let values = input.values.map { Double($0) }
    let step = 1e-5
    let expected = stride(from: 0, to: values.count, by: 13).map { index in
      var above = values
      var below = values
      above[index] += step
      below[index] -= step
      return (loss(above) - loss(below)) / (2 * step)
    }
    let found = stride(from: 0, to: values.count, by: 13).map { gradient.input.values[$0] }
    expectClose(found, expected, bound: Self.bound)
    for channel in 0..<11 {
      let column = stride(from: channel, to: values.count, by: 11)
      let normalized = (0..<values.count).map { index in
        (Double(input.values[index]) - Double(statistics.mean[index % 11]))
          / (Double(statistics.variance[index % 11]) + 1e-5).squareRoot()
      }
      let weightSlope = column.reduce(0) { $0 + Double(slopes.values[$1]) * normalized[$1] }
      let biasSlope = column.reduce(0) { $0 + Double(slopes.values[$1]) }
      #expect(abs(Double(gradient.weight[channel]) - weightSlope) < 126 * Self.bound)
      #expect(abs(Double(gradient.bias[channel]) - biasSlope) < 126 * Self.bound)
    }
  }

  @Test("the gradient's border is zero and its inside that without border")
  func border() {
    let slopes = normals(input.shape, seed: 4)
    let statistics = BatchNormalization.statistics(input, scope: .batch, context: context)
    func run(_ border: Int) -> Tensor {
      BatchNormalization.backward(
        slopes, input: input, statistics: statistics, weight: weight[...], border: border,
        context: context
      ).input
    }
    #expect(run(2) == Bordered.copy(run(0), border: 2, context: context))
  }

  @Test("statistics of a sample are those of that sample alone")
  func samples() {
    let all = BatchNormalization.statistics(input, scope: .sample, context: context)
    #expect(all.groupCount == 2)
    for sample in 0..<2 {
      let values = Array(input.values[sample * 693..<(sample + 1) * 693])
      let alone = BatchNormalization.statistics(
        Tensor(shape: [1, 9, 7, 11], values: values), scope: .batch, context: context)
      #expect(alone.mean[...] == all.mean[sample * 11..<(sample + 1) * 11])
      #expect(alone.variance[...] == all.variance[sample * 11..<(sample + 1) * 11])
    }
  }

  @Test("a large mean does not spoil a small variance")
  func cancellation() {
    var shifted = normals([1, 32, 32, 8], seed: 5)
    for index in shifted.values.indices { shifted.values[index] += 1000 }
    let statistics = BatchNormalization.statistics(shifted, scope: .batch, context: context)
    let mean = shifted.values.reduce(0.0) { $0 + Double($1) } / Double(shifted.count)
    #expect(abs(Double(statistics.mean.reduce(0, +)) / 8 - mean) < 1e-3)
    // 1,024 draws: the variance's own deviation is √(2 / 1024) = 0.044.
    #expect(statistics.variance.allSatisfy { abs($0 - 1) < 5 * 0.044 })
  }
}
