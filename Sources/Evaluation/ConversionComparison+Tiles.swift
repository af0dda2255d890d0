public import Rasters
import Synchronization
public import Tensors

extension ConversionComparison {
  /// Blocks of a tile that have to be compared for the tile to count: half of them.
  private static let leastBlocks =
    InceptionComparison.tileSide * InceptionComparison.tileSide / BlockGrid.side / BlockGrid.side
    / 2

  /// How many tiles ``inceptionTiles(parallelism:progress:)`` looks at, the total of its progress.
  public var inceptionTileCount: Int {
    (real.width / InceptionComparison.tileSide) * (real.height / InceptionComparison.tileSide)
  }

  /// The tiles of the real slide for FID and its kin, in reading order.
  ///
  /// Of the grid of 256 × 256 pixels that starts at (0, 0) the whole tiles at least half of whose blocks of
  /// 64 × 64 pixels are compared otherwise, too, and that were imaged for the generated slide from edge to
  /// edge.
  ///
  /// - Parameters:
  ///   - parallelism: How many threads read.
  ///   - progress: Told the number of tiles after each row of them; may throw to stop.
  /// - Returns: Their places.
  /// - Throws: What the sources throw, what `progress` throws.
  public func inceptionTiles(
    parallelism: Parallelism = .serial, progress: (_ tileCount: Int) throws -> Void = { _ in }
  ) throws -> [PixelRegion] {
    let side = InceptionComparison.tileSide
    let columnCount = real.width / side
    var tiles: [PixelRegion] = []
    for row in 0..<real.height / side {
      let places = (0..<columnCount).map {
        PixelRegion(x: $0 * side, y: row * side, width: side, height: side)
      }
      let found = Mutex([Result<Bool, any Error>?](repeating: nil, count: columnCount))
      parallelism.forEach(count: columnCount) { column in
        let result = Result { try shows(places[column]) }
        found.withLock { $0[column] = result }
      }
      let results = try found.withLock { $0 }.map { try $0?.get() ?? false }
      tiles += zip(places, results).filter(\.1).map(\.0)
      try progress(columnCount)
    }
    return tiles
  }

  private func shows(_ tile: PixelRegion) throws -> Bool {
    guard isImaged?(tile) ?? true else { return false }
    let flags = try flags(tile, truth: try real.read(tile), at: tile)
    var count = 0
    for y in stride(from: 0, to: tile.height, by: BlockGrid.side) {
      for x in stride(from: 0, to: tile.width, by: BlockGrid.side) {
        let isCompared = (y..<y + BlockGrid.side).contains { row in
          flags[row * tile.width + x..<row * tile.width + x + BlockGrid.side].contains(true)
        }
        if isCompared { count += 1 }
      }
    }
    return count >= Self.leastBlocks
  }
}
