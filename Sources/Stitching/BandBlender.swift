import Rasters

/// Adds converted tiles up, row of tiles by row of tiles, and hands out finished rows of pixels.
///
/// Sums are kept in floating point and rounded once. Tiles must come in the order of the plan, row by
/// row and left to right; each pixel's sum is then formed in one fixed order, whoever computed the
/// tiles. Memory: `(tileSize − overlap / 4) · region.width · 12` bytes, whatever the height.
struct BandBlender: Sendable {
  /// The plan whose tiles are added.
  let plan: TilePlan
  /// The next row of pixels to hand out, in the raster.
  private(set) var nextY: Int

  private var sums: [Float]
  private let capacity: Int

  /// Starts an empty blend.
  ///
  /// - Parameters:
  ///   - plan: The tiles to come.
  ///   - row: The first tile row that will be added; rows of pixels that also need the tile row above
  ///     are not handed out. The plan's first row unless given.
  init(plan: TilePlan, startingAt row: Int? = nil) {
    self.plan = plan
    let first = row ?? plan.rows.lowerBound
    let alone = first * plan.stride + plan.overlap - plan.discarded
    // From the plan's first row on, every pixel of the region is complete.
    nextY = first == plan.rows.lowerBound ? plan.region.y : max(alone, plan.region.y)
    capacity = plan.tileSize
    sums = [Float](repeating: 0, count: capacity * plan.region.width * 3)
  }

  /// What a tile adds.
  enum Tile: Sendable {
    /// `[tileSize, tileSize, 3]`, levels 0…255.
    case levels([Float])
    /// The pixels as they are.
    case pixels(RGBImage)

    fileprivate var count: Int {
      switch self {
      case .levels(let values): values.count
      case .pixels(let image): image.pixels.count
      }
    }
  }

  /// Pixel rows that one worker adds or rounds at once.
  private static let chunkHeight = 16

  /// Adds tiles of one row.
  ///
  /// Workers share the rows of pixels out among them; at each pixel tiles are added in their order.
  ///
  /// - Parameters:
  ///   - tiles: From left to right.
  ///   - columns: Their tile columns in the plan.
  ///   - row: Tile row in the plan.
  ///   - forEach: Runs independent work.
  /// - Precondition: Each has the size of a tile.
  mutating func add(_ tiles: [Tile], columns: Range<Int>, row: Int, forEach: ForEach) {
    let (plan, nextY, tileY) = (plan, nextY, row * plan.stride)
    let size = plan.tileSize
    precondition(
      tiles.count == columns.count && tiles.allSatisfy { $0.count == size * size * 3 },
      "\(columns.count) tiles of \(size) × \(size) × 3 were announced")
    let region = plan.region
    let ys = plan.support(of: row, along: plan.height).clamped(to: nextY..<max(nextY, region.maxY))
    guard !ys.isEmpty else { return }
    let down = BlendWindow.weights(
      tileSize: size, overlap: plan.overlap, hasPrevious: row > 0,
      hasNext: row < plan.rowCount - 1)
    let windows = columns.map { column in
      BlendWindow.weights(
        tileSize: size, overlap: plan.overlap, hasPrevious: column > 0,
        hasNext: column < plan.columnCount - 1
      ).flatMap { [$0, $0, $0] }
    }
    let chunkCount = (ys.count + Self.chunkHeight - 1) / Self.chunkHeight
    sums.withUnsafeMutableBufferPointer { sums in
      // Each chunk writes its own rows, and `forEach` returns after the last one.
      nonisolated(unsafe) let sums = sums
      forEach(chunkCount) { chunk in
        let first = ys.lowerBound + chunk * Self.chunkHeight
        for (index, column) in columns.enumerated() {
          let xs = plan.support(of: column, along: plan.width)
            .clamped(to: region.x..<region.maxX)
          guard !xs.isEmpty else { continue }
          let left = xs.lowerBound - column * plan.stride
          for y in first..<min(first + Self.chunkHeight, ys.upperBound) {
            let weight = down[y - tileY]
            let from = ((y - tileY) * size + left) * 3
            let to = ((y - nextY) * region.width + xs.lowerBound - region.x) * 3
            windows[index].withUnsafeBufferPointer { window in
              /// Adds a row of the tile; `value` gives what stands at a place of it.
              @inline(__always) func addRow(_ value: (Int) -> Float) {
                for offset in 0..<xs.count * 3 {
                  sums[to + offset] += window[left * 3 + offset] * weight * value(from + offset)
                }
              }
              switch tiles[index] {
              case .levels(let values):
                values.withUnsafeBufferPointer { values in addRow { values[$0] } }
              case .pixels(let image):
                image.pixels.withUnsafeBufferPointer { pixels in addRow { Float(pixels[$0]) } }
              }
            }
          }
        }
      }
    }
  }

  /// Hands out the rows of pixels that no later tile touches.
  ///
  /// - Parameters:
  ///   - row: The tile row whose last tile was just added.
  ///   - forEach: Runs independent work.
  /// - Returns: Rows from ``nextY`` on, as wide as the region, levels rounded half up and clamped; no
  ///   rows where the tile row ends above the region.
  mutating func finish(row: Int, forEach: ForEach) -> RGBImage {
    finish(row: row) { sums, width, rowCount in
      nonisolated(unsafe) let sums = sums
      let pixels = [UInt8](unsafeUninitializedCapacity: sums.count) { pixels, count in
        // Each chunk writes its own rows, and `forEach` returns after the last one.
        nonisolated(unsafe) let pixels = pixels
        let chunk = Self.chunkHeight * width * 3
        forEach((rowCount + Self.chunkHeight - 1) / Self.chunkHeight) { index in
          for place in index * chunk..<min((index + 1) * chunk, sums.count) {
            // Levels are not negative after the clamp, so truncation of v + ½ rounds half up.
            pixels[place] = UInt8(min(max(sums[place] + 0.5, 0), 255.5))
          }
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
