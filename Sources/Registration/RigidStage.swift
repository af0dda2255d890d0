import Rasters

/// Finds the pose: search over everything, then refinement of the best few.
struct RigidStage {
  let rows: RowLoop
  let metric: MetricKind

  struct Outcome {
    /// Fixed to moving microns.
    let map: AffineMap
    /// How far the best pose is ahead of the best one elsewhere, as a share of its own score.
    let margin: Double
  }

  /// - Returns: The best pose; nothing where no overlap of enough tissue exists.
  func outcome(fixed: SectionPlanes, moving: SectionPlanes) -> Outcome? {
    let found = RigidSearch(rows: rows).candidates(fixed: fixed, moving: moving, count: 8)
    guard !found.isEmpty else { return nil }
    var refined = found.map { candidate in
      Refined(map: candidate.pose.map, score: candidate.score)
    }
    for (longSide, kept) in [(140, 8), (300, 3)] {
      let index = Self.levelIndex(fixed, moving, longSide: longSide)
      let problem = LevelProblem(
        fixed: fixed.levels[index], moving: moving.levels[index], metric: metric, rows: rows)
      refined = refined.prefix(kept).map { candidate in
        let better = ParametricAlignment(problem: problem, freedom: .rigid).improved(candidate.map)
        let similarity = better.overlap - (better.value - (1 - better.overlap))
        // Similarity times the covered share is what `similarity` holds; its root keeps small overlaps low.
        return Refined(
          map: better.map,
          score: better.overlap > 0 ? similarity / better.overlap.squareRoot() : 0)
      }
      refined.sort { $0.score > $1.score }
    }
    let best = refined[0]
    let centre = fixed.levels[0]
    let spread = 0.1 * Double(max(centre.width, centre.height)) * centre.pixelSize
    let other = refined.dropFirst().first { !$0.isNear(best, level: centre, microns: spread) }
    let margin = other.map { (best.score - $0.score) / max(best.score, 1e-9) } ?? 1
    return Outcome(map: best.map, margin: max(0, min(1, margin)))
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

    /// Whether two maps put the section's corners near each other.
    func isNear(_ other: Refined, level: SectionLevel, microns: Double) -> Bool {
      let right = Double(level.width) * level.pixelSize
      let bottom = Double(level.height) * level.pixelSize
      return [(0, 0), (right, 0), (0, bottom), (right, bottom)].allSatisfy { corner in
        let here = map(x: corner.0, y: corner.1)
        let there = other.map(x: corner.0, y: corner.1)
        return MicronPoint(x: here.x, y: here.y).distance(to: MicronPoint(x: there.x, y: there.y))
          < microns
      }
    }
  }
}
