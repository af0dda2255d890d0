import Foundation
import Rasters

// Bends one section onto another from coarse to fine; the knots come closer with the pixels.
//
// Down to `finestDetail` the sections are bent both ways by each of `RegistrationOptions.bendings`, and the maps are
// averaged: an error of one that the others do not share becomes small, and both directions of a pair agree.
// Finer levels follow only where every detail agrees; serial sections that differ in each nucleus would be bent
// after noise.
extension RegistrationRun {
  /// Microns a pixel below which pixels show cells: structures that the next section need not have.
  static let finestDetail = 7.9
  /// The finest level is used where the similarity is that many times chance.
  private static let leastContrast = 2.0
  /// The pixel size at which ways to begin are compared, in microns.
  static let comparedPixelSize = 15.9
  /// Of the better start's score, the distance at which the other's map counts 1 / e.
  private static let tieWidth = 0.05
  /// A start that counts less is left out.
  private static let leastWeight = 0.05
  /// How often blocks are matched and bent once more.
  private static let rematchingRounds = 2
  /// Far enough that nothing of what was found is left, near enough to be tissue of the same kind.
  private static let chanceMicrons = 300.0

  /// Bends at all levels.
  ///
  /// Where two starts agree about as well, the mean of what comes of them is off by less than either on average;
  /// so is the mean over the ways to bend.
  ///
  /// - Parameter starts: Where to begin, the best first, whose map stays as it is.
  /// - Returns: The displacement, and whether the finest level had detail to go by.
  func bent(_ starts: [BendingStart]) -> (grid: DisplacementGrid, isDetailed: Bool) {
    let affine = starts[0].affine
    var grid: DisplacementGrid?
    var total = 0.0
    for start in starts {
      let backward = start.affine.inverse.map {
        reversed.matched(BendingStart(affine: $0, isMatched: start.isMatched))
      }
      for (index, bending) in options.bendings.enumerated() {
        var forward = start
        // What was bent already was bent in the first way.
        if index > 0 { forward.bent = nil }
        guard let bent = bentBothWays(forward, backward, bending) else { continue }
        total += start.weight
        guard let mean = grid else {
          grid = bent
          continue
        }
        grid =
          mean.averaged(
            with: { start.affine.place($0, bentBy: bent) }, share: start.weight / total,
            affine: affine) ?? mean
      }
    }
    return detailed(grid, affine: affine)
  }

  /// Bends further after parts of the tissue were found where blocks lie off their place.
  ///
  /// Blocks of 256 µm (larger ones on a large slide) are sought within 160 µm: more than bending reaches.
  ///
  /// - Parameters:
  ///   - bent: What came of the first bending.
  ///   - affine: Fixed to moving microns; stays as it is.
  /// - Returns: The displacement, which need not be better.
  func rematched(_ bent: DisplacementGrid, affine: AffineMap) -> DisplacementGrid {
    let matching = BlockMatching(run: self)
    let level = matching.finestLevel(from: Self.comparedPixelSize)
    let finer = max(0, level - 1)
    var grid = bent
    for _ in 0..<Self.rematchingRounds {
      let matched = matching.improved(grid, affine, level: level).resampled(
        spacing: Double(options.knotPixels / 2) * fixed.levels[finer].pixelSize,
        covering: fixed.levels[finer].extent)
      let start = BendingStart(affine: affine, isMatched: true, bent: (matched, level))
      grid = detailed(coarselyBent(start, options.bendings[0]), affine: affine).grid
    }
    return grid
  }

  /// Bends at the levels that show detail, if the finest does.
  private func detailed(
    _ coarse: DisplacementGrid?, affine: AffineMap
  ) -> (grid: DisplacementGrid, isDetailed: Bool) {
    var grid = coarse
    for index in levelIndices.reversed() where fixed.levels[index].pixelSize < Self.finestDetail {
      if index == 0, let grid, !isDetailed(affine, grid) { return (grid, false) }
      grid = bent(
        grid, level: index, affine: affine, knotPixels: options.knotPixels,
        metric: options.detailMetric, stiffness: options.stiffness)
    }
    return (grid ?? DisplacementGrid(spacing: 256, covering: fixedImage.frame.extent), true)
  }

  /// Whether the finest level shows more of the two sections' likeness than chance does.
  func isDetailed(_ affine: AffineMap, _ grid: DisplacementGrid) -> Bool {
    contrast(affine, grid) >= Self.leastContrast
  }

  /// Bends from the coarsest level, or the one after where a start was bent already, to the last that shows no
  /// detail, or to a coarser one.
  ///
  /// - Parameters:
  ///   - start: Where to begin; its map stays as it is.
  ///   - bending: How.
  ///   - finest: The last level.
  /// - Returns: The displacement; nil where there is no such level.
  func coarselyBent(
    _ start: BendingStart, _ bending: Bending, through finest: Int = 0
  ) -> DisplacementGrid? {
    var grid = start.bent?.grid
    var coarsest: Int
    if let bent = start.bent {
      coarsest = bent.level - 1
    } else if !start.isMatched {
      coarsest =
        levelIndices.last { fixed.levels[$0].pixelSize <= options.coarsestBend * 1.001 } ?? 0
    } else {
      coarsest = BlockMatching(run: self).finestLevel
      grid = matched(start).matched
    }
    for index in stride(from: coarsest, through: finest, by: -1)
    where fixed.levels[index].pixelSize >= Self.finestDetail {
      // Knots twice as dense for the pixels: a large warp has to be caught here.
      grid = bent(
        grid, level: index, affine: start.affine, knotPixels: options.knotPixels / 2,
        metric: bending.metric, stiffness: bending.stiffness)
    }
    return grid
  }

  /// A start with its blocks matched, where that is asked for and was not done.
  private func matched(_ start: BendingStart) -> BendingStart {
    guard start.isMatched, start.matched == nil else { return start }
    let matching = BlockMatching(run: self)
    let level = matching.finestLevel
    var result = start
    result.matched = matching.displacement(start.affine, through: level)?.resampled(
      spacing: Double(options.knotPixels / 2) * fixed.levels[level].pixelSize,
      covering: fixed.levels[level].extent)
    return result
  }

  /// Two ways to begin, the better one first: the pose's straight map with its blocks matched, which catches
  /// large warps, and an affine map refined by descent, which follows no block that only looks alike.
  ///
  /// - Returns: One or two; the second only where it agrees nearly as well as the first and leads elsewhere.
  func bendingStarts(_ pose: AffineMap) -> [BendingStart] {
    let starts = [
      matched(BendingStart(affine: pose, isMatched: true)),
      BendingStart(affine: straightenedBothWays(pose), isMatched: false),
    ]
    let level = comparedLevel
    var found: [(start: BendingStart, score: Double)] = []
    for var start in starts where RegistrationJudge.hasPlausibleScale(start.affine) {
      let grid = coarselyBent(start, options.bendings[0], through: level)
      start.bent = grid.map { ($0, level) }
      let score = WarpedPlanes(
        fixed: fixed.levels[level], moving: moving.levels[level], affine: start.affine,
        displacement: grid, rows: rows
      ).agreement(fixed: fixed.levels[level], rows: rows)
      if score > 0 { found.append((start, score)) }
    }
    guard let best = found.map(\.score).max() else { return [starts[0]] }
    for index in found.indices {
      found[index].start.weight = exp((found[index].score / best - 1) / Self.tieWidth)
    }
    let kept = found.map(\.start).filter { $0.weight >= Self.leastWeight }
      .sorted { $0.weight > $1.weight }
    return kept.count == 2 && isSame(kept[0], kept[1]) ? [kept[0]] : kept
  }

  /// The affine map between those that descent finds from either section.
  private func straightenedBothWays(_ pose: AffineMap) -> AffineMap {
    let maps = sideBySide(2, pixelCount: bentPixelCount) { index, run in
      index == 0
        ? run.straightened(pose)
        : pose.inverse.flatMap { run.reversed.straightened($0).inverse }
    }
    guard let forward = maps[0] else { return pose }
    guard let backward = maps[1] else { return forward }
    return AffineMap(
      fitting: fixed.levels[0].sparseTissuePoints.map { point in
        let (one, other) = (forward.place(point, bentBy: nil), backward.place(point, bentBy: nil))
        return (point, MicronPoint(x: (one.x + other.x) / 2, y: (one.y + other.y) / 2))
      }) ?? forward
  }

  /// Whether two starts lead to one map: nine tenths of the tissue lie within a compared pixel of their other
  /// place.
  private func isSame(_ one: BendingStart, _ other: BendingStart) -> Bool {
    let distances = fixed.levels[0].sparseTissuePoints.map {
      one.affine.place($0, bentBy: one.bent?.grid)
        .distance(to: other.affine.place($0, bentBy: other.bent?.grid))
    }.sorted()
    return distances.isEmpty || distances[distances.count * 9 / 10] < Self.comparedPixelSize
  }

  /// The level at which ways to begin are compared, and pieces of tissue told from each other.
  var comparedLevel: Int {
    levelIndices.first { fixed.levels[$0].pixelSize >= Self.comparedPixelSize }
      ?? levelIndices.upperBound - 1
  }

  var levelIndices: Range<Int> { 0..<min(fixed.levels.count, moving.levels.count) }

  /// The pixels of the larger section at the finest level that is bent both ways.
  private var bentPixelCount: Int {
    let (fixed, moving) = (fixed.levels[finestCoarseLevel], moving.levels[finestCoarseLevel])
    return max(fixed.width * fixed.height, moving.width * moving.height)
  }

  /// The finest level that shows no detail; level 0 where all do.
  var finestCoarseLevel: Int {
    levelIndices.first { fixed.levels[$0].pixelSize >= Self.finestDetail } ?? 0
  }

  /// The same pair with the sections exchanged.
  private var reversed: RegistrationRun {
    RegistrationRun(
      fixedImage: movingImage, movingImage: fixedImage, fixed: moving, moving: fixed,
      options: options)
  }

  private func bentBothWays(
    _ forwardStart: BendingStart, _ backwardStart: BendingStart?, _ bending: Bending
  ) -> DisplacementGrid? {
    let grids = sideBySide(2, pixelCount: bentPixelCount) { index, run in
      index == 0
        ? run.coarselyBent(forwardStart, bending)
        : backwardStart.flatMap { run.reversed.coarselyBent($0, bending) }
    }
    guard let forward = grids[0] else { return nil }
    guard let backwardStart, let backward = grids[1] else { return forward }
    let (affine, inverse) = (forwardStart.affine, backwardStart.affine)
    let there = SectionTransform(
      fixed: fixedImage.frame, moving: movingImage.frame, affine: affine, displacement: forward)
    let back = SectionTransform(
      fixed: movingImage.frame, moving: fixedImage.frame, affine: inverse, displacement: backward)
    return there.displacement(averagedWithInverseOf: back)
  }

  /// Bends at one pixel size, from no displacement or that of a coarser one.
  private func bent(
    _ grid: DisplacementGrid?, level index: Int, affine: AffineMap, knotPixels: Int,
    metric: MetricKind, stiffness: Double
  ) -> DisplacementGrid {
    let level = fixed.levels[index]
    let spacing = Double(knotPixels) * level.pixelSize
    let start: DisplacementGrid
    if let grid {
      start = grid.spacing > 1.5 * spacing ? grid.refined() : grid
    } else {
      start = DisplacementGrid(spacing: spacing, covering: level.extent)
    }
    return bent(
      start, level: index, affine: affine, knotPixels: knotPixels, metric: metric,
      stiffness: stiffness)
  }

  /// Bends at one pixel size; large sections tile by tile.
  func bent(
    _ start: DisplacementGrid, level index: Int, affine: AffineMap, knotPixels: Int,
    metric: MetricKind, stiffness: Double
  ) -> DisplacementGrid {
    let (fixed, moving) = (fixed.levels[index], moving.levels[index])
    guard fixed.width * fixed.height > options.mostPixelsAtOnce else {
      return FreeFormAlignment(
        problem: LevelProblem(fixed: fixed, moving: moving, metric: metric, rows: rows),
        affine: affine, knotPixels: knotPixels, stiffness: stiffness,
        maxIterations: options.maxIterations
      ).improved(start).grid
    }
    return TiledBending<Never>(
      fixed: TiledBending.Side(width: fixed.width, height: fixed.height) {
        fixed.cropped(to: $0)
      },
      moving: TiledBending.Side(width: moving.width, height: moving.height) {
        moving.cropped(to: $0)
      }, pixelSize: fixed.pixelSize, affine: affine, knotPixels: knotPixels,
      tissueShare: fixed.tissue.mean, metric: metric, stiffness: stiffness, options: options,
      rows: rows
    ).improved(start)
  }

  /// The similarity at the finest level over the mean of the same map shifted in eight directions.
  ///
  /// Taken over windows with the most tissue, which are the whole of a small section.
  private func contrast(_ affine: AffineMap, _ grid: DisplacementGrid) -> Double {
    let windows = ContrastWindows(fixed.levels[0]).regions.map { region in
      (level: fixed.levels[0].cropped(to: region), region: region)
    }
    var chance = 0.0
    var found = 0.0
    let shifted = (0..<8).map { direction in
      let angle = Double(direction) * .pi / 4
      var map = affine
      map.c += Self.chanceMicrons * cos(angle)
      map.f += Self.chanceMicrons * sin(angle)
      return map
    }
    for (level, region) in windows {
      let similarities = sideBySide(
        1 + shifted.count, pixelCount: level.width * level.height
      ) { index, run in
        run.similarity(level, region, index == 0 ? affine : shifted[index - 1], grid)
      }
      found += similarities[0]
      for similarity in similarities.dropFirst() { chance += similarity / 8 }
    }
    return found / max(chance, 1e-6)
  }

  /// The mean squared local correlation at the finest level over tissue that both sections have.
  private func similarity(
    _ level: SectionLevel, _ region: PixelRegion, _ affine: AffineMap, _ grid: DisplacementGrid
  ) -> Double {
    let warped = WarpedPlanes(
      fixed: level, moving: moving.levels[0], affine: affine, displacement: grid, rows: rows,
      region: region)
    return warped.similarity(
      fixed: level, weights: level.tissue.products(with: warped.tissue),
      rows: rows)
  }
}

/// Where bending begins.
struct BendingStart {
  /// Fixed to moving microns.
  let affine: AffineMap
  /// Whether blocks are matched before.
  let isMatched: Bool
  /// What matching has found, once it was done.
  var matched: DisplacementGrid?
  /// What came of bending down to a level, where that is known.
  var bent: (grid: DisplacementGrid, level: Int)?
  /// What its map counts beside the better one's, which counts 1.
  var weight = 1.0
}
