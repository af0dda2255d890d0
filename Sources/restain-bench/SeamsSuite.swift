import CommandLineKit
import Foundation
import Networks
import Pyramids
import Rasters
import Reporting
import Slides
import Staining
import Stitching
import Tensors

/// `restain-bench seams SLIDE --model M`: how much tile borders show, and what keeps them from showing.
enum SeamsSuite: Suite {
  /// How a slide is put together from tiles.
  enum Way: String, CaseIterable, Sendable {
    /// As `convert` does.
    case blended
    /// With `--joint`.
    case joint
    /// Blended, but every tile with noise of its own.
    case unshared
    /// `--overlap 0`: side by side.
    case unblended
  }

  static let model = Option<String>.required("model", .path("M"), "bridge that train i2sb wrote")
  static let steps = Option<[Int]>.value(
    "steps", .stepCounts, default: "1,4,10", "evaluations of the network, with commas between them")
  static let ways = Option<[Way]>.repeated(
    "way", .choice(), "blended, joint, unshared or unblended; may be repeated; all if not given")
  static let sampler = Option<BridgeSampler.Kind?>.optional(
    "sampler", .choice(), "how the bridge is walked; the card's way if not given")

  static let description = CommandDescription(
    "seams", "convert a slide in several ways and measure its tile borders",
    discussion: """
      Writes uncompressed pyramids into a temporary folder. The score of the slide itself, as if it had \
      been put together from the same tiles, comes first, then the range of its scores for grids of tiles that \
      begin elsewhere: what chance leaves, the more the smaller the slide.
      """,
    operands: [Operand("SLIDE", "any slide that OpenSlide opens")],
    options: [model.entry, steps.entry, ways.entry, sampler.entry])

  private struct Measurement: Encodable {
    let way: String
    let steps: Int?
    let seamScore: Double?
    let seamZValue: Double?
    let lowFrequencySeamScore: Double?
    let seconds: Double?

    private enum CodingKeys: String, CodingKey {
      case way, steps, seconds
      case seamScore = "seam_score"
      case seamZValue = "seam_z"
      case lowFrequencySeamScore = "seam_score_low_frequency"
    }

    init(way: String, steps: Int?, score: SeamScore, seconds: Double?) {
      self.way = way
      self.steps = steps
      self.seconds = seconds
      seamScore = score.score
      seamZValue = score.zValue
      lowFrequencySeamScore = score.lowFrequencyScore
    }

    var line: String {
      func text(_ value: Double?) -> String {
        value.map { HumanText.fixed($0, decimals: 3) } ?? "none"
      }
      let name = steps.map { "\(way), \($0) steps" } ?? way
      let padding = String(repeating: " ", count: max(1, 24 - name.count))
      return name + padding + "seam score \(text(seamScore)) (z \(text(seamZValue))), "
        + "low frequency \(text(lowFrequencySeamScore))"
    }
  }

  static func run(_ context: BenchmarkContext) throws {
    let path = context.arguments.operands[0]
    let slide = try Slide(path: path)
    let model = try StainModel(path: context[model])
    try reportChance(slide, context)
    let chosen = context[ways].isEmpty ? Way.allCases : context[ways]
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("restain-bench-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // Nothing depends on the removal of a temporary folder.
    defer { try? FileManager.default.removeItem(at: folder) }
    for count in context[steps] {
      for way in chosen {
        var options = ConversionOptions()
        options.compression = .none
        options.bridge.evaluations = count
        options.bridge.sampler = context[sampler]
        options.bridge.isJoint = way == .joint
        options.bridge.hasTileNoise = way == .unshared
        if way == .unblended { options.overlap = 0 }
        let conversion = try SlideConversion(
          slide: slide, model: model, modelPath: context[Self.model], options: options,
          restainVersion: "benchmark",
          context: ComputeContext(parallelism: Parallelism(threadCount: context.threadCount)))
        var score: SeamScore?
        let seconds = try context.seconds {
          score = try conversion.run(
            to: folder.appendingPathComponent("out.tif").path, replaces: true
          ).seam
        }
        guard let score else { continue }
        let measurement = Measurement(
          way: way.rawValue, steps: count, score: score, seconds: seconds)
        try context.report(measurement, line: measurement.line)
      }
    }
  }

  /// The scores of a slide that is not made of tiles.
  private static func reportChance(_ slide: Slide, _ context: BenchmarkContext) throws {
    func score(_ shift: Int) throws -> SeamScore {
      let source = MovedSource(source: slide.level0Source, shift: shift)
      return try SeamScore.measured(
        on: source, plan: TilePlan(width: source.width, height: source.height))
    }
    let truth = Measurement(
      way: "the slide itself", steps: nil, score: try score(0), seconds: nil)
    try context.report(truth, line: truth.line)
    let stride = TilePlan(width: slide.width, height: slide.height).stride
    guard min(slide.width, slide.height) >= 4 * stride else { return }
    let others = try Swift.stride(from: 8, to: stride, by: 8)
      .map { try score($0) }.sorted { ($0.score ?? 0) < ($1.score ?? 0) }
    for (name, index) in [("least", 0), ("median", others.count / 2), ("most", others.count - 1)] {
      let other = Measurement(
        way: "\(name) of \(others.count) grids", steps: nil, score: others[index], seconds: nil)
      try context.report(other, line: other.line)
    }
  }
}

/// A raster without its first columns and rows.
private struct MovedSource: PixelSource {
  let source: any PixelSource
  let shift: Int

  var width: Int { source.width - shift }
  var height: Int { source.height - shift }

  func read(_ region: PixelRegion) throws -> RGBImage {
    try source.read(
      PixelRegion(
        x: region.x + shift, y: region.y + shift, width: region.width, height: region.height))
  }
}

extension ValueKind where Value == [Int] {
  /// Whole numbers with commas between them.
  fileprivate static var stepCounts: Self {
    Self("NFE,…", expected: "whole numbers from 1 to 99999 with commas between them") { text in
      let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        Int(part).flatMap { (1...99_999).contains($0) ? $0 : nil }
      }
      return numbers.contains(nil) ? nil : numbers.compactMap { $0 }
    }
  }
}
