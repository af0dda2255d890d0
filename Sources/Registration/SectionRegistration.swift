import Foundation
import Rasters

/// Registers one section to another: turn and shift, straight map, then bending.
public enum SectionRegistration {
  /// Finds the map from a fixed to a moving section and judges it.
  ///
  /// Never throws: a pair that cannot be registered gets the identity about the centres, `needs-review` and
  /// a reason. The result is the same for any thread count.
  ///
  /// - Parameters:
  ///   - fixed: The reference section (H&E).
  ///   - moving: The section that is warped, at the same pixel size.
  ///   - options: How.
  /// - Returns: The map, the rigid map and the report.
  /// - Precondition: Both pictures have the same pixel size.
  public static func register(
    fixed: SectionImage, moving: SectionImage, options: RegistrationOptions = RegistrationOptions()
  ) -> RegistrationResult {
    precondition(
      abs(fixed.pixelSize - moving.pixelSize) < 1e-6 * fixed.pixelSize,
      "sections at \(fixed.pixelSize) and \(moving.pixelSize) µm a pixel")
    let run = RegistrationRun(
      fixedImage: fixed, movingImage: moving, fixed: SectionPlanes(fixed),
      moving: SectionPlanes(moving), options: options)
    return run.result()
  }
}

/// One registration on its way.
struct RegistrationRun {
  let fixedImage: SectionImage
  let movingImage: SectionImage
  let fixed: SectionPlanes
  let moving: SectionPlanes
  let options: RegistrationOptions

  private var rows: RowLoop { RowLoop(threadCount: options.threadCount) }

  /// The identity about the two slides' centres.
  private var centred: AffineMap {
    let from = fixedImage.frame.centre
    let to = movingImage.frame.centre
    return AffineMap(a: 1, b: 0, c: to.x - from.x, d: 0, e: 1, f: to.y - from.y)
  }

  func result() -> RegistrationResult {
    guard min(fixed.tissueArea, moving.tissueArea) >= RegistrationGates.leastTissue else {
      return nothing(.noTissue)
    }
    let stage = RigidStage(rows: rows, metric: options.startMetric)
    guard let pose = stage.outcome(fixed: fixed, moving: moving) else { return nothing(.noOverlap) }
    let affine = straightened(pose.affine)
    let bent = bent(affine)
    return RegistrationJudge(run: self, rows: rows).result(
      before: centred, rigid: pose.rigid, affine: affine, bent: bent, margin: pose.margin)
  }

  /// Goes on from a map that was found by another way, such as through a neighbouring section.
  ///
  /// - Parameters:
  ///   - start: From this fixed to this moving section, with the knots of the finest bending.
  ///   - margin: The confidence of the way.
  /// - Returns: The map bent further at the two finest pixel sizes, judged like any other.
  func refined(_ start: SectionTransform, margin: Double) -> RegistrationResult {
    let finest = Double(options.knotPixels) * fixed.levels[0].pixelSize
    var grid =
      start.displacement ?? DisplacementGrid(spacing: finest, covering: fixedImage.frame.extent)
    // From twice the working pixel size on; the knots stay where they are.
    for index in stride(from: min(1, fixed.levels.count - 1), through: 0, by: -1)
    where index < moving.levels.count {
      let problem = LevelProblem(
        fixed: fixed.levels[index], moving: moving.levels[index], metric: options.metric,
        rows: rows)
      let alignment = FreeFormAlignment(
        problem: problem, affine: start.affine,
        knotPixels: Int((grid.spacing / fixed.levels[index].pixelSize).rounded()),
        stiffness: options.stiffness, maxIterations: options.maxIterations)
      grid = alignment.improved(grid).grid
    }
    return RegistrationJudge(run: self, rows: rows).result(
      before: centred, rigid: RigidStage.nearestRigid(start.affine, about: fixed.levels[0]),
      affine: start.affine, bent: grid, margin: margin)
  }

  private func straightened(_ start: AffineMap) -> AffineMap {
    var map = start
    let coarsest = RigidStage.levelIndex(fixed, moving, longSide: 300)
    for index in stride(from: coarsest, through: 0, by: -1)
    where index == coarsest || fixed.levels[index].pixelSize >= 7.9 {
      let problem = LevelProblem(
        fixed: fixed.levels[index], moving: moving.levels[index], metric: options.metric,
        rows: rows)
      map = ParametricAlignment(problem: problem, freedom: .affine).improved(map).map
    }
    return map
  }

  /// Bends from coarse to fine; the knots come closer with the pixels.
  private func bent(_ affine: AffineMap) -> DisplacementGrid {
    let count = min(fixed.levels.count, moving.levels.count)
    let coarsest =
      (0..<count).last { fixed.levels[$0].pixelSize <= options.coarsestBend * 1.001 } ?? 0
    var grid: DisplacementGrid?
    for index in stride(from: coarsest, through: 0, by: -1) {
      let level = fixed.levels[index]
      // Where serial sections differ in every nucleus, the finest level would follow noise.
      if index == 0, let grid, contrast(affine, grid) < Self.leastContrast { break }
      // Coarse levels get knots twice as dense for their pixels: a large warp has to be caught there.
      let knotPixels = index < 2 ? options.knotPixels : options.knotPixels / 2
      let spacing = Double(knotPixels) * level.pixelSize
      let start: DisplacementGrid
      if let grid {
        start = grid.spacing > 1.5 * spacing ? grid.refined() : grid
      } else {
        start = DisplacementGrid(
          spacing: spacing,
          covering: MicronPoint(
            x: Double(level.width) * level.pixelSize, y: Double(level.height) * level.pixelSize))
      }
      let problem = LevelProblem(
        fixed: level, moving: moving.levels[index], metric: options.metric, rows: rows)
      let alignment = FreeFormAlignment(
        problem: problem, affine: affine, knotPixels: knotPixels,
        stiffness: options.stiffness, maxIterations: options.maxIterations)
      grid = alignment.improved(start).grid
    }
    guard let grid else {
      return DisplacementGrid(spacing: 256, covering: fixedImage.frame.extent)
    }
    return grid
  }

  /// The finest level is used where the similarity is that many times chance.
  private static let leastContrast = 2.0
  /// Far enough that nothing of what was found is left, near enough to be tissue of the same kind.
  private static let chanceMicrons = 300.0

  /// The similarity at the finest level over the mean of the same map shifted in eight directions.
  private func contrast(_ affine: AffineMap, _ grid: DisplacementGrid) -> Double {
    var chance = 0.0
    for direction in 0..<8 {
      let angle = Double(direction) * .pi / 4
      var shifted = affine
      shifted.c += Self.chanceMicrons * cos(angle)
      shifted.f += Self.chanceMicrons * sin(angle)
      chance += similarity(shifted, grid) / 8
    }
    return similarity(affine, grid) / max(chance, 1e-6)
  }

  /// The mean squared local correlation at the finest level over tissue that both sections have.
  private func similarity(_ affine: AffineMap, _ grid: DisplacementGrid) -> Double {
    let warped = WarpedPlanes(
      fixed: fixed.levels[0], moving: moving.levels[0], affine: affine, displacement: grid,
      rows: rows)
    return warped.similarity(
      fixed: fixed.levels[0],
      weights: zip(fixed.levels[0].tissue.values, warped.tissue.values).map { $0 * $1 }, rows: rows)
  }

  private func nothing(_ reason: RegistrationReason) -> RegistrationResult {
    let transform = SectionTransform(
      fixed: fixedImage.frame, moving: movingImage.frame, affine: centred, kind: .rigid,
      status: .needsReview, reasons: [reason])
    let report = RegistrationReport(
      status: .needsReview, reasons: [reason], mirrored: false, confidence: 0, rotationDegrees: 0,
      scale: 1, maskDice: 0, similarityBefore: 0, similarityRigid: 0, similarityBSpline: 0,
      blockResidualMicrons: nil, blockClearShare: 0, minJacobian: 1, maxDisplacementMicrons: 0,
      chosen: .rigid)
    return RegistrationResult(transform: transform, rigid: transform, report: report)
  }
}
