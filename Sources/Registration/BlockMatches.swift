package import Rasters

/// Where the blocks of one section's picture lie in another's, at one pixel size.
///
/// Minimises `Σ w(1 − max(0, r(d))) + λ Σ |d − d′|² / s²` over one shift `d` of whole pixels for each knot,
/// where `r` is the correlation of a block with the moving section, `w` its share of tissue, `s` the pixels
/// between knots and the second sum runs over neighbours. Reference: Felzenszwalb and Huttenlocher 2006, IJCV
/// 70(1), sections 2 to 4.
package struct BlockMatches: Sendable {
  /// Pixels between knots; the first lies on the picture's corner.
  package static let knotPixels = 8
  /// Half the side of a block, in pixels.
  private static let halfBlock = 8
  /// Pixels to each side within which a block is sought.
  package static let reach = 10
  /// The side of the square of shifts.
  private static let side = 2 * reach + 1
  /// What neighbours' disagreement costs, for a displacement that changes by as much as the place does.
  private static let coupling: Float = 1

  /// A shift whose alternatives are spread by so many square pixels weighs half.
  private static let halfTrusted: Float = 2

  /// Knots from left to right.
  package let columns: Int
  /// Knots from top to bottom.
  package let rows: Int
  /// `[rows, columns]`, pixels to the right.
  package private(set) var x: [Double] = []
  /// `[rows, columns]`, pixels downwards.
  package private(set) var y: [Double] = []
  /// `[rows, columns]`, how far each shift may be trusted: the square of its correlation times the share of
  /// tissue, less where shifts far apart do as well; 0 for a block without texture.
  package private(set) var weights: [Double] = []

  /// Seeks every block.
  ///
  /// - Parameters:
  ///   - fixed: The density whose blocks are sought.
  ///   - tissue: 1 where `fixed` shows tissue.
  ///   - moving: The density that they are sought in, of the same size.
  ///   - inside: 1 where `moving` is known: a block counts by as much of it as is.
  ///   - columns: Knots from left to right.
  ///   - rows: Knots from top to bottom.
  ///   - loop: The threads.
  package init(
    fixed: Plane, tissue: Plane, moving: Plane, inside: Plane, columns: Int, rows: Int,
    loop: RowLoop
  ) {
    self.columns = columns
    self.rows = rows
    let (costs, shares) = Self.costs(
      fixed: fixed, tissue: tissue, moving: moving, inside: inside, columns: columns, rows: rows,
      loop: loop)
    let shifts = BeliefPropagation(
      columns: columns, rows: rows, side: Self.side,
      coupling: Self.coupling / Float(Self.knotPixels * Self.knotPixels), loop: loop
    ).shifts(costs)
    for node in 0..<columns * rows {
      let matched =
        shares[node] - costs.pointer[node * BeliefPropagation.stride + shifts.labels[node]]
      weights.append(Double(matched * matched / (1 + shifts.spread[node] / Self.halfTrusted)))
      x.append(Double(shifts.x[node]) - Double(Self.reach))
      y.append(Double(shifts.y[node]) - Double(Self.reach))
    }
  }

  /// `1 − correlation` times the share of tissue, `[knot, row, column]` with rows of 24.
  private static func costs(
    fixed: Plane, tissue: Plane, moving: Plane, inside: Plane, columns: Int, rows: Int,
    loop: RowLoop
  ) -> (costs: FloatBuffer, shares: [Float]) {
    let border = halfBlock + reach
    let reference = fixed.bordered(border)
    let tissue = tissue.bordered(border)
    let target = moving.bordered(border)
    let inside = inside.bordered(border)
    let stride = BeliefPropagation.stride
    let costs = FloatBuffer(count: columns * rows * stride)
    let shares = FloatBuffer(count: columns * rows)
    loop.forEach(count: columns * rows) { @Sendable node in
      let x = min(fixed.width, node % columns * knotPixels) + border
      let y = min(fixed.height, node / columns * knotPixels) + border
      let block = CorrelationBlock(
        reference, left: x - halfBlock, top: y - halfBlock, side: 2 * halfBlock)
      var covered: Float = 0
      for row in 0..<block.side {
        for column in 0..<block.side {
          let (x, y) = (block.left + column, block.top + row)
          covered += tissue[x, y] * inside[x, y]
        }
      }
      let share = covered / Float(block.side * block.side)
      let scores = block.correlations(with: target, reach: reach)
      shares.pointer[node] = scores == nil ? 0 : share
      for row in 0..<BeliefPropagation.paddedSide {
        for column in 0..<BeliefPropagation.paddedSide {
          let isShift = row < side && column < side
          let score = isShift ? scores?[row * side + column] ?? 1 : 0
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
