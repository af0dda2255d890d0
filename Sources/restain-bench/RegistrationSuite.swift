import CommandLineKit
import Pipeline
import Registration
import Reporting
import Slides

/// `restain-bench registration`: how long a pair takes, and how well phantoms are found.
enum RegistrationSuite: Suite {
  static let fixed = Option<String?>.optional("fixed", .path("F"), "the slide that stays")
  static let moving = Option<String?>.optional("moving", .path("M"), "the slide that is warped")
  static let phantoms = Option<Int?>.optional(
    "phantoms", .integer(in: 1...10_000), "register so many phantoms of 4096² at 0.5 µm instead")
  static let seed = Option<UInt64>.value("seed", .seed, default: "1", "the first phantom's seed")
  static let failures = Option.flag(
    "failures", "with --phantoms, also spoil every phantom in every known way")
  static let only = Option<String?>.optional(
    "only", .text("NAME,…"), "with --failures, these ways alone")
  static let fine = Option.flag(
    "fine", "with --phantoms, bend further at 2 µm a pixel (phantoms as they are only)")
  static let overlays = Option<String?>.optional(
    "overlays", .directory("DIR"), "with --phantoms, write each pair's overlay into this folder")
  static let phantomPixelSize = Option<Double>.value(
    "phantom-pixel-size", .number("UM", in: 0.25...4), default: "0.5",
    "with --phantoms, the pixel size that they are drawn at")

  static let pairs = Option<String?>.optional(
    "pairs", .directory("DIR"),
    "register every two slides of a folder with landmarks (NAME.tif, NAME.csv)")
  static let rotation = Option<Double>.value(
    "rotate", .number("DEG", in: -360...360), default: "0",
    "with --pairs, turn the moving section first, counter-clockwise on the screen")
  static let distant = Option<Int?>.optional(
    "distant", .integer(in: 1...1000),
    "register so many pairs of each synthetic tissue cut 15 and 35 µm apart instead")
  static let similarity = Option<RegistrationOptions.Similarity>.value(
    "similarity", .choice(), default: "combined", "with --distant or --pairs, what is maximised")
  static let mirror = Option.flag("mirror", "with --pairs, mirror the moving section first")
  static let ground = Option<Int?>.optional(
    "ground", .integer(in: 0...255),
    "with --pairs, lay the moving section on a larger slide of this grey level")

  static let description = CommandDescription(
    "registration", "register a pair of slides, or phantoms with known truth",
    discussion: """
      Phantoms are turned by anything, mirrored in a quarter, warped by up to 300 µm, and every second \
      one lacks a fifth of its tissue; every fifth is unstained. A phantom is wrong where the median \
      error is larger than 20 µm. With --failures each phantom also comes as a planted failure of every \
      kind: another tissue in the same outline, torn, folded, with pen marks and so on. One that is \
      accepted with a wrong map, or although no map can be right, is a false accept.

      --distant registers sections whose cells differ and whose vessels and glands have changed: what \
      parameters are chosen on.

      --pairs prints the median rTRE and the robustness of every directed pair and their means.
      """,
    options: [
      fixed.entry, moving.entry, phantoms.entry, failures.entry, only.entry, fine.entry,
      overlays.entry, phantomPixelSize.entry, seed.entry, pairs.entry, rotation.entry,
      mirror.entry, ground.entry, distant.entry, similarity.entry,
    ])

  /// The default options with the threads and the similarity that were asked for.
  static func options(_ context: BenchmarkContext) -> RegistrationOptions {
    var options = RegistrationOptions(threadCount: context.threadCount)
    options.similarity = context[similarity]
    return options
  }

  private struct PairMeasurement: Encodable {
    let seconds: Double
    let peakMib: Double
    let status: RegistrationStatus
    let residualMicrons: Double?

    enum CodingKeys: String, CodingKey {
      case seconds, status
      case peakMib = "peak_mib"
      case residualMicrons = "block_residual_um"
    }
  }

  static func run(_ context: BenchmarkContext) throws {
    if let count = context[phantoms] {
      try PhantomTrials(context).measure(count)
    } else if let count = context[distant] {
      try DistantPairs(context: context).measure(count: count, firstSeed: context[seed])
    } else if let folder = context[pairs] {
      try LandmarkPairs(folder: folder, context).measure()
    } else if let reference = context[fixed], let other = context[moving] {
      try measurePair(reference, other, context)
    } else {
      throw UsageError.conflict(
        subject: "registration", problem: "nothing to register",
        advice: "pass --fixed and --moving, --pairs, --distant or --phantoms")
    }
  }

  private static func measurePair(
    _ fixed: String, _ moving: String, _ context: BenchmarkContext
  ) throws {
    let pair = try PairRegistration(
      fixed: Slide(path: fixed), moving: Slide(path: moving),
      options: RegistrationOptions(threadCount: context.threadCount), time: SystemTime())
    let report = pair.result.report
    let measurement = PairMeasurement(
      seconds: report.seconds, peakMib: report.peakMebibytes, status: report.status,
      residualMicrons: report.blockResidualMicrons)
    try context.report(
      measurement,
      line: "\(HumanText.fixed(report.seconds, decimals: 2)) s, "
        + "peak \(HumanText.fixed(report.peakMebibytes, decimals: 0)) MiB, "
        + "\(report.status.rawValue)")
  }
}
