import Rasters

/// One move of a joint walk on its way down the raster.
struct JointMove {
  /// Counted from 0.
  let index: Int
  let plan: TilePlan
  var blender: BandBlender
  var strip: SourceStrip
  /// The state before the move; nothing for the first, which starts from the source.
  var field: FieldRows?
  /// The next row of tiles.
  private(set) var nextRow: Int

  /// Rows of pixels that one worker advances at once.
  private static let chunkHeight = 16

  /// - Parameters:
  ///   - index: Counted from 0.
  ///   - plan: The tiles of this move.
  ///   - row: The first tile row; the plan's first unless given.
  ///   - before: The tiles of the move before.
  ///   - source: The raster.
  init(
    index: Int, plan: TilePlan, startingAt row: Int?, before: TilePlan?, source: any PixelSource
  ) {
    self.index = index
    self.plan = plan
    blender = BandBlender(plan: plan, startingAt: row)
    strip = SourceStrip(source: ReflectedSource(source), plan: plan)
    field = before.map(FieldRows.init)
    nextRow = row ?? plan.rows.lowerBound
  }

  /// Adds the estimates of one row of tiles to the blend.
  ///
  /// - Returns: Which tiles were converted.
  mutating func blend(
    row: Int, walk: any FieldWalk, concurrency: Int, forEach: ForEach,
    needsConversion: @Sendable (SourceTile) -> Bool
  ) throws -> [Bool] {
    precondition(row == nextRow, "row \(row) of tiles came, \(nextRow) was next")
    nextRow += 1
    try strip.advance(to: row, forEach: forEach)
    var flags: [Bool] = []
    var waiting: [SourceTile] = []
    var convertedWaiting = 0
    for column in plan.columns {
      let tile = strip.tile(column: column, row: row)
      let isConverted = needsConversion(tile)
      flags.append(isConverted)
      waiting.append(tile)
      if isConverted { convertedWaiting += 1 }
      let isLast = column == plan.columns.upperBound - 1
      guard isLast || convertedWaiting == concurrency || waiting.count >= 8 * concurrency else {
        continue
      }
      let first = column - waiting.count + 1
      let converted = flags.suffix(waiting.count)
      let estimates = try estimates(
        zip(waiting, converted).filter(\.1).map(\.0), walk: walk, forEach: forEach)
      var next = 0
      let tiles = zip(waiting, converted).map { tile, isConverted -> BandBlender.Tile in
        guard isConverted else { return .levels(walk.start(tile.image)) }
        next += 1
        return .levels(estimates[next - 1])
      }
      blender.add(tiles, columns: first..<column + 1, row: row, forEach: forEach)
      waiting.removeAll(keepingCapacity: true)
      convertedWaiting = 0
    }
    return flags
  }

  private func estimates(
    _ tiles: [SourceTile], walk: any FieldWalk, forEach: ForEach
  ) throws -> [[Float]] {
    let states = tiles.map { tile in
      field?.read(
        PixelRegion(x: tile.x, y: tile.y, width: plan.tileSize, height: plan.tileSize))
        ?? walk.start(tile.image)
    }
    let index = index
    return try collected(count: tiles.count, forEach: forEach) {
      try walk.estimate(tiles[$0], state: states[$0], move: index)
    }
  }

  /// Makes the move on the rows that no later tile touches.
  ///
  /// - Returns: Their state.
  mutating func advance(
    row: Int, walk: any FieldWalk, forEach: ForEach
  ) throws -> [Float] {
    let (x, y, width) = (plan.region.x, blender.nextY, plan.region.width)
    let estimates = blender.finishedSums(row: row)
    let height = estimates.count / (3 * width)
    let rowSize = 3 * width
    let (field, strip, index) = (field, strip, index)
    let chunkCount = (height + Self.chunkHeight - 1) / Self.chunkHeight
    return try collected(count: chunkCount, forEach: forEach) { chunk in
      let first = chunk * Self.chunkHeight
      let rows = first..<min(height, first + Self.chunkHeight)
      let region = PixelRegion(x: x, y: y + first, width: width, height: rows.count)
      let source = strip.cropped(to: region)
      var state = field?.read(region) ?? walk.start(source)
      walk.advance(
        &state, estimate: Array(estimates[rows.lowerBound * rowSize..<rows.upperBound * rowSize]),
        source: source, origin: (x, y + first), move: index)
      return state
    }.flatMap { $0 }
  }
}
