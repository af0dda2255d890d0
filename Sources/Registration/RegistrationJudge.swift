import Foundation
import Rasters

/// The limits that a registration has to keep.
enum RegistrationGates {
  /// Square microns of tissue that each section needs: a core of a quarter of a millimetre.
  static let leastTissue = 50_000.0
  /// Sections of one block differ less in scale, also from another scanner.
  static let scales = 0.85...1.18
  /// Somewhere tissue has to keep its size.
  ///
  /// Of the local scales over tissue whose blocks agree, the tenth percentile is not above, the ninetieth not
  /// below. Elsewhere, as where a piece is missing, the map is a guess. Of 100 phantoms that are warped by up to
  /// 300 µm, the true maps reach 1.024 and 0.949; a pixel size that is 15 % wrong (16 phantoms) leaves 1.088
  /// and 0.898.
  static let localScales = 0.94...1.07
  static let mostShear = 0.3
  /// Areas of tissue may not shrink further.
  static let leastJacobian = 0.1
  /// Tissue masks that overlap less are not of the same place.
  static let leastDice = 0.5
  /// The pose has to beat every other by that share of its score.
  ///
  /// Right maps of sections 15 and 35 µm apart have 0.098 (one of 48) and 0.16 upwards, of real sections 0.29, of
  /// phantoms 0.55; of arrays of other cores, whose round outlines fit in many ways, 0.10 at most.
  static let leastMargin = 0.15
  /// A median residual above this is no registration, in microns.
  static let mostResidual = 25.0
  /// Of the tissue blocks, those that must have a clear match.
  static let leastClearShare = 0.08
  /// The probability that unrelated tissue agrees as well.
  ///
  /// Up to 24 starts are tried, and unrelated drawn tissues within one outline reach 4e-8 with the best; the
  /// few blocks of a true section of half a millimetre give 3e-9. With blocks of twice the size, phantoms
  /// that have no right map (30 planted failures) stay above 0.02, right maps of sections 35 µm apart below 2e-14.
  static let mostChance = 1e-8
  /// Blocks that agree like that settle the pose, however near another one came before bending: of the
  /// phantoms, right maps have 1e-85 and less, maps that fit a part 1e-48 and more, wrong ones 1e-5.
  static let decisiveChance = 1e-60
  /// Of the tissue, what may lie where the neighbourhood has no match although the rest has.
  ///
  /// Of spoilt phantoms, right maps reach 0.064 and maps that fit a part start at 0.39; between lie maps
  /// that are right in the middle and off at a torn or emptied place.
  static let mostUnsupported = 0.12
  /// Of both sections' tissue, what may lie in pieces on the other's glass.
  static let mostStray = 0.05
  /// Of both sections' tissue, what may lie beyond the other's slide: less than one section of a row of three.
  static let mostBeyond = 0.25
}

/// Chooses between rigid, affine and bent, and decides whether a person has to look.
struct RegistrationJudge {
  let run: RegistrationRun
  let rows: RowLoop

  /// A class, so that its larger blocks are tested once, and only where they are asked for.
  private final class Option {
    let kind: TransformKind
    let affine: AffineMap
    let displacement: DisplacementGrid?
    let blocks: BlockTest.Outcome
    let dice: Double
    /// The mean squared local correlation over fixed tissue that the moving section covers.
    let similarity: Double
    /// The least area of the bent grid over tissue; 1 where it is not bent.
    let minJacobian: Double
    private let testWideBlocks: () -> BlockTest.Outcome?
    /// Blocks of 256 µm; nothing where the section has no coarser level.
    private(set) lazy var wideBlocks = testWideBlocks()

    init(
      kind: TransformKind, affine: AffineMap, displacement: DisplacementGrid?,
      blocks: BlockTest.Outcome, dice: Double, similarity: Double, minJacobian: Double,
      testWideBlocks: @escaping () -> BlockTest.Outcome?
    ) {
      self.kind = kind
      self.affine = affine
      self.displacement = displacement
      self.blocks = blocks
      self.dice = dice
      self.similarity = similarity
      self.minJacobian = minJacobian
      self.testWideBlocks = testWideBlocks
    }

    /// The smallest blocks that agree, of 128 and 256 µm; the smaller ones where neither do.
    var evidence: BlockTest.Outcome {
      if !blocks.agrees, let wideBlocks, wideBlocks.agrees { wideBlocks } else { blocks }
    }
  }

  /// Chooses and judges; of the displacements, each of which goes on from the one before, the best is kept.
  func result(
    before: AffineMap, rigid: AffineMap, affine: AffineMap, bent: [DisplacementGrid],
    margin: Double
  ) -> RegistrationResult {
    var reasons: [RegistrationReason] = []
    let rigidOption = option(.rigid, rigid, nil)
    let straight = option(.affine, affine, nil)
    let isPlausible = Self.hasPlausibleScale(affine)
    var options = isPlausible ? [rigidOption, straight] : [rigidOption]
    var similarityBent = straight.similarity
    for (index, grid) in bent.enumerated() {
      let jacobian = minJacobian(grid)
      if jacobian < RegistrationGates.leastJacobian {
        // A finer bending that folds is not taken; that the tissue folds is known from the first.
        if index == 0 { reasons.append(.folds) }
        continue
      }
      let candidate = option(.bspline, affine, grid, minJacobian: jacobian)
      if index == 0 { similarityBent = candidate.similarity }
      // What was matched once more may follow blocks that only look alike: it has to agree.
      if isPlausible, index == 0 || candidate.evidence.agrees { options.append(candidate) }
    }
    let chosen = best(of: options) ?? rigidOption
    if chosen.kind == .bspline { similarityBent = chosen.similarity }
    let shape = AffineShape(chosen.affine)
    let dice = chosen.dice
    if run.fixedImage.image == run.movingImage.image { reasons.append(.sameFileTwice) }
    if dice < RegistrationGates.leastDice { reasons.append(.noOverlap) }
    if margin < RegistrationGates.leastMargin,
      chosen.blocks.chance > RegistrationGates.decisiveChance
    {
      reasons.append(.lowMargin)
    }
    let fullShape = AffineShape(affine)
    if !isPlausible || !keepsSizeSomewhere(chosen) {
      reasons.append(.implausibleScale)
    }
    if fullShape.shear > RegistrationGates.mostShear,
      chosen.blocks.chance > RegistrationGates.decisiveChance
    {
      reasons.append(.implausibleShear)
    }
    let evidence = chosen.evidence
    let unsupported = max(chosen.blocks.unsupportedShare, evidence.unsupportedShare)
    if !evidence.isBeyondChance { reasons.append(.noAgreement) }
    if unsupported > RegistrationGates.mostUnsupported
      || (evidence.isBeyondChance && !evidence.agrees)
    {
      reasons.append(.residualTooLarge)
    }
    let pieces = strayTissue(chosen)
    let stray = pieces.share
    if stray > RegistrationGates.mostStray || pieces.beyondShare > RegistrationGates.mostBeyond {
      reasons.append(.pieceMoved)
    }
    let status = reasons.isEmpty ? RegistrationStatus.ok : .needsReview
    let transform = SectionTransform(
      fixed: run.fixedImage.frame, moving: run.movingImage.frame, affine: chosen.affine,
      displacement: chosen.displacement, kind: chosen.kind, status: status, reasons: reasons,
      residuals: chosen.blocks.map)
    let report = RegistrationReport(
      status: status, reasons: reasons, mirrored: transform.isMirrored, confidence: margin,
      rotationDegrees: shape.rotationDegrees, scale: shape.scale, maskDice: dice,
      similarityBefore: similarity(planes(before, nil)),
      similarityRigid: rigidOption.similarity,
      similarityBSpline: similarityBent,
      blockMicrons: BlockTest.blockMicrons * evidence.scale,
      blockResidualMicrons: evidence.residual, blockClearShare: evidence.clearShare,
      blockChance: evidence.chance, unsupportedShare: unsupported, strayShare: stray,
      shear: shape.shear,
      minJacobian: chosen.minJacobian,
      maxDisplacementMicrons: chosen.displacement.map(maxDisplacement) ?? 0, chosen: chosen.kind)
    return RegistrationResult(
      transform: transform,
      rigid: SectionTransform(
        fixed: run.fixedImage.frame, moving: run.movingImage.frame, affine: rigid, kind: .rigid),
      report: report)
  }

  static func hasPlausibleScale(_ affine: AffineMap) -> Bool {
    RegistrationGates.scales.contains(AffineShape(affine).scale)
  }

  private func option(
    _ kind: TransformKind, _ affine: AffineMap, _ displacement: DisplacementGrid?,
    minJacobian: Double = 1
  ) -> Option {
    let warped = planes(affine, displacement)
    let blocks = BlockTest(rows: rows).outcome(
      fixed: run.fixed.levels[0], warped: warped)
    return Option(
      kind: kind, affine: affine, displacement: displacement, blocks: blocks,
      dice: warped.dice(fixed: run.fixed.levels[0]), similarity: similarity(warped),
      minJacobian: minJacobian,
      testWideBlocks: {
        guard run.levelIndices.contains(1) else { return nil }
        return BlockTest(rows: rows, scale: 2).outcome(
          fixed: run.fixed.levels[1], warped: planes(affine, displacement, level: 1))
      })
  }

  /// The option whose blocks lie nearest to their places; what agrees comes before what does not, the earlier
  /// before an equal.
  ///
  /// Where small blocks agree for no option, larger ones are asked which chance explains least. Where chance
  /// explains all, nothing is accepted: the first bent map is kept, which is off by less on average
  /// (`DistantSections`).
  private func best(of options: [Option]) -> Option? {
    let blocks = options.map(\.blocks)
    if blocks.contains(where: \.agrees) { return blocks.cheapest.map { options[$0] } }
    let wide = options.map { $0.wideBlocks ?? $0.blocks }
    if !wide.contains(where: \.isBeyondChance),
      let bent = options.first(where: { $0.kind == .bspline })
    {
      return bent
    }
    return wide.leastByChance.map { options[$0] }
  }

  private func planes(
    _ affine: AffineMap, _ displacement: DisplacementGrid?, level: Int = 0
  ) -> WarpedPlanes {
    WarpedPlanes(
      fixed: run.fixed.levels[level], moving: run.moving.levels[level], affine: affine,
      displacement: displacement, rows: rows)
  }

  /// The mean squared local correlation over fixed tissue that the moving section covers.
  private func similarity(_ warped: WarpedPlanes) -> Double {
    warped.similarity(fixed: run.fixed.levels[0], rows: rows)
  }

  /// At the pixel size at which pieces are told from each other.
  private func strayTissue(_ option: Option) -> StrayTissue {
    let level = run.comparedLevel
    return StrayTissue(
      fixed: run.fixed.levels[level],
      warped: planes(option.affine, option.displacement, level: level),
      movingArea: run.moving.tissueArea / abs(option.affine.determinant))
  }

  /// Over fixed tissue, on eight by eight points a cell.
  private func minJacobian(_ grid: DisplacementGrid) -> Double {
    tissuePoints(grid).reduce(1) { min($0, grid.gradient(at: $1).jacobian) }
  }

  /// Whether some of the tissue is neither larger nor smaller in the moving section than it can be.
  private func keepsSizeSomewhere(_ option: Option) -> Bool {
    let straight = abs(option.affine.determinant)
    guard let grid = option.displacement else {
      return RegistrationGates.localScales.contains(straight.squareRoot())
    }
    let evidence = option.evidence
    let supported = tissuePoints(grid).filter {
      evidence.map.agrees(at: $0, within: RegistrationGates.mostResidual * evidence.scale)
    }
    let scales = supported.map {
      (straight * max(0, grid.gradient(at: $0).jacobian)).squareRoot()
    }.sorted()
    guard !scales.isEmpty else { return true }
    return scales[scales.count / 10] <= RegistrationGates.localScales.upperBound
      && scales[scales.count * 9 / 10] >= RegistrationGates.localScales.lowerBound
  }

  private func maxDisplacement(_ grid: DisplacementGrid) -> Double {
    tissuePoints(grid).reduce(0) { largest, point in
      let shift = grid.displacement(at: point)
      return max(largest, (shift.x * shift.x + shift.y * shift.y).squareRoot())
    }
  }

  /// Places of the fixed tissue, eight by eight a cell.
  private func tissuePoints(_ grid: DisplacementGrid) -> [MicronPoint] {
    let level = run.fixed.levels[0]
    return level.tissuePoints(step: max(1, Int(grid.spacing / 8 / level.pixelSize)))
  }
}

/// What a straight map does, taken apart.
struct AffineShape {
  /// Moving microns for one fixed micron.
  let scale: Double
  /// Counter-clockwise on the screen, after a mirror left to right where there is one; −180…180.
  let rotationDegrees: Double
  /// By how much the two directions that the map stretches most and least differ, as a share of the scale.
  let shear: Double
  /// Moving microns for one fixed micron in the direction in which they are most.
  let mostStretch: Double
  /// Moving microns for one fixed micron in the direction in which they are least.
  let leastStretch: Double

  init(_ map: AffineMap) {
    let side = map.determinant < 0 ? -1.0 : 1.0
    let a = map.a * side
    let d = map.d * side
    scale = abs(map.determinant).squareRoot()
    // On the screen y points down: a turn from x towards y is clockwise.
    rotationDegrees = -atan2(d - map.b, a + map.e) * 180 / .pi
    let same = ((a + map.e) * (a + map.e) + (d - map.b) * (d - map.b)).squareRoot() / 2
    let other = ((a - map.e) * (a - map.e) + (d + map.b) * (d + map.b)).squareRoot() / 2
    shear = same > 0 ? 2 * other / same : .infinity
    mostStretch = same + other
    leastStretch = abs(same - other)
  }
}
