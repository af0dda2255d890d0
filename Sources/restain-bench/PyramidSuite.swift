import CommandLineKit
import Foundation
import Pyramids
import Reporting
import Slides

/// `restain-bench pyramid SLIDE`: how fast a slide becomes a pyramid, and in how much memory.
enum PyramidSuite: Suite {
  static let compression = Option<PyramidCompression>.value(
    "compression", .choice(), default: "jpeg", "how tiles are compressed")
  static let quality = Option<Int>.value(
    "quality", .integer("Q", in: 1...100), default: "90", "JPEG quality")

  static let description = CommandDescription(
    "pyramid", "write a pyramid of a slide into a temporary folder",
    operands: [Operand("SLIDE", "any slide that OpenSlide opens")],
    options: [compression.entry, quality.entry])

  private struct Measurement: Encodable {
    let megapixelsPerSecond: Double
    let peakMib: Double?
    let seconds: Double
    let threads: Int
    let bytes: Int

    private enum CodingKeys: String, CodingKey {
      case seconds, threads, bytes
      case megapixelsPerSecond = "megapixels_per_second"
      case peakMib = "peak_mib"
    }
  }

  static func run(_ context: BenchmarkContext) throws {
    let path = context.arguments.operands[0]
    let slide = try Slide(path: path)
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("restain-bench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // Nothing depends on the removal of a temporary folder.
    defer { try? FileManager.default.removeItem(at: folder) }
    let options = PyramidOptions(
      compression: context[compression], quality: context[quality], pixelSize: slide.pixelSize,
      iccProfile: slide.iccProfile(), description: PyramidDescription(name: "benchmark"))
    var byteCount = 0
    let seconds = try context.seconds {
      byteCount =
        try PyramidCopy.write(
          source: slide.level0Source, path: folder.appendingPathComponent("out.tif").path,
          options: options, threadCount: context.threadCount
        ).byteCount
    }
    let megapixels = Double(slide.width) * Double(slide.height) / 1e6
    let measurement = Measurement(
      megapixelsPerSecond: megapixels / seconds, peakMib: context.peakMib, seconds: seconds,
      threads: context.threadCount, bytes: byteCount)
    try context.report(
      measurement,
      line: "\(HumanText.fixed(measurement.megapixelsPerSecond, decimals: 1)) Mpx/s, "
        + "\(HumanText.duration(seconds)), peak \(HumanText.fixed(measurement.peakMib ?? 0, decimals: 0)) MiB"
    )
  }
}
