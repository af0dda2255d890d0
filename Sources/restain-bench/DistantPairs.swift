import CommandLineKit
import Foundation
import Phantoms
import Rasters
import Registration
import Reporting

/// Synthetic sections that lie apart in the block, registered and held against the truth.
struct DistantPairs {
  private struct Measurement: Encodable {
    let tissue: DistantSections.Tissue
    let depthMicrons: Double
    let seed: UInt64
    let medianMicrons: Double
    let percentile90Microns: Double
    let status: RegistrationStatus
    let seconds: Double
    let report: RegistrationReport

    enum CodingKeys: String, CodingKey {
      case tissue, seed, status, seconds, report
      case depthMicrons = "depth_um"
      case medianMicrons = "tre_median_um"
      case percentile90Microns = "tre_p90_um"
    }
  }

  private struct Summary: Encodable {
    let pairs: Int
    let accepted: Int
    let lost: Int
    let meanOfMedianMicrons: Double
    let meanOf90Microns: Double

    enum CodingKeys: String, CodingKey {
      case pairs, accepted, lost
      case meanOfMedianMicrons = "tre_median_mean_um"
      case meanOf90Microns = "tre_p90_mean_um"
    }
  }

  /// Microns between the two sections.
  private static let depths = [15.0, 35]
  /// A median error above this is a lost pair, in microns.
  private static let lostMicrons = 100.0
  let context: BenchmarkContext

  /// Registers `count` pairs of every tissue at every depth.
  func measure(count: Int, firstSeed: UInt64) throws {
    var measurements: [Measurement] = []
    for depth in Self.depths {
      for tissue in DistantSections.Tissue.allCases {
        for seed in firstSeed..<firstSeed + UInt64(count) {
          let measurement = try measured(tissue, depth: depth, seed: seed)
          measurements.append(measurement)
          try context.report(
            measurement,
            line: "\(tissue.rawValue) \(HumanText.fixed(depth, decimals: 0)) µm, seed \(seed)  "
              + "\(HumanText.fixed(measurement.medianMicrons, decimals: 1)) µm, 90 % "
              + "\(HumanText.fixed(measurement.percentile90Microns, decimals: 1)) µm, "
              + measurement.status.rawValue)
        }
      }
    }
    let found = measurements.filter { $0.medianMicrons <= Self.lostMicrons }
    let share = 1 / Double(max(1, found.count))
    let summary = Summary(
      pairs: measurements.count, accepted: measurements.count { $0.status == .ok },
      lost: measurements.count - found.count,
      meanOfMedianMicrons: found.reduce(0) { $0 + $1.medianMicrons } * share,
      meanOf90Microns: found.reduce(0) { $0 + $1.percentile90Microns } * share)
    try context.report(
      summary,
      line: "\(summary.pairs) pairs, \(summary.accepted) accepted, \(summary.lost) lost, "
        + "mean of median \(HumanText.fixed(summary.meanOfMedianMicrons, decimals: 2)) µm, of 90 % "
        + "\(HumanText.fixed(summary.meanOf90Microns, decimals: 2)) µm")
  }

  private func measured(
    _ tissue: DistantSections.Tissue, depth: Double, seed: UInt64
  ) throws -> Measurement {
    let sections = try DistantSections(tissue: tissue, depthMicrons: depth, seed: seed)
    let images = [sections.fixed, sections.moving].map { image in
      SectionImage(
        image: image, pixelSize: DistantSections.pixelSize,
        frame: SectionFrame(
          name: tissue.rawValue, width: image.width, height: image.height,
          pixelSize: PixelSize(DistantSections.pixelSize)))
    }
    var found: RegistrationResult?
    let seconds = context.seconds {
      found = SectionRegistration.register(
        fixed: images[0], moving: images[1],
        options: RegistrationSuite.options(context))
    }
    guard let result = found else { preconditionFailure("the work was not done") }
    let errors = Self.errors(of: result.transform, sections, images)
    return Measurement(
      tissue: tissue, depthMicrons: depth, seed: seed,
      medianMicrons: Self.quantile(errors, 0.5), percentile90Microns: Self.quantile(errors, 0.9),
      status: result.report.status, seconds: seconds, report: result.report)
  }

  /// Over a grid of places that are tissue in both sections; microns of the moving section.
  private static func errors(
    of transform: SectionTransform, _ sections: DistantSections, _ images: [SectionImage]
  ) -> [Double] {
    let masks = images.map { TissueMask.tissue(of: $0.image, pixelSize: $0.pixelSize) }
    func isTissue(_ point: MicronPoint, _ mask: Plane) -> Bool {
      let x = Int((point.x / DistantSections.pixelSize).rounded(.down))
      let y = Int((point.y / DistantSections.pixelSize).rounded(.down))
      return x >= 0 && y >= 0 && x < mask.width && y < mask.height && mask[x, y] > 0
    }
    let step = DistantSections.extent / 50
    return (0..<2500).compactMap { index in
      let point = MicronPoint(
        x: (Double(index % 50) + 0.5) * step, y: (Double(index / 50) + 0.5) * step)
      let truth = sections.movingPoint(point)
      guard isTissue(point, masks[0]), isTissue(truth, masks[1]) else { return nil }
      return transform.movingPoint(for: point).distance(to: truth)
    }
  }

  private static func quantile(_ values: [Double], _ share: Double) -> Double {
    guard !values.isEmpty else { return .infinity }
    return values.sorted()[Int(share * Double(values.count - 1))]
  }
}
