import Networks
import Reporting
import Tensors

/// The speed of one convolution of a network.
struct LayerMeasurement: Encodable {
  let layer: String
  let algorithm: String
  /// Multiply-adds for one tile by the definition, in units of 10⁹.
  let gmac: Double
  let milliseconds: Double
  /// By the definition: Winograd's algorithm may exceed the peak.
  let gflops: Double
  /// Times all threads.
  let shareOfPeak: Double

  private enum CodingKeys: String, CodingKey {
    case layer, algorithm, gmac, milliseconds, gflops
    case shareOfPeak = "share_of_peak"
  }

  private struct Summary: Encodable {
    let layers: Int
    let milliseconds: Double
    let gflops: Double
    let peakGflops: Double
    let threads: Int
    let batch: Int
    let kernels: String

    private enum CodingKeys: String, CodingKey {
      case layers, milliseconds, gflops, threads, batch, kernels
      case peakGflops = "peak_gflops"
    }
  }

  /// Measures the layers of the network that the options name, one line each, and all together.
  static func report(_ context: BenchmarkContext) throws {
    let compute = context.computeContext
    let batch = context[NetworkOptions.batch]
    let side = NetworkWork.side
    let layers: [NetworkLayer] =
      switch context[NetworkOptions.architecture] {
      case .pix2pix:
        UNetGenerator(baseChannels: context[NetworkOptions.channels], seed: 1)
          .layers(height: side, width: side)
      case .bridge: try context.bridgeConfiguration.layers(height: side, width: side)
      }
    let peak =
      ArithmeticLimits.multiplyAdds(compute.kernels, context) * Double(context.threadCount)
    var measurements: [LayerMeasurement] = []
    for layer in layers {
      let milliseconds = 1e3 * seconds(layer, batch: batch, compute, context) / Double(batch)
      let gmac = Double(layer.multiplyAddCount) / 1e9
      let gflops = 2e3 * gmac / milliseconds
      let measurement = LayerMeasurement(
        layer: layer.name, algorithm: name(layer.convolution.algorithm), gmac: gmac,
        milliseconds: milliseconds, gflops: gflops, shareOfPeak: gflops / peak)
      measurements.append(measurement)
      try context.report(measurement, line: measurement.line)
    }
    let total = measurements.reduce(0) { $0 + $1.milliseconds }
    let summary = Summary(
      layers: measurements.count, milliseconds: total,
      gflops: 2e3 * measurements.reduce(0) { $0 + $1.gmac } / total, peakGflops: peak,
      threads: context.threadCount, batch: batch, kernels: compute.kernels.rawValue)
    try context.report(
      summary,
      line: "\(HumanText.fixed(total, decimals: 2)) ms a tile, "
        + "\(HumanText.fixed(summary.gflops, decimals: 0)) GFLOP/s of a peak of "
        + "\(HumanText.fixed(peak, decimals: 0)) on \(context.threadCount) threads")
  }

  private var line: String {
    let columns = [
      layer.padding(to: 60), algorithm.padding(to: 14),
      "\(HumanText.fixed(milliseconds, decimals: 3)) ms".padding(to: 12),
      "\(HumanText.fixed(gflops, decimals: 0)) GFLOP/s".padding(to: 14),
      "\(HumanText.fixed(100 * shareOfPeak, decimals: 0)) % of the peak",
    ]
    return columns.joined()
  }

  private static func name(_ algorithm: ConvolutionAlgorithm) -> String {
    switch algorithm {
    case .direct: "direct"
    case .winograd(let transform): "F(\(transform.outputSize),\(transform.kernelSize))"
    }
  }

  private static func seconds(
    _ layer: NetworkLayer, batch: Int, _ compute: ComputeContext, _ context: BenchmarkContext
  ) -> Double {
    let (convolution, shape) = (layer.convolution, layer.convolution.shape)
    let weights = noise([convolution.weightCount], seed: 1).values
    guard layer.isTransposed else {
      let input = noise(
        [
          batch, layer.height + 2 * shape.padding, layer.width + 2 * shape.padding,
          convolution.inputChannels,
        ], seed: 2)
      let packed = convolution.packed(weights, context: compute)
      return context.leastSeconds {
        _ = convolution.forward(input, weights: packed, context: compute)
      }
    }
    let border = 2 * shape.adjointPadding
    let input = noise(
      [
        batch, shape.outputLength(layer.height) + border,
        shape.outputLength(layer.width) + border, convolution.outputChannels,
      ], seed: 2)
    let packed = convolution.adjointPacked(weights, context: compute)
    return context.leastSeconds {
      _ = convolution.adjoint(
        input, weights: packed, height: layer.height, width: layer.width, context: compute)
    }
  }

  /// Cheap numbers that are neither equal nor denormal.
  private static func noise(_ shape: [Int], seed: Int) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(
      shape: shape,
      values: (0..<count).map { Float(($0 &* 7919 &+ seed &* 104_729) % 4096) / 4096 - 0.5 })
  }
}

extension String {
  /// Spaces up to a column.
  fileprivate func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(1, width - count))
  }
}
