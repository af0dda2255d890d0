import Rasters

/// What is summed up over blocks of pixels.
protocol AdditiveSums: Sendable {
  /// Sums over no pixel.
  var emptied: Self { get }
  /// Whether no pixel was compared.
  var isEmpty: Bool { get }

  mutating func add(_ other: Self)
}

/// The sums of a comparison over one block of pixels.
struct BlockSums: Hashable, AdditiveSums {
  var squaredError = ImageQuality.SquaredError()
  /// The sum of the structural similarity over window centres, and how many there are.
  var similarity = 0.0
  var windowCount = 0

  var emptied: BlockSums { BlockSums() }
  var isEmpty: Bool { squaredError.count == 0 }

  mutating func add(_ other: BlockSums) {
    squaredError.add(other.squaredError)
    similarity += other.similarity
    windowCount += other.windowCount
  }

  var meanSimilarity: Double { windowCount > 0 ? similarity / Double(windowCount) : .nan }
}

/// The sums of a comparison of pixels, block by block.
typealias BlockGrid = SumGrid<BlockSums>

/// Sums block by block, in a grid that starts at (0, 0).
struct SumGrid<Sums: AdditiveSums>: Sendable {
  let columnCount: Int
  let rowCount: Int
  var blocks: [Sums]
  /// Sums over no pixel.
  let none: Sums

  /// The side of a block, in pixels.
  static var side: Int { 64 }

  init(width: Int, height: Int, of none: Sums) {
    columnCount = (width + Self.side - 1) / Self.side
    rowCount = (height + Self.side - 1) / Self.side
    self.none = none
    blocks = [Sums](repeating: none, count: columnCount * rowCount)
  }

  var total: Sums { blocks.reduce(into: none) { $0.add($1) } }

  /// The sums over squares of so many blocks a side, in reading order; only those that hold pixels.
  func squares(blocksPerSide: Int) -> [Sums] {
    let across = (columnCount + blocksPerSide - 1) / blocksPerSide
    let down = (rowCount + blocksPerSide - 1) / blocksPerSide
    var result = [Sums](repeating: none, count: across * down)
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        result[row / blocksPerSide * across + column / blocksPerSide]
          .add(blocks[row * columnCount + column])
      }
    }
    return result.filter { !$0.isEmpty }
  }
}

extension SumGrid where Sums == BlockSums {
  init(width: Int, height: Int) { self.init(width: width, height: height, of: BlockSums()) }
}

extension SumGrid {
  /// The side of the squares that are resampled, in microns; smaller where needed for ``wantedSquares``.
  static var largestSquareMicrons: Double { 1000 }
  static var wantedSquares: Int { 10 }

  /// The squares that intervals are drawn from, and their side in blocks.
  func resampledSquares(pixelSizeMicrons: Double) -> (squares: [Sums], side: Int) {
    var side = max(
      1, Int((Self.largestSquareMicrons / pixelSizeMicrons / Double(Self.side)).rounded()))
    var found = squares(blocksPerSide: side)
    while found.count < Self.wantedSquares, side > 1 {
      side /= 2
      found = squares(blocksPerSide: side)
    }
    return (found, side)
  }
}
