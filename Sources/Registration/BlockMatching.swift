import Rasters

/// Finds a warp that is too large for descent: every block of tissue is sought far around its place, and
/// neighbouring blocks have to agree.
///
/// Minimises `Σ w(1 − max(0, r(d))) + λ Σ |d − d′|² / s²` over one shift `d` of whole pixels for each knot,
/// where `r` is the correlation of a block with the moving section, `w` its share of tissue, `s` the pixels
/// between knots and the second sum runs over neighbours. Reference: Felzenszwalb and Huttenlocher 2006, IJCV
/// 70(1), sections 2 to 4.
struct BlockMatching {
  let run: RegistrationRun
  /// Pixels between knots.
  private static let knotPixels = 8
  /// Half the side of a block, in pixels.
  private static let halfBlock = 8
  /// Pixels to each side within which a block is sought.
  private static let reach = 10
  /// The side of the square of shifts.
  private static let side = 2 * reach + 1
  /// The finest pixel size that is matched, in microns: finer blocks of sections that lie apart look alike by
  /// chance.
  private static let finestPixelSize = 31.0
  /// Of a larger section only the coarser levels are matched.
  private static let mostKnots = 2500
  /// What neighbours' disagreement costs, for a displacement that changes by as much as the place does.
  private static let coupling: Float = 1
  /// How stiff the spline through the matches is; see ``DisplacementGrid/smoothed(weights:smoothness:)``.
  private static let smoothness = 0.02
  /// A second look at the coarsest level finds blocks that were turned by the warp.
  private static let coarsestPasses = 2

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
      for _ in 0..<(index == coarsest ? Self.coarsestPasses : 1) {
        grid = improved(grid, affine, level: index)
      }
    }
    return grid
  }

  /// The finest level that is matched before bending.
  var finestLevel: Int {
    let range = contestLevels
    return (0...range.upperBound).first {
      let level = run.fixed.levels[$0]
      return level.pixelSize >= Self.finestPixelSize
        && (level.width / Self.knotPixels + 1) * (level.height / Self.knotPixels + 1)
          <= Self.mostKnots
    } ?? range.lowerBound
  }

  private func improved(
    _ grid: DisplacementGrid?, _ affine: AffineMap, level index: Int
  ) -> DisplacementGrid {
    let fixed = run.fixed.levels[index]
    let warped = WarpedPlanes(
      fixed: fixed, moving: run.moving.levels[index], affine: affine, displacement: grid,
      rows: run.rows)
    var result = DisplacementGrid(
      spacing: Double(Self.knotPixels) * fixed.pixelSize,
      covering: fixed.extent)
    let (columns, rows) = (result.columns - 2, result.rows - 2)
    let costs = costs(fixed: fixed, warped: warped, columns: columns, rows: rows)
    let shifts = BeliefPropagation(
      columns: columns, rows: rows, side: Self.side,
      coupling: Self.coupling / Float(Self.knotPixels * Self.knotPixels), loop: run.rows
    ).shifts(costs.costs)
    var weights = [Double](repeating: 0, count: result.columns * result.rows)
    for row in 0..<rows {
      for column in 0..<columns {
        let node = row * columns + column
        let target = (row + 1) * result.columns + column + 1
        let label = shifts.labels[node]
        let matched =
          costs.shares[node] - costs.costs.pointer[node * BeliefPropagation.stride + label]
        weights[target] = Double(matched * matched)
        let place = MicronPoint(
          x: Double(column) * result.spacing, y: Double(row) * result.spacing)
        let x = (Double(shifts.x[node]) - Double(Self.reach)) * fixed.pixelSize
        let y = (Double(shifts.y[node]) - Double(Self.reach)) * fixed.pixelSize
        let before = grid?.displacement(at: MicronPoint(x: place.x + x, y: place.y + y))
        result.x[target] = Float(x + (before?.x ?? 0))
        result.y[target] = Float(y + (before?.y ?? 0))
      }
    }
    return result.smoothed(weights: weights, smoothness: Self.smoothness)
  }

  /// `1 − correlation` times the share of tissue, `[knot, row, column]` with rows of 24.
  private func costs(
    fixed: SectionLevel, warped: WarpedPlanes, columns: Int, rows: Int
  ) -> (costs: FloatBuffer, shares: [Float]) {
    let border = Self.halfBlock + Self.reach
    let reference = fixed.density.bordered(border)
    let tissue = fixed.tissue.bordered(border)
    let target = warped.density.bordered(border)
    let stride = BeliefPropagation.stride
    let costs = FloatBuffer(count: columns * rows * stride)
    let shares = FloatBuffer(count: columns * rows)
    run.rows.forEach(count: columns * rows) { @Sendable node in
      let x = min(fixed.width, node % columns * Self.knotPixels) + border
      let y = min(fixed.height, node / columns * Self.knotPixels) + border
      let block = CorrelationBlock(
        reference, left: x - Self.halfBlock, top: y - Self.halfBlock, side: 2 * Self.halfBlock)
      var covered: Float = 0
      for row in 0..<block.side {
        for column in 0..<block.side { covered += tissue[block.left + column, block.top + row] }
      }
      let share = covered / Float(block.side * block.side)
      let scores = block.correlations(with: target, reach: Self.reach)
      shares.pointer[node] = scores == nil ? 0 : share
      for row in 0..<BeliefPropagation.paddedSide {
        for column in 0..<BeliefPropagation.paddedSide {
          let isShift = row < Self.side && column < Self.side
          let score = isShift ? scores?[row * Self.side + column] ?? 1 : 0
          costs.pointer[node * stride + row * BeliefPropagation.paddedSide + column] =
            isShift ? share * (1 - max(0, score)) : BeliefPropagation.never
        }
      }
    }
    return (costs, shares.values)
  }
}

extension Plane {
  /// The plane within a border of zeros.
  func bordered(_ border: Int) -> Plane {
    var result = Plane(width: width + 2 * border, height: height + 2 * border)
    for row in 0..<height {
      let from = row * width
      let to = (row + border) * result.width + border
      result.values.replaceSubrange(to..<to + width, with: values[from..<from + width])
    }
    return result
  }
}
