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
    run(fixed, moving, options).result()
  }

  /// The same, bent further at finer pixel sizes where that makes it better.
  ///
  /// - Parameters:
  ///   - fixed: The reference section (H&E).
  ///   - moving: The section that is warped, at the same pixel size.
  ///   - options: How.
  ///   - fine: The two slides at finer pixel sizes, read by tiles.
  /// - Returns: The map, the rigid map and the report.
  /// - Throws: What the slides throw.
  public static func register(
    fixed: SectionImage, moving: SectionImage, options: RegistrationOptions = RegistrationOptions(),
    fine: FineSections
  ) throws -> RegistrationResult {
    let run = run(fixed, moving, options)
    return try run.result { affine, grid in
      fine.levels.isEmpty ? nil : try run.refined(grid, affine: affine, by: fine)
    }
  }

  private static func run(
    _ fixed: SectionImage, _ moving: SectionImage, _ options: RegistrationOptions
  ) -> RegistrationRun {
    precondition(
      abs(fixed.pixelSize - moving.pixelSize) < 1e-6 * fixed.pixelSize,
      "sections at \(fixed.pixelSize) and \(moving.pixelSize) µm a pixel")
    // Less than bending holds later, whatever the size.
    let planes = RowLoop(threadCount: options.threadCount).sideBySide(2) { index, _ in
      SectionPlanes(index == 0 ? fixed : moving)
    }
    return RegistrationRun(
      fixedImage: fixed, movingImage: moving, fixed: planes[0], moving: planes[1],
      options: options)
  }
}

/// One registration on its way.
struct RegistrationRun {
  let fixedImage: SectionImage
  let movingImage: SectionImage
  let fixed: SectionPlanes
  let moving: SectionPlanes
  let options: RegistrationOptions

  var rows: RowLoop { RowLoop(threadCount: options.threadCount) }

  /// Does a few tasks that know nothing of each other, each with a run that has its share of the threads.
  func sideBySide<Result: Sendable>(
    _ count: Int, pixelCount: Int,
    _ body: @Sendable (_ index: Int, _ run: RegistrationRun) -> Result
  ) -> [Result] {
    rows.sideBySide(count, pixelCount: pixelCount) { index, threadCount in
      var options = options
      options.threadCount = threadCount
      return body(
        index,
        RegistrationRun(
          fixedImage: fixedImage, movingImage: movingImage, fixed: fixed, moving: moving,
          options: options))
    }
  }

  /// The identity about the two slides' centres.
  private var centred: AffineMap {
    let from = fixedImage.frame.centre
    let to = movingImage.frame.centre
    return AffineMap(a: 1, b: 0, c: to.x - from.x, d: 0, e: 1, f: to.y - from.y)
  }

  func result() -> RegistrationResult { result { _, _ in nil } }

  /// `refine` bends further, from the affine map and the bending found, or returns nothing.
  func result(
    _ refine: (AffineMap, DisplacementGrid) throws -> DisplacementGrid?
  ) rethrows -> RegistrationResult {
    guard min(fixed.tissueArea, moving.tissueArea) >= RegistrationGates.leastTissue else {
      return nothing(.noTissue)
    }
    guard let pose = PoseChoice(run: self).pose() else { return nothing(.noOverlap) }
    let starts = bendingStarts(pose.affine)
    let affine = starts[0].affine
    let (first, isDetailed) = bent(starts)
    let rigid = turned(pose.affine)
    var stages = [first]
    func judged() -> RegistrationResult {
      RegistrationJudge(run: self, rows: rows).result(
        before: centred, rigid: rigid, affine: affine, bent: stages, margin: pose.margin)
    }
    var result = judged()
    if result.report.unsupportedShare > RegistrationGates.mostUnsupported {
      stages.append(rematched(first, affine: affine))
      result = judged()
    }
    // Where the working pixel size says nothing new, a finer one would follow noise.
    if isDetailed, let finer = try refine(affine, result.transform.displacement ?? first) {
      stages.append(finer)
      result = judged()
    }
    return result
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
      grid = bent(
        grid, level: index, affine: start.affine,
        knotPixels: Int((grid.spacing / fixed.levels[index].pixelSize).rounded()),
        metric: options.detailMetric, stiffness: options.stiffness)
    }
    return RegistrationJudge(run: self, rows: rows).result(
      before: centred, rigid: PoseChoice.nearestRigid(start.affine, about: fixed.levels[0]),
      affine: start.affine, bent: [grid], margin: margin)
  }

  /// Bends an accepted map further at finer pixel sizes.
  ///
  /// - Returns: The better of the two; the map as it was where the working pixel size shows no detail.
  /// - Throws: What the slides throw.
  func refined(
    _ result: RegistrationResult, by fine: FineSections
  ) throws -> RegistrationResult {
    let affine = result.transform.affine
    guard !fine.levels.isEmpty, result.report.status == .ok,
      let grid = result.transform.displacement, isDetailed(affine, grid)
    else { return result }
    return RegistrationJudge(run: self, rows: rows).result(
      before: centred, rigid: result.rigid.affine, affine: affine,
      bent: [grid, try refined(grid, affine: affine, by: fine)], margin: result.report.confidence)
  }

  /// The turn and shift nearest to a straight map, refined by descent at about 8 µm a pixel.
  private func turned(_ start: AffineMap) -> AffineMap {
    descended(
      PoseChoice.nearestRigid(start, about: fixed.levels[0]),
      level: finestCoarseLevel,
      freedom: .rigid)
  }

  /// An affine map refined by descent, from about 300 pixels across to 8 µm a pixel.
  func straightened(_ start: AffineMap) -> AffineMap {
    var map = start
    let coarsest =
      levelIndices.first { fixed.levels[$0].longSide <= 300 }
      ?? levelIndices.upperBound - 1
    for index in stride(from: coarsest, through: 0, by: -1)
    where index == coarsest || fixed.levels[index].pixelSize >= Self.finestDetail {
      map = descended(map, level: index, freedom: .affine)
    }
    return map
  }

  private func descended(
    _ map: AffineMap, level index: Int, freedom: ParametricAlignment.Freedom
  ) -> AffineMap {
    let problem = LevelProblem(
      fixed: fixed.levels[index], moving: moving.levels[index], metric: options.straightMetric,
      rows: rows)
    return ParametricAlignment(problem: problem, freedom: freedom).improved(map).map
  }

  private func nothing(_ reason: RegistrationReason) -> RegistrationResult {
    let transform = SectionTransform(
      fixed: fixedImage.frame, moving: movingImage.frame, affine: centred, kind: .rigid,
      status: .needsReview, reasons: [reason])
    let report = RegistrationReport(
      status: .needsReview, reasons: [reason], mirrored: false, confidence: 0, rotationDegrees: 0,
      scale: 1, maskDice: 0, similarityBefore: 0, similarityRigid: 0, similarityBSpline: 0,
      blockMicrons: BlockTest.blockMicrons, blockResidualMicrons: nil, blockClearShare: 0,
      blockChance: 1, unsupportedShare: 0, strayShare: 0, shear: 0,
      minJacobian: 1, maxDisplacementMicrons: 0,
      chosen: .rigid)
    return RegistrationResult(transform: transform, rigid: transform, report: report)
  }
}

/// Where the finest level of a large section is looked at.
struct ContrastWindows {
  /// The whole of a section of up to a million pixels; of a larger one sixteen squares at most, those with
  /// the most tissue.
  let regions: [PixelRegion]

  private static let side = 256

  init(_ level: SectionLevel) {
    guard level.width * level.height > 1 << 20 else {
      regions = [PixelRegion(x: 0, y: 0, width: level.width, height: level.height)]
      return
    }
    var squares: [(region: PixelRegion, tissue: Float)] = []
    for y in stride(from: 0, through: level.height - Self.side, by: Self.side) {
      for x in stride(from: 0, through: level.width - Self.side, by: Self.side) {
        let region = PixelRegion(x: x, y: y, width: Self.side, height: Self.side)
        var sum: Float = 0
        for row in stride(from: y, to: region.maxY, by: 8) {
          for column in stride(from: x, to: region.maxX, by: 8) { sum += level.tissue[column, row] }
        }
        squares.append((region, sum))
      }
    }
    // Ties keep their order, so that the choice is the same everywhere.
    regions = squares.enumerated().sorted {
      ($0.element.tissue, $1.offset) > ($1.element.tissue, $0.offset)
    }.prefix(16).map(\.element.region)
  }
}
