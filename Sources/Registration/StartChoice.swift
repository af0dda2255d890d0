import Rasters

/// Decides between poses where straight maps cannot.
///
/// A strong warp leaves no straight map with much agreement: another pose may score as well, and an affine
/// map may shear far to follow one part. Where that is so, every pose is bent at coarse pixel sizes, once from
/// its affine and once from its rigid map, and the one that then agrees best is the start.
struct StartChoice {
  let run: RegistrationRun

  struct Start {
    let rigid: AffineMap
    let affine: AffineMap
    let margin: Double
  }

  /// A pose this far ahead of the others is not questioned.
  private static let clearMargin = 0.1
  /// Poses that are tried.
  private static let mostPoses = 12
  /// The pixel size at which bent poses are compared, in microns.
  private static let comparedPixelSize = 16.0

  /// - Parameters:
  ///   - pose: What the search found.
  ///   - straightened: The best pose's affine map at the finest pixel size for straight maps.
  /// - Returns: Where bending begins, and by how much it is ahead of every other pose.
  func start(_ pose: RigidStage.Outcome, straightened: AffineMap) -> Start {
    let first = Start(rigid: pose.rigid, affine: straightened, margin: pose.margin)
    let isPlausible = RegistrationJudge.isPlausible(straightened)
    if isPlausible, pose.margin >= Self.clearMargin { return first }
    let count = min(run.fixed.levels.count, run.moving.levels.count)
    let level =
      (0..<count).first { run.fixed.levels[$0].pixelSize >= Self.comparedPixelSize * 0.999 }
      ?? count - 1
    var best: [(start: Start, score: Double)] = []
    for affine in ([straightened] + pose.alternatives).prefix(Self.mostPoses) {
      let rigid = RigidStage.nearestRigid(affine, about: run.fixed.levels[0])
      let maps = RegistrationJudge.isPlausible(affine) ? [affine, rigid] : [rigid]
      let scored = maps.map { map in
        (start: Start(rigid: rigid, affine: map, margin: 0), score: score(map, level: level))
      }
      if let better = scored.max(by: { $0.score < $1.score }) { best.append(better) }
    }
    // The earlier of two equals wins.
    let ranked = best.enumerated().sorted {
      ($0.element.score, $1.offset) > ($1.element.score, $0.offset)
    }.map(\.element)
    guard let winner = ranked.first, winner.score > 0 else { return first }
    let margin = ranked.count > 1 ? (winner.score - ranked[1].score) / winner.score : 1
    return Start(rigid: winner.start.rigid, affine: winner.start.affine, margin: margin)
  }

  /// How well the sections agree after coarse bending, 0…1.
  private func score(_ affine: AffineMap, level: Int) -> Double {
    let (fixed, moving) = (run.fixed.levels[level], run.moving.levels[level])
    let warped = WarpedPlanes(
      fixed: fixed, moving: moving, affine: affine,
      displacement: run.coarselyBent(affine, through: level)
        ?? DisplacementGrid(spacing: 256, covering: run.fixedImage.frame.extent), rows: run.rows)
    let weights = zip(fixed.tissue.values, warped.inside.values).map { $0 * $1 }
    return warped.similarity(fixed: fixed, weights: weights, rows: run.rows)
      * warped.dice(fixed: fixed).squareRoot()
  }
}
