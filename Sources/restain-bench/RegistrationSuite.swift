import CommandLineKit
import Foundation
import Phantoms
import Pipeline
import Rasters
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

  static let description = CommandDescription(
    "registration", "register a pair of slides, or phantoms with known truth",
    discussion: """
      Phantoms are turned by anything, mirrored in a quarter, warped by up to 300 µm, and every second \
      one lacks a fifth of its tissue; every fifth is unstained. A phantom is wrong where the median \
      error over 20 µm is larger than 20 µm.

      --distant registers sections whose cells differ and whose vessels and glands have changed: what \
      parameters are chosen on.

      --pairs prints the median rTRE and the robustness of every directed pair and their means.
      """,
    options: [
      fixed.entry, moving.entry, phantoms.entry, seed.entry, pairs.entry, rotation.entry,
      mirror.entry, distant.entry, similarity.entry,
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
      try measurePhantoms(count, context)
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

  private struct PhantomMeasurement: Encodable {
    let seed: UInt64
    let stain: PhantomStain
    let isMirrored: Bool
    let missing: Double
    let warp: Double
    let errorMicrons: Double
    let status: RegistrationStatus
    let reasons: [RegistrationReason]
    let seconds: Double

    var isWrong: Bool { errorMicrons > 20 }

    enum CodingKeys: String, CodingKey {
      case seed, stain, missing, status, reasons, seconds
      case isMirrored = "mirrored"
      case warp = "warp_um"
      case errorMicrons = "tre_median_um"
    }
  }

  private struct PhantomSummary: Encodable {
    let phantoms: Int
    let accepted: Int
    let wrongAndAccepted: Int
    let medianMicrons: Double?
    let peakMib: Double?

    enum CodingKeys: String, CodingKey {
      case phantoms, accepted
      case wrongAndAccepted = "wrong_accepted"
      case medianMicrons = "tre_median_accepted_um"
      case peakMib = "peak_mib"
    }
  }

  private static func measurePhantoms(_ count: Int, _ context: BenchmarkContext) throws {
    var measurements: [PhantomMeasurement] = []
    for index in 0..<UInt64(count) {
      let measurement = try measurePhantom(seed: context[seed] + index, context)
      measurements.append(measurement)
      let reasons = measurement.reasons.map(\.rawValue).joined(separator: " ")
      try context.report(
        measurement,
        line: "\(measurement.seed)  \(measurement.stain.rawValue)  "
          + "\(HumanText.fixed(measurement.errorMicrons, decimals: 1)) µm  "
          + "\(measurement.status.rawValue) \(reasons)")
    }
    let accepted = measurements.filter { $0.status == .ok }
    let errors = accepted.map(\.errorMicrons).sorted()
    let summary = PhantomSummary(
      phantoms: count, accepted: accepted.count,
      wrongAndAccepted: accepted.count { $0.isWrong },
      medianMicrons: errors.isEmpty ? nil : errors[errors.count / 2], peakMib: context.peakMib)
    try context.report(
      summary,
      line: "\(summary.accepted) of \(count) accepted, \(summary.wrongAndAccepted) wrongly, median "
        + HumanText.fixed(summary.medianMicrons ?? 0, decimals: 2) + " µm")
  }

  private static func measurePhantom(
    seed: UInt64, _ context: BenchmarkContext
  ) throws -> PhantomMeasurement {
    var options = PhantomOptions(size: 4096, seed: seed)
    options.stain = seed % 5 == 4 ? .unstained : .immunohistochemistry
    options.isMirrored = seed % 4 == 3
    options.missingShare = seed % 2 == 0 ? 0.2 : 0
    let sections = try warped(options)
    let threads = context.threadCount
    let images = try [sections.fixed, sections.moving].map { section in
      try SectionImage(
        reading: section, sourcePixelSize: section.pixelSize,
        frame: SectionFrame(
          name: "phantom", width: section.width, height: section.height,
          pixelSize: section.pixelSize), threadCount: threads)
    }
    var result: RegistrationResult?
    let seconds = context.seconds {
      result = SectionRegistration.register(
        fixed: images[0], moving: images[1],
        options: RegistrationOptions(threadCount: threads))
    }
    guard let result else { preconditionFailure("the work was not done") }
    return PhantomMeasurement(
      seed: seed, stain: options.stain, isMirrored: options.isMirrored,
      missing: options.missingShare, warp: sections.warpMicrons,
      errorMicrons: medianError(of: result.transform, sections, images),
      status: result.report.status, reasons: result.report.reasons, seconds: seconds)
  }

  /// The sections with the strongest warp of a series up to 300 µm that does not fold.
  private static func warped(_ options: PhantomOptions) throws -> SerialSections {
    let warps = [40.0, 80, 120, 160, 220, 300]
    var options = options
    for index in stride(from: Int(options.seed * 7 % 6), through: 0, by: -1) {
      options.warpMicrons = warps[index]
      do {
        return try SerialSections(options)
      } catch PhantomError.foldingWarp {
        continue
      }
    }
    options.warpMicrons = 20
    return try SerialSections(options)
  }

  /// Over a grid of places that are tissue in both sections, mapped back into the fixed frame; microns.
  private static func medianError(
    of transform: SectionTransform, _ sections: SerialSections, _ images: [SectionImage]
  ) -> Double {
    let masks = images.map { TissueMask.tissue(of: $0.image, pixelSize: $0.pixelSize) }
    func isTissue(_ point: MicronPoint, _ index: Int) -> Bool {
      let x = Int((point.x / images[index].pixelSize).rounded(.down))
      let y = Int((point.y / images[index].pixelSize).rounded(.down))
      let mask = masks[index]
      return x >= 0 && y >= 0 && x < mask.width && y < mask.height && mask[x, y] > 0
    }
    let extent = transform.fixed.extent
    var errors: [Double] = []
    for row in 0..<40 {
      for column in 0..<40 {
        let point = MicronPoint(
          x: extent.x * (Double(column) + 0.5) / 40, y: extent.y * (Double(row) + 0.5) / 40)
        let truth = sections.map.moving(point)
        guard isTissue(point, 0), isTissue(truth, 1) else { continue }
        errors.append(transform.fixedPoint(for: truth).distance(to: point))
      }
    }
    return errors.isEmpty ? .infinity : errors.sorted()[errors.count / 2]
  }
}
