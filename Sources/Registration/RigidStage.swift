import Foundation
import Rasters

/// Finds the pose: search over everything, then refinement of the best few.
struct RigidStage {
  let rows: RowLoop
  let metric: MetricKind

  struct Outcome {
    /// Turn and shift, fixed to moving microns.
    let rigid: AffineMap
    /// The straight map that the turn and shift were taken from.
    let affine: AffineMap
    /// How far the best pose is ahead of the best one elsewhere, as a share of its own score.
    let margin: Double
    /// How well the sections agree in that pose, 0…1.
    let score: Double
    /// The straight maps of other poses, the more likely ones first.
    let alternatives: [AffineMap]
  }

  /// - Returns: The best pose; nothing where no overlap of enough tissue exists.
  func outcome(fixed: SectionPlanes, moving: SectionPlanes) -> Outcome? {
    let found = RigidSearch(rows: rows).candidates(fixed: fixed, moving: moving, count: 16)
    guard !found.isEmpty else { return nil }
    // A candidate is first turned and shifted at about 140 pixels; the best ones are then straightened, since
    // a warp leaves no rigid pose with much local agreement, and scored at about 300 pixels.
    let turned = improved(
      found.prefix(Self.turnedCount).map { Refined(map: $0.pose.map, score: $0.score) }, fixed,
      moving, longSide: 140,
      freedom: .rigid)
    let straightened = [70, 140, 300].reduce(Array(turned.prefix(Self.straightenedCount))) {
      improved($0, fixed, moving, longSide: $1, freedom: .affine)
    }
    let best = straightened[0]
    let centre = fixed.levels[0]
    let spread = 0.1 * Double(max(centre.width, centre.height)) * centre.pixelSize
    let other = straightened.dropFirst().first { !$0.isNear(best, level: centre, microns: spread) }
    let margin = other.map { (best.score - $0.score) / max(best.score, 1e-9) } ?? 1
    var distinct = [best]
    let unturned = found.dropFirst(Self.turnedCount).map {
      Refined(map: $0.pose.map, score: $0.score)
    }
    for candidate in straightened.dropFirst() + turned + unturned
    where distinct.allSatisfy({ !$0.isNear(candidate, level: centre, microns: spread) }) {
      distinct.append(candidate)
    }
    return Outcome(
      rigid: RigidStage.nearestRigid(best.map, about: centre), affine: best.map,
      margin: max(0, min(1, margin)), score: best.score,
      alternatives: distinct.dropFirst().map(\.map))
  }

  private static let turnedCount = 8
  private static let straightenedCount = 4

  /// Improves maps at one pixel size; the best comes first.
  private func improved(
    _ candidates: [Refined], _ fixed: SectionPlanes, _ moving: SectionPlanes, longSide: Int,
    freedom: ParametricAlignment.Freedom
  ) -> [Refined] {
    let index = Self.levelIndex(fixed, moving, longSide: longSide)
    let problem = LevelProblem(
      fixed: fixed.levels[index], moving: moving.levels[index], metric: metric, rows: rows)
    let result = candidates.map { candidate in
      let better = ParametricAlignment(problem: problem, freedom: freedom).improved(candidate.map)
      let similarity = 1 - better.value
      let dice = WarpedPlanes(
        fixed: fixed.levels[index], moving: moving.levels[index], affine: better.map,
        displacement: nil, rows: rows
      ).dice(fixed: fixed.levels[index])
      // Similarity holds the covered share once; its root keeps small overlaps low.
      return Refined(
        map: better.map,
        score: better.overlap > 0
          ? similarity / better.overlap.squareRoot() * dice.squareRoot() : 0)
    }
    return result.sorted { $0.score > $1.score }
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

  /// The finest level whose long side is not above a number of pixels, the coarsest there is otherwise.
  static func levelIndex(_ fixed: SectionPlanes, _ moving: SectionPlanes, longSide: Int) -> Int {
    let count = min(fixed.levels.count, moving.levels.count)
    for index in 0..<count {
      let level = fixed.levels[index]
      if max(level.width, level.height) <= longSide { return index }
    }
    return count - 1
  }

  private struct Refined {
    let map: AffineMap
    let score: Double

    /// Whether two maps have the same side, turns within 15° of each other and the same place for the tissue.
    func isNear(_ other: Refined, level: SectionLevel, microns: Double) -> Bool {
      guard map.determinant * other.map.determinant > 0 else { return false }
      let turn = AffineShape(map).rotationDegrees - AffineShape(other.map).rotationDegrees
      guard abs(turn.remainder(dividingBy: 360)) < 15 else { return false }
      let centre = TissueBox(level)?.centre ?? MicronPoint(x: 0, y: 0)
      let here = map(x: centre.x, y: centre.y)
      let there = other.map(x: centre.x, y: centre.y)
      return MicronPoint(x: here.x, y: here.y).distance(to: MicronPoint(x: there.x, y: there.y))
        < microns
    }
  }
}
