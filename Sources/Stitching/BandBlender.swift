public import Rasters

/// Adds converted tiles up, row of tiles by row of tiles, and hands out finished rows of pixels.
///
/// Sums are kept in floating point and rounded once. Tiles must come in the order of the plan, row by
/// row and left to right; each pixel's sum is then formed in one fixed order, whoever computed the
/// tiles. Memory: `(tileSize − overlap / 4) · region.width · 12` bytes, whatever the height.
public struct BandBlender: Sendable {
  /// The plan whose tiles are added.
  public let plan: TilePlan
  /// The next row of pixels to hand out, in the raster.
  public private(set) var nextY: Int

  private var sums: [Float]
  private let capacity: Int

  /// Starts an empty blend.
  ///
  /// - Parameters:
  ///   - plan: The tiles to come.
  ///   - row: The first tile row that will be added; rows of pixels that also need the tile row above
  ///     are not handed out. The plan's first row unless given.
  public init(plan: TilePlan, startingAt row: Int? = nil) {
    self.plan = plan
    let first = row ?? plan.rows.lowerBound
    let alone = first * plan.stride + plan.overlap - plan.discarded
    // From the plan's first row on, every pixel of the region is complete.
    nextY = first == plan.rows.lowerBound ? plan.region.y : max(alone, plan.region.y)
    capacity = plan.tileSize
    sums = [Float](repeating: 0, count: capacity * plan.region.width * 3)
  }

  /// Adds one tile.
  ///
  /// - Parameters:
  ///   - values: `[tileSize, tileSize, 3]`, levels 0…255.
  ///   - column: Tile column in the plan.
  ///   - row: Tile row in the plan.
  /// - Precondition: `values` has the size of a tile.
  public mutating func add(_ values: [Float], column: Int, row: Int) {
    let size = plan.tileSize
    precondition(
      values.count == size * size * 3,
      "a tile of \(size) × \(size) × 3 was announced, \(values.count) values came")
    let region = plan.region
    let xs = plan.support(of: column, along: plan.width).clamped(to: region.x..<region.maxX)
    let ys = plan.support(of: row, along: plan.height).clamped(to: nextY..<max(nextY, region.maxY))
    guard !xs.isEmpty, !ys.isEmpty else { return }
    let across = BlendWindow.weights(
      tileSize: size, overlap: plan.overlap, hasPrevious: column > 0,
      hasNext: column < plan.columnCount - 1)
    let down = BlendWindow.weights(
      tileSize: size, overlap: plan.overlap, hasPrevious: row > 0,
      hasNext: row < plan.rowCount - 1)
    let tileX = column * plan.stride
    let tileY = row * plan.stride
    let spread = across.flatMap { [$0, $0, $0] }
    let count = xs.count * 3
    let nextY = nextY
    sums.withUnsafeMutableBufferPointer { sums in
      values.withUnsafeBufferPointer { values in
        spread.withUnsafeBufferPointer { spread in
          for y in ys {
            let weight = down[y - tileY]
            let from = ((y - tileY) * size + xs.lowerBound - tileX) * 3
            let window = (xs.lowerBound - tileX) * 3
            let to = ((y - nextY) * region.width + xs.lowerBound - region.x) * 3
            for index in 0..<count {
              sums[to + index] += spread[window + index] * weight * values[from + index]
            }
          }
        }
      }
    }
  }

  /// Hands out the rows of pixels that no later tile touches.
  ///
  /// - Parameter row: The tile row whose last tile was just added.
  /// - Returns: Rows from ``nextY`` on, as wide as the region, levels rounded half up and clamped; no
  ///   rows where the tile row ends above the region.
  public mutating func finish(row: Int) -> RGBImage {
    finish(row: row) { sums, width, rowCount in
      let pixels = [UInt8](unsafeUninitializedCapacity: sums.count) { pixels, count in
        for index in 0..<sums.count {
          // Levels are not negative after the clamp, so truncation of v + ½ rounds half up.
          pixels[index] = UInt8(min(max(sums[index] + 0.5, 0), 255.5))
        }
        count = sums.count
      }
      return RGBImage(width: width, height: rowCount, pixels: pixels)
    }
  }

  /// Hands out the same rows as sums, neither rounded nor clamped.
  mutating func finishedSums(row: Int) -> [Float] {
    finish(row: row) { sums, _, _ in Array(sums) }
  }

  /// Hands out the rows of pixels that no later tile touches, and forgets them.
  private mutating func finish<Result>(
    row: Int, _ body: (_ sums: UnsafeBufferPointer<Float>, _ width: Int, _ rowCount: Int) -> Result
  ) -> Result {
    let isLast = row == plan.rows.upperBound - 1
    let end =
      isLast
      ? plan.region.maxY
      : min(plan.region.maxY, (row + 1) * plan.stride + plan.discarded)
    let width = plan.region.width
    let rowCount = max(0, end - nextY)
    let valueCount = rowCount * width * 3
    let result = sums.withUnsafeBufferPointer { sums in
      body(UnsafeBufferPointer(rebasing: sums[0..<valueCount]), width, rowCount)
    }
    guard rowCount > 0 else { return result }
    let total = sums.count
    sums.withUnsafeMutableBufferPointer { sums in
      for index in valueCount..<total { sums[index - valueCount] = sums[index] }
      for index in (total - valueCount)..<total { sums[index] = 0 }
    }
    nextY = end
    return result
  }
}
