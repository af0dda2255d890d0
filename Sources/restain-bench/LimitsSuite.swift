import CommandLineKit
import Foundation
import Reporting
import Tensors

/// `restain-bench limits`: what this machine can do, against which the other suites are read.
enum LimitsSuite: Suite {
  private static let kernels = Option<KernelFamily?>.optional(
    "kernels", .choice(), "measure this CPU family alone; all that the CPU runs if not given")

  static let description = CommandDescription(
    "limits", "measure multiply-adds, matrix products, memory and JPEG on one thread",
    discussion: """
      For each CPU family: a loop of multiply-adds in registers, which is the peak, the matrix \
      product of the networks, and one of their convolutions, counted as the direct form needs it. \
      Each figure is the best of many runs.
      """,
    options: [kernels.entry])

  private struct Family: Encodable {
    let kernels: String
    let multiplyAddGflops: Double
    let productGflops: Double
    let convolutionGflops: Double

    private enum CodingKeys: String, CodingKey {
      case kernels
      case multiplyAddGflops = "fma_gflops"
      case productGflops = "product_gflops"
      case convolutionGflops = "convolution_gflops"
    }
  }

  private struct Measurement: Encodable {
    let openblasCore: String
    let openblasGflops: Double
    let families: [Family]
    let copyGigabytesPerSecond: Double
    let readGigabytesPerSecond: Double
    let jpegEncodeMegapixelsPerSecond: Double
    let jpegDecodeMegapixelsPerSecond: Double

    private enum CodingKeys: String, CodingKey {
      case families
      case openblasCore = "openblas_core"
      case openblasGflops = "openblas_gflops"
      case copyGigabytesPerSecond = "memory_copy_gb_per_second"
      case readGigabytesPerSecond = "memory_read_gb_per_second"
      case jpegEncodeMegapixelsPerSecond = "jpeg_encode_megapixels_per_second"
      case jpegDecodeMegapixelsPerSecond = "jpeg_decode_megapixels_per_second"
    }
  }

  static func run(_ context: BenchmarkContext) throws {
    let library = try BLASLibrary.prepare(requested: context.requestedCore)
    if let family = context[kernels], !family.isSupported {
      throw UsageError.conflict(
        subject: "--kernels", problem: "this CPU does not run \(family.rawValue)",
        advice: "leave it out to measure all that it runs")
    }
    let families = KernelFamily.allCases.filter {
      $0.isSupported && (context[kernels].map { [$0] } ?? KernelFamily.allCases).contains($0)
    }
    let jpeg = try PictureLimits.measured(context)
    let measurement = Measurement(
      openblasCore: library.coreName, openblasGflops: ArithmeticLimits.matrixLibrary(context),
      families: families.map { family in
        Family(
          kernels: family.rawValue,
          multiplyAddGflops: ArithmeticLimits.multiplyAdds(family, context),
          productGflops: ArithmeticLimits.product(family, context),
          convolutionGflops: ArithmeticLimits.convolution(family, context))
      },
      copyGigabytesPerSecond: MemoryLimits.copying(context),
      readGigabytesPerSecond: MemoryLimits.reading(context),
      jpegEncodeMegapixelsPerSecond: jpeg.encode, jpegDecodeMegapixelsPerSecond: jpeg.decode)
    try context.report(measurement, line: text(measurement))
  }

  private static func text(_ measurement: Measurement) -> String {
    func number(_ value: Double) -> String { HumanText.fixed(value, decimals: 1) }
    let families = measurement.families.map { family in
      "\(family.kernels)  multiply-adds \(number(family.multiplyAddGflops)) GFLOP/s, "
        + "product \(number(family.productGflops)), convolution \(number(family.convolutionGflops))"
    }
    return
      (families + [
        "OpenBLAS \(measurement.openblasCore)  \(number(measurement.openblasGflops)) GFLOP/s",
        "memory  copy \(number(measurement.copyGigabytesPerSecond)) GB/s, "
          + "read \(number(measurement.readGigabytesPerSecond)) GB/s",
        "JPEG  encode \(number(measurement.jpegEncodeMegapixelsPerSecond)) Mpx/s, "
          + "decode \(number(measurement.jpegDecodeMegapixelsPerSecond)) Mpx/s",
      ]).joined(separator: "\n")
  }
}

extension BenchmarkContext {
  /// The least seconds of at least five runs, repeated for half a second.
  ///
  /// This is what the machine can do, not what else it was doing: runs of a few milliseconds often fit
  /// between two interruptions.
  func leastSeconds(_ work: () throws -> Void) rethrows -> Double {
    var (least, total, count) = (Double.infinity, 0.0, 0)
    while count < 5 || total < 0.5 {
      let one = try seconds(work)
      least = min(least, one)
      total += one
      count += 1
    }
    return least
  }
}
