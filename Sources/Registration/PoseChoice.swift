import Foundation
package import Rasters

/// Finds where one section lies on the other: a search over every turn, side and shift, then a contest of what
/// it found.
///
/// A warp leaves no straight map with much agreement, so poses are compared after their blocks were
/// matched (``BlockMatching``): the right one then agrees two to three times as well as any other.
struct PoseChoice {
  private let run: RegistrationRun
  /// Of the fixed section.
  private let tissuePoints: [MicronPoint]

  init(run: RegistrationRun) {
    self.run = run
    tissuePoints = run.fixed.levels[0].sparseTissuePoints
  }

  struct Pose {
    /// The straight map nearest to the matched blocks, fixed to moving microns.
    let affine: AffineMap
    /// How far it is ahead of the best pose elsewhere, as a share of its own score.
    let margin: Double
    /// How well the sections agree once matched, 0…1.
    let score: Double
  }

  /// Poses of the search that are matched coarsely, and those of them, all different, that are matched further.
  private static let candidateCount = 24
  private static let finalistCount = 4

  /// - Returns: The best pose; nothing where no overlap of enough tissue exists.
  func pose() -> Pose? {
    let levels = BlockMatching(run: run).contestLevels
    let candidates = RigidSearch(rows: run.rows).candidates(
      fixed: run.fixed, moving: run.moving, count: Self.candidateCount
    ).map { Match(affine: $0.pose.map, grid: nil, score: 0) }
    let matched = ranked(scored(candidates, through: levels.upperBound))
    let finalists = ranked(scored(distinct(matched), through: levels.lowerBound))
    guard let best = finalists.first, best.score > 0 else { return nil }
    let other = finalists.dropFirst().first { !isSame(best, $0) }
    let margin = other.map { (best.score - $0.score) / best.score } ?? 1
    return Pose(affine: straight(best), margin: max(0, min(1, margin)), score: best.score)
  }

  private struct Match {
    /// Fixed to moving microns.
    let affine: AffineMap
    let grid: DisplacementGrid?
    let score: Double
  }

  /// The best matches that do not end as the same map, so that the winner is held against a different one.
  private func distinct(_ matches: [Match]) -> [Match] {
    var kept: [Match] = []
    for match in matches where !kept.contains(where: { isSame($0, match) }) {
      kept.append(match)
      if kept.count == Self.finalistCount { break }
    }
    return kept
  }

  private func ranked(_ matches: [Match]) -> [Match] {
    // The earlier of two equals wins.
    matches.enumerated().sorted {
      ($0.element.score, $1.offset) > ($1.element.score, $0.offset)
    }.map(\.element)
  }

  private func scored(_ matches: [Match], through level: Int) -> [Match] {
    let fixed = run.fixed.levels[level]
    return run.sideBySide(matches.count, pixelCount: fixed.width * fixed.height) { index, run in
      Self.scored(matches[index], run, through: level)
    }
  }

  private static func scored(_ match: Match, _ run: RegistrationRun, through level: Int) -> Match {
    let grid = BlockMatching(run: run).displacement(match.affine, from: match.grid, through: level)
    let (fixed, moving) = (run.fixed.levels[level], run.moving.levels[level])
    let warped = WarpedPlanes(
      fixed: fixed, moving: moving, affine: match.affine, displacement: grid, rows: run.rows)
    return Match(
      affine: match.affine, grid: grid, score: warped.agreement(fixed: fixed, rows: run.rows))
  }

  /// Whether two poses ended as the same map: tissue lies within a tenth of the section of its other place.
  private func isSame(_ one: Match, _ other: Match) -> Bool {
    guard one.affine.determinant * other.affine.determinant > 0 else { return false }
    let level = run.fixed.levels[0]
    let spread = 0.1 * Double(level.longSide) * level.pixelSize
    let distances = tissuePoints.map { place($0, one).distance(to: place($0, other)) }.sorted()
    return distances.isEmpty || distances[distances.count / 2] < spread
  }

  /// The least-squares straight map of a match over the fixed tissue that the moving section shows.
  private func straight(_ match: Match) -> AffineMap {
    let moving = run.moving.levels[0]
    let pairs = tissuePoints.map { ($0, place($0, match)) }
    let shown = pairs.filter { moving.isKnown(at: $0.1) }
    return AffineMap(fitting: shown) ?? AffineMap(fitting: pairs) ?? match.affine
  }

  private func place(_ point: MicronPoint, _ match: Match) -> MicronPoint {
    match.affine.place(point, bentBy: match.grid)
  }

  /// The turn and shift nearest to a straight map, with the same side, that agrees with it in the middle.
  static func nearestRigid(_ map: AffineMap, about level: SectionLevel) -> AffineMap {
    let side = map.determinant < 0 ? -1.0 : 1.0
    let angle = atan2(map.d * side - map.b, map.a * side + map.e)
    let centre = TissueBox(level)?.centre ?? MicronPoint(x: 0, y: 0)
    let target = map(x: centre.x, y: centre.y)
    return RigidPose(
      angle: angle, isMirrored: side < 0, fixedCentre: centre,
      movingCentre: MicronPoint(x: target.x, y: target.y)
    ).map
  }
}

extension AffineMap {
  /// The map with the least mean squared distance between where it takes first points and the second ones.
  ///
  /// Nothing where the first points lie on a line.
  ///
  /// - Parameter pairs: Points and where they should go.
  package init?(fitting pairs: [(MicronPoint, MicronPoint)]) {
    guard pairs.count >= 3 else { return nil }
    let count = Double(pairs.count)
    var (from, to) = (SIMD2<Double>(), SIMD2<Double>())
    for (point, place) in pairs {
      from += SIMD2(point.x, point.y) / count
      to += SIMD2(place.x, place.y) / count
    }
    var (xx, xy, yy) = (0.0, 0.0, 0.0)
    var (right, down) = (SIMD2<Double>(), SIMD2<Double>())
    for (point, place) in pairs {
      let (x, y) = (point.x - from.x, point.y - from.y)
      let target = SIMD2(place.x, place.y) - to
      (xx, xy, yy) = (xx + x * x, xy + x * y, yy + y * y)
      right += x * target
      down += y * target
    }
    let determinant = xx * yy - xy * xy
    guard determinant > 1e-6 * xx * yy else { return nil }
    let alongX = (right * yy - down * xy) / determinant
    let alongY = (down * xx - right * xy) / determinant
    let shift = to - alongX * from.x - alongY * from.y
    self.init(a: alongX.x, b: alongY.x, c: shift.x, d: alongX.y, e: alongY.y, f: shift.y)
  }
}
