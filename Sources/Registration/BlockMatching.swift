import Rasters

/// Finds a warp that is too large for descent: from coarse to fine, every block of tissue is sought far around
/// its place, and neighbouring blocks have to agree (``BlockMatches``).
struct BlockMatching {
  let run: RegistrationRun
  /// The finest pixel size that is matched, in microns: finer blocks of sections that lie apart look alike by
  /// chance.
  private static let finestPixelSize = 31.0
  /// Of a larger section only the coarser levels are matched.
  private static let mostKnots = 2500
  /// How stiff the spline through the matches is; see ``DisplacementGrid/smoothed(weights:smoothness:)``.
  private static let smoothness = 0.02
  /// A second look finds blocks that the warp had turned or stretched too far for the first; at the finest
  /// level one is enough, and a second follows what looks alike by chance.
  private static let passes = 2

  /// Where poses are compared, and one coarser: the first level of at most 160 pixels across, and the next.
  var contestLevels: ClosedRange<Int> {
    let indices = run.levelIndices
    let last = indices.upperBound - 1
    let fine =
      indices.first {
        run.fixed.levels[$0].longSide <= 160
          && run.fixed.levels[$0].pixelSize >= RegistrationRun.comparedPixelSize
      } ?? last
    return fine...min(fine + 1, last)
  }

  /// - Parameters:
  ///   - affine: Fixed to moving microns; stays as it is.
  ///   - start: Where to begin; nothing for the straight map.
  ///   - finest: The finest level to match at.
  /// - Returns: The displacement.
  func displacement(
    _ affine: AffineMap, from start: DisplacementGrid? = nil, through finest: Int
  ) -> DisplacementGrid? {
    let coarsest = contestLevels.upperBound
    var grid = start
    for index in stride(from: start == nil ? coarsest : coarsest - 1, through: finest, by: -1) {
      for _ in 0..<(index > finestLevel ? Self.passes : 1) {
        grid = improved(grid, affine, level: index)
      }
    }
    return grid
  }

  /// The finest level that is matched before bending.
  var finestLevel: Int { finestLevel(from: Self.finestPixelSize) }

  /// The finest level from a pixel size in microns on that does not have too many knots.
  func finestLevel(from pixelSize: Double) -> Int {
    let range = contestLevels
    return (0...range.upperBound).first {
      let level = run.fixed.levels[$0]
      let columns = level.width / BlockMatches.knotPixels + 1
      let rows = level.height / BlockMatches.knotPixels + 1
      return level.pixelSize >= pixelSize && columns * rows <= Self.mostKnots
    } ?? range.lowerBound
  }

  /// Seeks every block once more from where a displacement puts it.
  ///
  /// - Parameters:
  ///   - grid: The displacement; nothing for the straight map.
  ///   - affine: Fixed to moving microns; stays as it is.
  ///   - index: The level to match at.
  /// - Returns: The better displacement, with knots of its own.
  func improved(
    _ grid: DisplacementGrid?, _ affine: AffineMap, level index: Int
  ) -> DisplacementGrid {
    let fixed = run.fixed.levels[index]
    let warped = WarpedPlanes(
      fixed: fixed, moving: run.moving.levels[index], affine: affine, displacement: grid,
      rows: run.rows)
    var result = DisplacementGrid(
      spacing: Double(BlockMatches.knotPixels) * fixed.pixelSize, covering: fixed.extent)
    let matches = BlockMatches(
      fixed: fixed.density, tissue: fixed.tissue.plane, moving: warped.density,
      inside: warped.inside.plane, columns: result.columns - 2, rows: result.rows - 2,
      loop: run.rows)
    var weights = [Double](repeating: 0, count: result.columns * result.rows)
    for row in 0..<matches.rows {
      for column in 0..<matches.columns {
        let knot = row * matches.columns + column
        let target = (row + 1) * result.columns + column + 1
        weights[target] = matches.weights[knot]
        let place = MicronPoint(
          x: Double(column) * result.spacing, y: Double(row) * result.spacing)
        let x = Double(matches.x[knot]) * fixed.pixelSize
        let y = Double(matches.y[knot]) * fixed.pixelSize
        let before = grid?.displacement(at: MicronPoint(x: place.x + x, y: place.y + y))
        result.x[target] = Float(x + (before?.x ?? 0))
        result.y[target] = Float(y + (before?.y ?? 0))
      }
    }
    return result.smoothed(weights: weights, smoothness: Self.smoothness)
  }
}
