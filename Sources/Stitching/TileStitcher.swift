public import Rasters

/// One tile on its way to a converter.
public struct SourceTile: Sendable {
  /// The pixels, `tileSize` square, borders reflected.
  public let image: RGBImage
  /// The first column, in pixels of the raster.
  public let x: Int
  /// The first row, in pixels of the raster.
  public let y: Int

  /// Makes a tile from its pixels and place.
  public init(image: RGBImage, x: Int, y: Int) {
    self.image = image
    self.x = x
    self.y = y
  }
}

/// Finished rows of a blended raster.
public struct StitchedBand: Sendable {
  /// The rows, as wide as the plan's region.
  public let image: RGBImage
  /// The first row, in pixels of the raster.
  public let y: Int
  /// The tile row that completed them.
  public let row: Int
  /// Tiles of that row that were converted; the others kept their source pixels.
  public let convertedCount: Int
  /// Whether an earlier run has handed these rows out already (see ``TileStitcher/run``).
  public let isRepeated: Bool
}

/// Converts a raster tile by tile and blends the results, one row of tiles at a time.
///
/// A tile that needs no conversion enters the blend with its own source pixels: where a converted tile
/// meets an untouched one, the two cross over on the same raised cosine as two converted tiles, so that
/// no edge shows; pixels under untouched tiles alone stay exactly as they are. The result depends on
/// the source and the closures only: not on threads, batch size, region or where a run was resumed.
public struct TileStitcher: Sendable {
  /// The tiles and the region to fill.
  public let plan: TilePlan
  /// Tiles handed to the converter at once.
  public let batchSize: Int
  /// Batches under way at once; bounds the memory for tiles in flight.
  public let concurrency: Int
  private let forEach: ForEach

  /// Makes a stitcher.
  ///
  /// - Parameters:
  ///   - plan: The tiles and the region to fill.
  ///   - batchSize: Tiles handed to the converter at once, at least 1.
  ///   - concurrency: Batches under way at once, at least 1.
  ///   - forEach: Runs independent work; in turn unless given.
  public init(
    plan: TilePlan, batchSize: Int = 1, concurrency: Int = 1,
    forEach: @escaping ForEach = { count, body in for index in 0..<count { body(index) } }
  ) {
    precondition(
      batchSize > 0 && concurrency > 0, "batches of \(batchSize), \(concurrency) at once")
    self.plan = plan
    self.batchSize = batchSize
    self.concurrency = concurrency
    self.forEach = forEach
  }

  /// Converts and blends.
  ///
  /// A run that is resumed at tile row `n` computes row `n − 1` again for what it adds to row `n`, and
  /// hands its finished rows out once more, marked as repeated.
  ///
  /// - Parameters:
  ///   - source: The raster; its size is the plan's.
  ///   - firstRow: The first tile row not yet handed out; the plan's first unless given.
  ///   - needsConversion: Whether a tile is converted, from its source pixels alone.
  ///   - convert: Tiles to as many arrays of `[tileSize, tileSize, 3]` levels 0…255; called from
  ///     several threads at once, each tile's result must not depend on its batch.
  ///   - emit: Takes finished rows, from top to bottom; a band may be empty.
  /// - Throws: What the source or a closure throws; the first in the order of the tiles.
  public func run(
    source: any PixelSource, from firstRow: Int? = nil,
    needsConversion: @Sendable (SourceTile) -> Bool,
    convert: @escaping @Sendable ([SourceTile]) throws -> [[Float]],
    emit: (StitchedBand) throws -> Void
  ) throws {
    precondition(
      source.width == plan.width && source.height == plan.height,
      "the plan is for \(plan.width) × \(plan.height), the source has \(source.width) × \(source.height)"
    )
    let resumed = max(firstRow ?? plan.rows.lowerBound, plan.rows.lowerBound)
    guard resumed < plan.rows.upperBound else { return }
    let first = max(plan.rows.lowerBound, resumed - 1)
    var blender = BandBlender(plan: plan, startingAt: first)
    var strip = SourceStrip(source: ReflectedSource(source), plan: plan)
    for row in first..<plan.rows.upperBound {
      try strip.advance(to: row, forEach: forEach)
      let convertedCount = try blend(
        row: row, strip: strip, into: &blender, needsConversion: needsConversion, convert: convert)
      let y = blender.nextY
      let image = blender.finish(row: row, forEach: forEach)
      try emit(
        StitchedBand(
          image: image, y: y, row: row, convertedCount: convertedCount, isRepeated: row < resumed))
    }
  }

  /// Adds one row of tiles to the blend.
  ///
  /// - Returns: How many tiles were converted.
  private func blend(
    row: Int, strip: SourceStrip, into blender: inout BandBlender,
    needsConversion: @Sendable (SourceTile) -> Bool,
    convert: @escaping @Sendable ([SourceTile]) throws -> [[Float]]
  ) throws -> Int {
    let columns = plan.columns
    let isConverted = try flags(columns, row: row, strip: strip, needsConversion: needsConversion)
    var first = columns.lowerBound
    while first < columns.upperBound {
      // As many tiles as the workers convert at once, and those between that stay as they are.
      var next = first
      var chosen: [Int] = []
      while next < columns.upperBound, chosen.count < batchSize * concurrency,
        next - first < 8 * batchSize * concurrency
      {
        if isConverted[next - columns.lowerBound] { chosen.append(next) }
        next += 1
      }
      var converted = try convertedInBatches(chosen, row: row, strip: strip, convert: convert)[...]
      let tiles = (first..<next).map { column -> BandBlender.Tile in
        isConverted[column - columns.lowerBound]
          ? .levels(converted.removeFirst())
          : .pixels(strip.tile(column: column, row: row).image)
      }
      blender.add(tiles, columns: first..<next, row: row, forEach: forEach)
      first = next
    }
    return isConverted.count { $0 }
  }

  /// Which tiles of a row are converted.
  private func flags(
    _ columns: Range<Int>, row: Int, strip: SourceStrip,
    needsConversion: @Sendable (SourceTile) -> Bool
  ) throws -> [Bool] {
    try withoutActuallyEscaping(needsConversion) { needsConversion in
      try collected(count: columns.count, forEach: forEach) { index in
        needsConversion(strip.tile(column: columns.lowerBound + index, row: row))
      }
    }
  }

  private func convertedInBatches(
    _ columns: [Int], row: Int, strip: SourceStrip,
    convert: @escaping @Sendable ([SourceTile]) throws -> [[Float]]
  ) throws -> [[Float]] {
    guard !columns.isEmpty else { return [] }
    // Fewer tiles than places still use every worker.
    let size = max(1, min(batchSize, (columns.count + concurrency - 1) / concurrency))
    let count = (columns.count + size - 1) / size
    return try collected(count: count, forEach: forEach) { index in
      let batch = columns[(index * size)..<min(columns.count, (index + 1) * size)].map {
        strip.tile(column: $0, row: row)
      }
      let values = try convert(batch)
      precondition(
        values.count == batch.count, "\(batch.count) tiles went in, \(values.count) came out")
      return values
    }.flatMap { $0 }
  }
}
