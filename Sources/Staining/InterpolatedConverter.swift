import Networks
import Rasters
import Stitching
import Synchronization
import Tensors

/// The generator of pix2pix with statistics that pass from tile to tile.
///
/// Two passes: before a row of tiles is converted, the statistics of its tiles and of those around it are
/// taken. Three rows are kept at a time, so memory depends on the slide's width only; every tile of the
/// whole grid counts, also beside the region, so that a region equals its part of the whole slide.
final class InterpolatedConverter: TileConverter {
  private let plan: TilePlan
  private let converter: GeneratorConverter
  /// By tile row, then column.
  private let rows: Mutex<[Int: [Int: TileStatistics]]> = Mutex([:])

  /// - Precondition: The converter's predictor interpolates.
  init(plan: TilePlan, converter: GeneratorConverter) {
    self.plan = plan
    self.converter = converter
  }

  /// Takes the statistics that a row of tiles needs and are not there, and forgets those above.
  ///
  /// - Parameters:
  ///   - row: The next row to convert; rows come in order, or one starts anew.
  ///   - source: The raster.
  ///   - batchSize: Tiles that one worker treats at once.
  ///   - needsConversion: Whether a tile is converted: glass has no part in statistics.
  ///   - forEach: Runs independent work.
  ///   - isCancelled: Whether to stop.
  /// - Throws: What the source throws, or `CancellationError`.
  func prepare(
    row: Int, source: some PixelSource, batchSize: Int,
    needsConversion: @escaping @Sendable (SourceTile) -> Bool, forEach: ForEach,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws {
    let needed = max(0, row - 1)..<min(plan.rowCount, row + 2)
    rows.withLock { rows in rows = rows.filter { needed.contains($0.key) } }
    let columns =
      max(
        0, plan.columns.lowerBound - 1)..<min(
        plan.columnCount, plan.columns.upperBound + 1)
    let reflected = ReflectedSource(source)
    let batches = (columns.count + batchSize - 1) / batchSize
    for next in needed where rows.withLock({ $0[next] == nil }) {
      let (plan, converter) = (plan, converter)
      let found = try collected(count: batches, forEach: forEach) { batch in
        if isCancelled() { throw CancellationError() }
        var places: [Int] = []
        var tiles: [SourceTile] = []
        let first = columns.lowerBound + batch * batchSize
        for column in first..<min(columns.upperBound, first + batchSize) {
          let region = plan.tileRegion(column: column, row: next)
          let tile = SourceTile(image: try reflected.read(region), x: region.x, y: region.y)
          guard needsConversion(tile) else { continue }
          places.append(column)
          tiles.append(tile)
        }
        return Array(zip(places, try converter.statistics(tiles)))
      }
      let row = Dictionary(uniqueKeysWithValues: found.flatMap { $0 })
      rows.withLock { $0[next] = row }
    }
  }

  func convert(_ tiles: [SourceTile]) throws -> [[Float]] {
    // A tile that no row was prepared for is a sample for a clock: it stands alone, and costs two passes.
    let known = rows.withLock { $0 }
    let own = tiles.map { known[$0.y / plan.stride]?[$0.x / plan.stride] }
    let taken = own.contains { $0 == nil } ? try converter.statistics(tiles) : []
    let neighbourhoods = tiles.indices.map { index in
      let (row, column) = (tiles[index].y / plan.stride, tiles[index].x / plan.stride)
      return StatisticsNeighbourhood(
        tiles: (0..<9).map { place in
          place == 4
            ? own[index] ?? taken[index]
            : known[row + place / 3 - 1]?[column + place % 3 - 1]
        }, stride: plan.stride)
    }
    return try converter.convert(tiles, neighbourhoods: neighbourhoods)
  }

  func memory(threadCount: Int) -> Int {
    // Mean and variance, three rows of tiles and the two columns beside the region.
    converter.memory(threadCount: threadCount) + 3 * (plan.columns.count + 2) * 8
      * converter.predictor.generator.normalizedChannelCount
  }
}
