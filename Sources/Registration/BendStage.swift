import Foundation
import Rasters

/// Bends one section onto another from coarse to fine; the knots come closer with the pixels.
///
/// Down to ``finestDetail`` the sections are bent both ways and the two maps averaged: an error of one way that the
/// other does not share is halved, and both directions of a pair agree. Finer levels follow only where every detail
/// agrees; serial sections that differ in each nucleus would be bent after noise.
struct BendStage {
  let fixed: SectionPlanes
  let moving: SectionPlanes
  let options: RegistrationOptions
  let rows: RowLoop

  /// Microns a pixel below which pixels show cells: structures that the next section need not have.
  static let finestDetail = 7.9
  /// Detail is used where the similarity is that many times chance.
  static let leastContrast = 2.0
  /// Far enough that nothing of what was found is left, near enough to be tissue of the same kind.
  static let chanceMicrons = 300.0

  /// - Parameters:
  ///   - affine: Fixed to moving microns; stays as it is.
  ///   - fixedFrame: The fixed slide.
  ///   - movingFrame: The moving slide.
  /// - Returns: The displacement in the fixed frame.
  func bent(
    _ affine: AffineMap, fixedFrame: SectionFrame, movingFrame: SectionFrame
  ) -> DisplacementGrid {
    var grid = coarse(affine)
    if let forward = grid, let inverse = affine.inverse {
      let other = BendStage(fixed: moving, moving: fixed, options: options, rows: rows)
      if let backward = other.coarse(inverse) {
        let there = SectionTransform(
          fixed: fixedFrame, moving: movingFrame, affine: affine, displacement: forward)
        let back = SectionTransform(
          fixed: movingFrame, moving: fixedFrame, affine: inverse, displacement: backward)
        grid = there.displacement(averagedWithInverseOf: back)
      }
    }
    for index in levels(finerThan: Self.finestDetail) {
      if let grid, contrast(affine, grid) < Self.leastContrast { break }
      grid = improved(
        grid, affine: affine, index: index, metric: options.detailMetric,
        stiffness: options.stiffness)
    }
    return grid ?? DisplacementGrid(spacing: 256, covering: fixedFrame.extent)
  }

  /// Bends at every level from the coarsest to the last that shows no detail.
  private func coarse(_ affine: AffineMap) -> DisplacementGrid? {
    let count = min(fixed.levels.count, moving.levels.count)
    let coarsest =
      (0..<count).last { fixed.levels[$0].pixelSize <= options.coarsestBend * 1.001 } ?? 0
    let isCombined = options.similarity == .combined
    var grid: DisplacementGrid?
    for index in stride(from: coarsest, through: 0, by: -1)
    where fixed.levels[index].pixelSize >= Self.finestDetail {
      grid = improved(
        grid, affine: affine, index: index, metric: options.bendMetric,
        stiffness: isCombined ? options.coarseStiffness : options.stiffness)
    }
    return grid
  }

  /// From coarse to fine.
  private func levels(finerThan pixelSize: Double) -> [Int] {
    let count = min(fixed.levels.count, moving.levels.count)
    return (0..<count).reversed().filter { fixed.levels[$0].pixelSize < pixelSize }
  }

  private func improved(
    _ grid: DisplacementGrid?, affine: AffineMap, index: Int, metric: MetricKind, stiffness: Double
  ) -> DisplacementGrid {
    let level = fixed.levels[index]
    // Levels without detail get knots twice as dense for their pixels: a large warp has to be caught there.
    let knotPixels =
      level.pixelSize >= Self.finestDetail ? options.knotPixels / 2 : options.knotPixels
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
      fixed: level, moving: moving.levels[index], metric: metric, rows: rows)
    return FreeFormAlignment(
      problem: problem, affine: affine, knotPixels: knotPixels, stiffness: stiffness,
      maxIterations: options.maxIterations
    ).improved(start).grid
  }

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
}
