import CommandLineKit
import Pictures
import Rasters
import Reporting
import Tensors

/// `restain-bench limits`: what this machine can do, against which the other suites are read.
enum LimitsSuite: Suite {
  static let description = CommandDescription(
    "limits", "measure matrix products, memory and JPEG on one thread",
    options: [NetworkOptions.kernels.entry])

  private struct Measurement: Encodable {
    let openblasCore: String
    let openblasGflops: Double
    let kernels: String
    let convolutionGflops: Double
    let memoryGigabytesPerSecond: Double
    let jpegEncodeMegapixelsPerSecond: Double

    private enum CodingKeys: String, CodingKey {
      case kernels
      case openblasCore = "openblas_core"
      case openblasGflops = "openblas_gflops"
      case convolutionGflops = "convolution_gflops"
      case memoryGigabytesPerSecond = "memory_gb_per_second"
      case jpegEncodeMegapixelsPerSecond = "jpeg_encode_megapixels_per_second"
    }
  }

  static func run(_ context: BenchmarkContext) throws {
    let library = try BLASLibrary.prepare()
    let kernels = context[NetworkOptions.kernels] ?? .best
    let measurement = Measurement(
      openblasCore: library.coreName, openblasGflops: product(context),
      kernels: kernels.rawValue, convolutionGflops: convolution(kernels, context),
      memoryGigabytesPerSecond: memory(context), jpegEncodeMegapixelsPerSecond: try jpeg(context))
    try context.report(
      measurement,
      line: """
        OpenBLAS \(library.coreName)  \(HumanText.fixed(measurement.openblasGflops, decimals: 1)) GFLOP/s
        convolution \(kernels.rawValue)  \(HumanText.fixed(measurement.convolutionGflops, decimals: 1)) GFLOP/s
        memory copy  \(HumanText.fixed(measurement.memoryGigabytesPerSecond, decimals: 1)) GB/s
        JPEG encode  \(HumanText.fixed(measurement.jpegEncodeMegapixelsPerSecond, decimals: 0)) Mpx/s
        """)
  }

  /// The best of several runs: what the machine can do, not what else it was doing.
  private static func best(
    _ context: BenchmarkContext, _ work: () throws -> Void
  ) rethrows -> Double {
    var least = Double.infinity
    for _ in 0..<5 { least = min(least, try context.seconds(work)) }
    return least
  }

  private static func noise(_ shape: [Int], seed: UInt64) -> Tensor {
    let random = CounterRandom(seed: seed, stream: 0)
    let count = shape.reduce(1, *)
    return Tensor(shape: shape, values: (0..<count).map { random.uniform(at: UInt64($0)) - 0.5 })
  }

  private static func product(_ context: BenchmarkContext) -> Double {
    let side = 1024
    let left = noise([side, side], seed: 1)
    let right = noise([side, side], seed: 2)
    let seconds = best(context) { _ = BLASLibrary.product(left, right) }
    return 2 * Double(side * side * side) / seconds / 1e9
  }

  /// The fifth layer of the 64-channel generator, 256 → 512 channels at 32 × 32 pixels.
  private static func convolution(_ kernels: KernelFamily, _ context: BenchmarkContext) -> Double {
    let compute = ComputeContext(parallelism: .serial, kernels: kernels)
    let layer = Convolution(shape: .halving, inputChannels: 256, outputChannels: 512)
    let weights = layer.packed(noise([4, 4, 256, 512], seed: 3).values, context: compute)
    let input = noise([1, 34, 34, 256], seed: 4)
    let seconds = best(context) { _ = layer.forward(input, weights: weights, context: compute) }
    return 2 * Double(16 * 16 * 16 * 256 * 512) / seconds / 1e9
  }

  /// Bytes read and written a second by a copy that is larger than the caches.
  private static func memory(_ context: BenchmarkContext) -> Double {
    let byteCount = 256 << 20
    let source = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    let target = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    defer {
      source.deallocate()
      target.deallocate()
    }
    for index in stride(from: 0, to: byteCount, by: 4096) { source[index] = 1 }
    let seconds = best(context) { target.copyMemory(from: UnsafeRawBufferPointer(source)) }
    return 2 * Double(byteCount) / seconds / 1e9
  }

  private static func jpeg(_ context: BenchmarkContext) throws -> Double {
    let side = 1024
    let random = CounterRandom(seed: 5, stream: 0)
    var image = RGBImage(width: side, height: side)
    for y in 0..<side {
      for x in 0..<side {
        // Structures of a few pixels, as tissue has.
        let level = random.bits(at: UInt64((y / 6) * side + x / 6)) & 0x3F
        image[x, y] = RGBColor(red: 160 + UInt8(level), green: 90 + UInt8(level), blue: 170)
      }
    }
    let seconds = try best(context) {
      _ = try PictureFile.jpegBytes(of: image, quality: 85, name: "benchmark")
    }
    return Double(side * side) / seconds / 1e6
  }
}
