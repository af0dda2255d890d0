import Rasters

/// The sums of a comparison over one block of pixels.
struct BlockSums: Hashable, Sendable {
  var squaredError = ImageQuality.SquaredError()
  /// The sum of the structural similarity over window centres, and how many there are.
  var similarity = 0.0
  var windowCount = 0

  mutating func add(_ other: BlockSums) {
    squaredError.add(other.squaredError)
    similarity += other.similarity
    windowCount += other.windowCount
  }

  var meanSimilarity: Double { windowCount > 0 ? similarity / Double(windowCount) : .nan }
}

/// The sums of a comparison, block by block, in a grid that starts at (0, 0).
struct BlockGrid: Sendable {
  let columnCount: Int
  let rowCount: Int
  var blocks: [BlockSums]

  /// The side of a block, in pixels.
  static let side = 64

  init(width: Int, height: Int) {
    columnCount = (width + Self.side - 1) / Self.side
    rowCount = (height + Self.side - 1) / Self.side
    blocks = [BlockSums](repeating: BlockSums(), count: columnCount * rowCount)
  }

  var total: BlockSums { blocks.reduce(into: BlockSums()) { $0.add($1) } }

  /// The sums over squares of so many blocks a side, in reading order; only those that hold pixels.
  func squares(blocksPerSide: Int) -> [BlockSums] {
    let across = (columnCount + blocksPerSide - 1) / blocksPerSide
    let down = (rowCount + blocksPerSide - 1) / blocksPerSide
    var result = [BlockSums](repeating: BlockSums(), count: across * down)
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        result[row / blocksPerSide * across + column / blocksPerSide]
          .add(blocks[row * columnCount + column])
      }
    }
    return result.filter { $0.squaredError.count > 0 }
  }
}
