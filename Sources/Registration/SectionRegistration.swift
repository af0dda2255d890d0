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
    let bent = BendStage(fixed: fixed, moving: moving, options: options, rows: rows).bent(
      affine, fixedFrame: fixedImage.frame, movingFrame: movingImage.frame)
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
        fixed: fixed.levels[index], moving: moving.levels[index], metric: options.detailMetric,
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
        fixed: fixed.levels[index], moving: moving.levels[index], metric: options.bendMetric,
        rows: rows)
      map = ParametricAlignment(problem: problem, freedom: .affine).improved(map).map
    }
    return map
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
