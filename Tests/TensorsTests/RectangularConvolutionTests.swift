import Tensors
import Testing

/// Convolutions with windows of any form, against sums written out, and poolings.
@Suite("Rectangular convolutions and poolings")
struct RectangularConvolutionTests {
  /// Sums of at most 288 products of numbers within ±1, rounded to 6e-8 each, in another order; Winograd's
  /// transform rounds by 1e-6 of a sum's size.
  private static let absolute: Float = 1e-4

  private struct Window: Sendable, CustomTestStringConvertible {
    let rows: Int
    let columns: Int
    var stride = 1
    var isPadded = true
    var inputs = 5
    var outputs = 18
    var testDescription: String { "\(rows) × \(columns), stride \(stride), \(inputs) channels" }
  }

  private static let windows = [
    Window(rows: 1, columns: 1), Window(rows: 5, columns: 5), Window(rows: 1, columns: 7),
    Window(rows: 7, columns: 1), Window(rows: 1, columns: 3), Window(rows: 3, columns: 1),
    Window(rows: 3, columns: 3, stride: 2, isPadded: false), Window(rows: 3, columns: 3),
    Window(rows: 3, columns: 3, isPadded: false),
    // By Winograd's algorithm.
    Window(rows: 3, columns: 3, inputs: 32, outputs: 16),
    Window(rows: 3, columns: 3, isPadded: false, inputs: 32, outputs: 16),
  ]

  private static func numbers(_ count: Int, stream: UInt64) -> [Float] {
    let random = CounterRandom(seed: 5, stream: stream)
    return (0..<count).map { 2 * random.uniform(at: UInt64($0)) - 1 }
  }

  /// A map inside a border of zeros.
  private static func bordered(_ map: Tensor, _ border: Int) -> BorderedMap {
    var result = BorderedMap(map.map, border: border)
    let channels = map.shape[3]
    let copy = RectangularConvolution(
      rowCount: 1, columnCount: 1, isPadded: false, inputChannels: channels,
      outputChannels: channels)
    let identity = (0..<channels * channels).map { Float($0 / channels == $0 % channels ? 1 : 0) }
    copy.forward(
      BorderedMap(map), weights: copy.packed(identity, context: ComputeContext()), bias: nil,
      slope: 1, into: &result, context: ComputeContext())
    return result
  }

  @Test(
    "every window gives the sum over its taps, rectified, beside other channels", arguments: windows
  )
  private func sums(window: Window) {
    let (height, width) = (11, 13)
    let convolution = RectangularConvolution(
      rowCount: window.rows, columnCount: window.columns, stride: window.stride,
      isPadded: window.isPadded, inputChannels: window.inputs, outputChannels: window.outputs)
    let map = Tensor(
      shape: [2, height, width, window.inputs],
      values: Self.numbers(2 * height * width * window.inputs, stream: 0))
    let weights = Self.numbers(convolution.weightCount, stream: 1)
    let bias = Self.numbers(window.outputs, stream: 2)
    let border = max(convolution.rowPadding, convolution.columnPadding)
    let size = convolution.outputSize(height: height, width: width)
    for kernels in KernelFamily.allCases where kernels.isSupported {
      var results: [[Float]] = []
      for threadCount in [1, 3] {
        let context = ComputeContext(
          parallelism: Parallelism(threadCount: threadCount), kernels: kernels)
        var target = Self.bordered(
          Tensor(zeros: [2, size.height, size.width, window.outputs + 3]), 1)
        convolution.forward(
          Self.bordered(map, border), weights: convolution.packed(weights, context: context),
          bias: bias, slope: 0.5, into: &target, channel: 2, context: context)
        results.append(target.tensor.values)
      }
      #expect(results[0] == results[1])
      var worst: Float = 0
      for sample in 0..<2 {
        for y in -1...size.height {
          for x in -1...size.width {
            let place = ((sample * (size.height + 2) + y + 1) * (size.width + 2) + x + 1)
            for channel in -2...window.outputs {
              let found = results[0][place * (window.outputs + 3) + channel + 2]
              guard y >= 0, x >= 0, y < size.height, x < size.width, channel >= 0,
                channel < window.outputs
              else {
                worst = max(worst, abs(found))
                continue
              }
              var sum = bias[channel]
              for u in 0..<window.rows {
                for v in 0..<window.columns {
                  let row = y * window.stride + u - convolution.rowPadding
                  let column = x * window.stride + v - convolution.columnPadding
                  guard row >= 0, column >= 0, row < height, column < width else { continue }
                  for input in 0..<window.inputs {
                    sum +=
                      map.values[((sample * height + row) * width + column) * window.inputs + input]
                      * weights[
                        ((u * window.columns + v) * window.inputs + input) * window.outputs
                          + channel]
                  }
                }
              }
              worst = max(worst, abs(found - (sum > 0 ? sum : 0.5 * sum)))
            }
          }
        }
      }
      #expect(worst <= Self.absolute, "\(kernels.rawValue)")
    }
  }

  @Test("the mean around a pixel does not count what lies beyond the border")
  func validMean() {
    let ones = Tensor(shape: [1, 4, 5, 3], values: [Float](repeating: 1, count: 60))
    var target = BorderedMap(FeatureMapShape([1, 4, 5, 3]), border: 0)
    Pooling.centredMean.forward(
      BorderedMap(ones), into: &target, context: ComputeContext())
    #expect(target.tensor.values.allSatisfy { $0 == 1 })
  }

  @Test(
    "a pooling takes its windows inside the map, whatever the border and for any channel",
    arguments: [Pooling.halvingMaximum, .centredMaximum, .centredMean])
  func poolings(pooling: Pooling) {
    let (height, width, channels) = (9, 7, 11)
    let map = Tensor(
      shape: [2, height, width, channels],
      // Below 0, so that a border of zeros would show.
      values: Self.numbers(2 * height * width * channels, stream: 3).map { $0 - 2 })
    let (high, wide) = (pooling.outputLength(height), pooling.outputLength(width))
    #expect(
      high == (pooling == .halvingMaximum ? 4 : 9) && wide == (pooling == .halvingMaximum ? 3 : 7))
    var target = BorderedMap(FeatureMapShape([2, high, wide, channels + 1]), border: 0)
    pooling.forward(
      Self.bordered(map, 2), into: &target, channel: 1,
      context: ComputeContext(parallelism: Parallelism(threadCount: 2)))
    for sample in 0..<2 {
      for y in 0..<high {
        for x in 0..<wide {
          for channel in 0..<channels {
            var values: [Float] = []
            for u in 0..<3 {
              for v in 0..<3 {
                let row = pooling == .halvingMaximum ? 2 * y + u : y + u - 1
                let column = pooling == .halvingMaximum ? 2 * x + v : x + v - 1
                guard row >= 0, column >= 0, row < height, column < width else { continue }
                values.append(
                  map.values[((sample * height + row) * width + column) * channels + channel])
              }
            }
            let found = target.tensor.values[
              ((sample * high + y) * wide + x) * (channels + 1) + channel + 1]
            let expected =
              pooling == .centredMean
              ? values.reduce(0, +) / Float(values.count) : values.max() ?? .nan
            #expect(abs(found - expected) <= 1e-6)
          }
        }
      }
    }
  }

  @Test("the means of a map are those of each sample's pixels, without the border")
  func means() {
    let map = Tensor(shape: [2, 2, 1, 2], values: [1, 2, 3, 4, 5, 6, 7, 9])
    #expect(Self.bordered(map, 1).means == [[2, 3], [6, 7.5]])
  }
}
