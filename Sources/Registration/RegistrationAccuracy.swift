import Foundation
public import Rasters

/// How far landmarks lie from each other after registration, by the definitions of ANHIR and BIRL.
///
/// Moving landmarks are mapped into the fixed frame; rTRE is the distance over the fixed diagonal; robustness
/// is the share of landmarks strictly nearer than before. Reference: Borda/BIRL,
/// `birl/utilities/evaluate.py`, `birl/benchmark.py`.
public struct RegistrationAccuracy: Codable, Sendable, Hashable {
  /// Landmarks that both sections have.
  public let landmarkCount: Int
  /// The median rTRE.
  public let medianRelative: Double
  /// The mean rTRE.
  public let meanRelative: Double
  /// The mean rTRE, each landmark weighted by its mean distance from all landmarks.
  public let weightedMeanRelative: Double
  /// The largest rTRE.
  public let maxRelative: Double
  /// The smallest rTRE.
  public let minRelative: Double
  /// The deviation of the rTRE (over the count).
  public let deviationRelative: Double
  /// The median rTRE before registration.
  public let initialMedianRelative: Double
  /// The share of landmarks strictly nearer than before.
  public let robustness: Double
  /// The median distance in microns.
  public let medianMicrons: Double
  /// The 90th percentile of the distance in microns, linear between ranks (ACROBAT's score of a pair).
  public let percentile90Microns: Double

  /// Measures a transform; nothing where no name is in both tables.
  ///
  /// - Parameters:
  ///   - transform: Maps fixed to moving points.
  ///   - fixed: Landmarks of the fixed slide in its level-0 pixels, by name.
  ///   - moving: Landmarks of the moving slide in its level-0 pixels, by name.
  public init?(
    of transform: SectionTransform, fixed: [String: Level0Point], moving: [String: Level0Point]
  ) {
    let names = fixed.keys.filter { moving[$0] != nil }.sorted()
    var targets: [MicronPoint] = []
    var before: [Double] = []
    var after: [Double] = []
    for name in names {
      guard let target = fixed[name]?.microns(pixelSize: transform.fixed.pixelSize),
        let source = moving[name]?.microns(pixelSize: transform.moving.pixelSize)
      else { continue }
      targets.append(target)
      before.append(source.distance(to: target))
      after.append(transform.fixedPoint(for: source).distance(to: target))
    }
    guard !targets.isEmpty else { return nil }
    let count = Double(targets.count)
    let diagonal = transform.fixed.diagonal
    let relative = after.map { $0 / diagonal }
    let mean = relative.reduce(0, +) / count
    let weights = targets.map { here in
      targets.reduce(0) { $0 + here.distance(to: $1) } / count
    }
    let weightSum = weights.reduce(0, +)
    landmarkCount = targets.count
    medianRelative = Self.quantile(relative, 0.5)
    meanRelative = mean
    // One landmark alone has no distance to weigh by.
    weightedMeanRelative =
      weightSum > 0 ? zip(relative, weights).reduce(0) { $0 + $1.0 * $1.1 } / weightSum : mean
    maxRelative = relative.max() ?? 0
    minRelative = relative.min() ?? 0
    deviationRelative =
      (relative.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    initialMedianRelative = Self.quantile(before, 0.5) / diagonal
    robustness = Double(zip(before, after).count { $0.1 < $0.0 }) / count
    medianMicrons = Self.quantile(after, 0.5)
    percentile90Microns = Self.quantile(after, 0.9)
  }

  /// Linear between the two nearest ranks, as NumPy's default.
  private static func quantile(_ values: [Double], _ share: Double) -> Double {
    let sorted = values.sorted()
    let place = share * Double(sorted.count - 1)
    let low = Int(place)
    let high = min(low + 1, sorted.count - 1)
    return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
  }

  private enum CodingKeys: String, CodingKey {
    case landmarkCount = "landmarks"
    case medianRelative = "rtre_median"
    case meanRelative = "rtre_mean"
    case weightedMeanRelative = "rtre_weighted_mean"
    case maxRelative = "rtre_max"
    case minRelative = "rtre_min"
    case deviationRelative = "rtre_std"
    case initialMedianRelative = "rtre_initial_median"
    case robustness
    case medianMicrons = "tre_median_um"
    case percentile90Microns = "tre_p90_um"
  }
}
