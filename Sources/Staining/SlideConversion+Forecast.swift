import Networks
import Rasters
import Slides
import Stitching
import Tensors

/// What a conversion will take, told before it runs.
extension SlideConversion {
  /// Bytes of memory that a run needs, the program itself and the slide's own caches included.
  public var predictedMemory: Int {
    let stripWidth = (plan.columns.count - 1) * plan.stride + plan.tileSize
    // The strip, and what is read for it before it is put together.
    let strip = 2 * stripWidth * plan.tileSize * 3
    // The sums, and the rows that were rounded last.
    let sums = plan.region.width * (plan.tileSize * 12 + plan.stride * 3)
    let pyramid = plan.region.width * 1536
    let tiles =
      context.parallelism.threadCount * converter.batchSize * plan.tileSize * plan.tileSize
    // A tile under way: source, values in and out, weighted sums, some 25 floats a pixel at most; its layers
    // are the converter's.
    // Two caches of tiles: OpenSlide's own and the tile reader's.
    let caches = 2 * min(Self.tileCache, 4 * source.slide.storedPixelCount)
    return Self.programMemory + caches + strip + sums + pyramid + tiles * 100
      + converter.memory(threadCount: context.parallelism.threadCount)
      + (jointStitcher()?.memory ?? 0)
  }

  /// The process with its libraries.
  private static let programMemory = 32 << 20
  /// What a cache of decoded tiles holds at most; no more than the slide has.
  private static let tileCache = 32 << 20

  /// Tiles with tissue, from an overview of the slide; what a dry run tells.
  public func estimatedTissueTiles() throws -> Int {
    guard !options.convertsBackground else { return plan.tileCount }
    let coarse = max(TissueMap.pixelSize, pixelSize.mean)
    let overview = try source.slide.source(pixelSize: coarse)
    let map = try TissueMap(
      of: overview, pixelSize: overview.pixelSize.mean, fillings: fillings())
    var count = 0
    for row in plan.rows {
      for column in plan.columns {
        let tile = plan.tileRegion(column: column, row: row)
        let share = map.tissueShare(
          origin: MicronPoint(
            x: Double(tile.x) * pixelSize.x, y: Double(tile.y) * pixelSize.y),
          size: MicronPoint(
            x: Double(tile.width) * pixelSize.x, y: Double(tile.height) * pixelSize.y))
        if share >= ConversionOptions.leastTissueShare { count += 1 }
      }
    }
    return count
  }

  /// Works on the tile in the middle of the plan, one worker a thread, for a clock.
  ///
  /// - Returns: How many tiles' worth of work was done; less than one for a bridge of many steps.
  /// - Throws: What slide and network throw.
  public func convertSample() throws -> Double {
    let column = (plan.columns.lowerBound + plan.columns.upperBound) / 2
    let row = (plan.rows.lowerBound + plan.rows.upperBound) / 2
    let region = plan.tileRegion(column: min(column, plan.columns.upperBound - 1), row: row)
    let tile = SourceTile(
      image: try ReflectedSource(source).read(region), x: region.x, y: region.y)
    let parallelism = context.parallelism
    return try collected(
      count: parallelism.threadCount,
      forEach: { count, body in parallelism.forEach(count: count, body) }
    ) { [converter] _ in try converter.convertInPart(tile) }.reduce(0, +)
  }

  /// Tiles whose work a run does for each of the plan's: more than one where a joint walk of a region needs tiles
  /// around it.
  public var tilesPerPlannedTile: Double {
    guard let joint = jointStitcher(), let bridge = converter as? BridgeConverter else { return 1 }
    return joint.estimatesPerTile / Double(bridge.moveCount)
  }
}
