import CommandLineKit
import Foundation
import Pictures
import Rasters
import Registration
import Reporting
import Slides

/// A folder of slides with landmarks, registered in all directed pairs.
struct LandmarkPairs {
  private struct Section {
    let name: String
    let image: SectionImage
    let landmarks: [String: Level0Point]
  }

  private struct Measurement: Encodable {
    let fixed: String
    let moving: String
    let status: RegistrationStatus
    let reasons: [RegistrationReason]
    let isMirrored: Bool
    let medianRelative: Double
    let initialMedianRelative: Double
    let robustness: Double
    let medianMicrons: Double
    let residualMicrons: Double?
    let seconds: Double
    let report: RegistrationReport

    enum CodingKeys: String, CodingKey {
      case fixed, moving, status, reasons, robustness, seconds, report
      case isMirrored = "mirrored"
      case medianRelative = "rtre_median"
      case initialMedianRelative = "rtre_initial_median"
      case medianMicrons = "tre_median_um"
      case residualMicrons = "block_residual_um"
    }
  }

  private struct Summary: Encodable {
    let pairs: Int
    let accepted: Int
    let meanOfMedianRelative: Double
    let meanRobustness: Double
    let meanSeconds: Double

    enum CodingKeys: String, CodingKey {
      case pairs, accepted
      case meanOfMedianRelative = "rtre_median_mean"
      case meanRobustness = "robustness_mean"
      case meanSeconds = "seconds_mean"
    }
  }

  private let sections: [Section]
  private let context: BenchmarkContext
  private let pose: SectionPose

  /// Reads every slide that has a table of landmarks beside it.
  init(folder: String, _ context: BenchmarkContext) throws {
    self.context = context
    pose = SectionPose(
      degrees: context[RegistrationSuite.rotation],
      isMirrored: context[RegistrationSuite.mirror],
      ground: context[RegistrationSuite.ground].map { level in
        RGBColor(red: UInt8(level), green: UInt8(level), blue: UInt8(level))
      })
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    sections = try names.filter { $0.hasSuffix(".tif") }.compactMap { name in
      let stem = String(name.dropLast(4))
      guard names.contains("\(stem).csv") else { return nil }
      let slide = try Slide(path: "\(folder)/\(name)")
      let frame = SectionFrame(
        name: name, width: slide.width, height: slide.height,
        pixelSize: try slide.requirePixelSize())
      let text = try String(contentsOfFile: "\(folder)/\(stem).csv", encoding: .utf8)
      return Section(
        name: stem,
        image: try SectionImage(
          reading: LevelSource(slide: slide, level: 0), sourcePixelSize: frame.pixelSize,
          frame: frame, threadCount: context.threadCount),
        landmarks: try PointTable(text: text, name: "\(stem).csv").pointsByName)
    }
    guard sections.count > 1 else {
      throw UsageError.conflict(
        subject: "--pairs", problem: "\(folder) has not two slides with landmarks",
        advice: "name a folder with NAME.tif and NAME.csv")
    }
  }

  /// Registers and prints a line a pair, and the means.
  func measure() throws {
    let turned = sections.map { section in
      Section(
        name: section.name, image: pose.applied(to: section.image),
        landmarks: section.landmarks.mapValues { pose.applied(to: $0, in: section.image.frame) })
    }
    var measurements: [Measurement] = []
    for fixed in sections {
      for moving in turned where moving.name != fixed.name {
        var found: RegistrationResult?
        let seconds = context.seconds {
          found = SectionRegistration.register(
            fixed: fixed.image, moving: moving.image,
            options: RegistrationSuite.options(context))
        }
        guard let result = found,
          let accuracy = RegistrationAccuracy(
            of: result.transform, fixed: fixed.landmarks, moving: moving.landmarks)
        else { continue }
        let report = result.report
        let measurement = Measurement(
          fixed: fixed.name, moving: moving.name, status: report.status, reasons: report.reasons,
          isMirrored: report.mirrored, medianRelative: accuracy.medianRelative,
          initialMedianRelative: accuracy.initialMedianRelative, robustness: accuracy.robustness,
          medianMicrons: accuracy.medianMicrons, residualMicrons: report.blockResidualMicrons,
          seconds: seconds, report: report)
        measurements.append(measurement)
        try context.report(measurement, line: Self.line(measurement))
      }
    }
    let count = Double(max(1, measurements.count))
    let summary = Summary(
      pairs: measurements.count, accepted: measurements.count { $0.status == .ok },
      meanOfMedianRelative: measurements.reduce(0) { $0 + $1.medianRelative } / count,
      meanRobustness: measurements.reduce(0) { $0 + $1.robustness } / count,
      meanSeconds: measurements.reduce(0) { $0 + $1.seconds } / count)
    try context.report(
      summary,
      line: "\(summary.accepted) of \(summary.pairs) accepted, mean of median rTRE "
        + "\(HumanText.fixed(summary.meanOfMedianRelative, decimals: 5)), robustness "
        + "\(HumanText.fixed(summary.meanRobustness, decimals: 4)), "
        + "\(HumanText.fixed(summary.meanSeconds, decimals: 2)) s a pair")
  }

  private static func line(_ pair: Measurement) -> String {
    let reasons = pair.reasons.map(\.rawValue).joined(separator: " ")
    return
      "\(pair.fixed)-\(pair.moving)  rTRE \(HumanText.fixed(pair.medianRelative, decimals: 4)), "
      + "robustness \(HumanText.fixed(pair.robustness, decimals: 3)), "
      + "\(HumanText.fixed(pair.medianMicrons, decimals: 1)) µm, residual "
      + (pair.residualMicrons.map { "\(HumanText.fixed($0, decimals: 1)) µm" } ?? "unknown")
      + ", \(HumanText.fixed(pair.seconds, decimals: 2)) s, \(pair.status.rawValue) \(reasons)"
  }
}

/// A section laid on the table another way: mirrored, then turned about its centre, on a larger slide.
private struct SectionPose {
  let degrees: Double
  let isMirrored: Bool
  /// What surrounds the section; the colour of its corners if nothing.
  let ground: RGBColor?

  private var isNone: Bool { degrees == 0 && !isMirrored && ground == nil }

  /// The turned slide's size in level-0 pixels, as long as the diagonal both ways.
  private func size(_ frame: SectionFrame) -> (width: Int, height: Int) {
    let diagonal = Int(
      (Double(frame.width * frame.width + frame.height * frame.height)).squareRoot().rounded(.up))
    return (diagonal, diagonal)
  }

  /// From a turned place to the original, about the centres; y points down.
  private func original(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    let angle = degrees * .pi / 180
    let (u, v) = (x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle))
    return (isMirrored ? -u : u, v)
  }

  func applied(to point: Level0Point, in frame: SectionFrame) -> Level0Point {
    guard !isNone else { return point }
    let (width, height) = size(frame)
    let angle = degrees * .pi / 180
    let u = (point.x - Double(frame.width) / 2) * (isMirrored ? -1 : 1)
    let v = point.y - Double(frame.height) / 2
    return Level0Point(
      x: u * cos(angle) + v * sin(angle) + Double(width) / 2,
      y: v * cos(angle) - u * sin(angle) + Double(height) / 2)
  }

  func applied(to section: SectionImage) -> SectionImage {
    guard !isNone else { return section }
    let (width, height) = size(section.frame)
    let frame = SectionFrame(
      name: section.frame.name, width: width, height: height, pixelSize: section.frame.pixelSize)
    let target = SectionImage.size(of: frame, pixelSize: section.pixelSize)
    let source = section.image
    var image = RGBImage(
      width: target.width, height: target.height, filledWith: ground ?? Self.glass(source))
    let scale = section.frame.pixelSize.x / section.pixelSize
    let centre = (Double(width) / 2 * scale, Double(height) / 2 * scale)
    let origin = (
      Double(section.frame.width) / 2 * scale, Double(section.frame.height) / 2 * scale
    )
    for row in 0..<target.height {
      for column in 0..<target.width {
        let place = original(Double(column) + 0.5 - centre.0, Double(row) + 0.5 - centre.1)
        let (x, y) = (place.x + origin.0 - 0.5, place.y + origin.1 - 0.5)
        let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
        guard left >= 0, top >= 0, left + 1 < source.width, top + 1 < source.height else {
          continue
        }
        let (across, down) = (x - Double(left), y - Double(top))
        for channel in 0..<3 {
          func value(_ dx: Int, _ dy: Int) -> Double {
            Double(source.pixels[((top + dy) * source.width + left + dx) * 3 + channel])
          }
          let upper = value(0, 0) + across * (value(1, 0) - value(0, 0))
          let lower = value(0, 1) + across * (value(1, 1) - value(0, 1))
          image.pixels[(row * target.width + column) * 3 + channel] = UInt8(
            (upper + down * (lower - upper) + 0.5).rounded(.down))
        }
      }
    }
    return SectionImage(image: image, pixelSize: section.pixelSize, frame: frame)
  }

  /// The colour of the four corners, as the table around a slide would be filled by a scanner.
  private static func glass(_ image: RGBImage) -> RGBColor {
    var sums = [0, 0, 0]
    for (x, y) in [
      (0, 0), (image.width - 1, 0), (0, image.height - 1), (image.width - 1, image.height - 1),
    ] {
      for channel in 0..<3 {
        sums[channel] += Int(image.pixels[(y * image.width + x) * 3 + channel])
      }
    }
    return RGBColor(
      red: UInt8(sums[0] / 4), green: UInt8(sums[1] / 4), blue: UInt8(sums[2] / 4))
  }
}
