public import Rasters

/// A walk of a whole raster from a source to a result in several moves; every move replaces the state of each
/// pixel by one that follows from it, from the source, and from an estimate made of tiles.
public protocol FieldWalk: Sendable {
  /// Moves of the walk, at least 1.
  var moveCount: Int { get }

  /// The state before the first move, and the estimate of a tile that is not converted.
  func start(_ source: RGBImage) -> [Float]

  /// The estimate of one tile; called from several threads at once.
  ///
  /// - Parameters:
  ///   - tile: The source.
  ///   - state: As ``start(_:)`` gives it, after `move` moves.
  ///   - move: Counted from 0.
  /// - Returns: As many numbers.
  /// - Throws: What the network throws; nothing of the row is handed out then.
  func estimate(_ tile: SourceTile, state: [Float], move: Int) throws -> [Float]

  /// Makes a move, pixel by pixel.
  ///
  /// - Parameters:
  ///   - state: Replaced.
  ///   - estimate: The blended estimates.
  ///   - source: The source.
  ///   - origin: Where the three lie in the raster.
  ///   - move: Counted from 0.
  func advance(
    _ state: inout [Float], estimate: [Float], source: RGBImage, origin: (x: Int, y: Int),
    move: Int)

  /// The levels 0…255 of the last state, not rounded.
  func levels(_ state: [Float], origin: (x: Int, y: Int)) throws -> [Float]
}

/// Walks a raster as one field: the estimates of overlapping tiles are blended at every move, and the state that
/// the next move starts from is the same for all tiles that show a pixel.
///
/// Row by row of tiles, as ``TileStitcher`` does: a move follows the one before it by as few rows as its tiles
/// need, so memory grows with the number of moves and the width, not with the height. A region, or the rest of
/// an interrupted run, starts from as many tiles around it as the moves reach across, so that its pixels equal
/// those of the whole. Tiles that need no conversion enter with their source as ``TileStitcher`` says; the result
/// depends on source, walk and plan only.
public struct JointStitcher: Sendable {
  /// The tiles and the region to fill.
  public let plan: TilePlan
  private let walk: any FieldWalk
  private let concurrency: Int
  private let forEach: ForEach

  /// Makes a stitcher.
  ///
  /// - Parameters:
  ///   - plan: The tiles and the region to fill.
  ///   - walk: The moves.
  ///   - concurrency: Tiles under way at once, at least 1.
  ///   - forEach: Runs independent work; in turn unless given.
  public init(
    plan: TilePlan, walk: any FieldWalk, concurrency: Int = 1,
    forEach: @escaping ForEach = { count, body in for index in 0..<count { body(index) } }
  ) {
    precondition(
      walk.moveCount > 0 && concurrency > 0, "\(walk.moveCount) moves, \(concurrency) at once")
    self.plan = plan
    self.walk = walk
    self.concurrency = concurrency
    self.forEach = forEach
  }

  /// The tiles of every move: those of the last are the plan's from a row on, each earlier one needs some around
  /// them.
  private func plans(from row: Int) -> [TilePlan] {
    var plans = [plan]
    var first = row
    for _ in 1..<max(1, walk.moveCount) {
      let next = TilePlan(
        width: plan.width, height: plan.height, tileSize: plan.tileSize, overlap: plan.overlap,
        exactly: plans[0].shownRegion(from: first))
      first = next.rows.lowerBound
      plans.insert(next, at: 0)
    }
    return plans
  }

  /// How many tiles are estimated in all moves together, for each tile of the plan; the number of moves where
  /// the plan fills the whole raster.
  public var estimatesPerTile: Double {
    Double(plans(from: plan.rows.lowerBound).reduce(0) { $0 + $1.tileCount })
      / Double(plan.tileCount)
  }

  /// Bytes that a run keeps beside the tiles under way.
  public var memory: Int {
    plans(from: plan.rows.lowerBound).reduce(0) { sum, plan in
      let strip = ((plan.columns.count - 1) * plan.stride + plan.tileSize) * plan.tileSize * 3
      // Sums of this move, and the rows that wait for the next one.
      return sum + strip + plan.region.width * (2 * plan.tileSize + plan.stride) * 12
    }
  }

  /// Walks and blends.
  ///
  /// - Parameters:
  ///   - source: The raster; its size is the plan's.
  ///   - firstRow: The first tile row not yet handed out; as in ``TileStitcher`` the row before it is computed
  ///     again. The plan's first unless given.
  ///   - needsConversion: Whether a tile is converted, from its source pixels alone.
  ///   - kept: How much a converted tile keeps of its source, `[tileSize, tileSize]`, 0…1, from its source pixels
  ///     alone; nothing unless given.
  ///   - emit: Takes finished rows, from top to bottom; a band may be empty.
  /// - Throws: What the source, the walk or a closure throws.
  public func run(
    source: any PixelSource, from firstRow: Int? = nil,
    needsConversion: @Sendable (SourceTile) -> Bool,
    kept: @Sendable (SourceTile) -> [Float]? = { _ in nil },
    emit: (StitchedBand) throws -> Void
  ) throws {
    precondition(
      source.width == plan.width && source.height == plan.height,
      "the plan is for \(plan.width) × \(plan.height), the source has \(source.width) × \(source.height)"
    )
    let resumed = max(firstRow ?? plan.rows.lowerBound, plan.rows.lowerBound)
    guard resumed < plan.rows.upperBound else { return }
    let first = max(plan.rows.lowerBound, resumed - 1)
    let plans = plans(from: first)
    var moves = plans.indices.map { index in
      JointMove(
        index: index, plan: plans[index], startingAt: index == plans.count - 1 ? first : nil,
        before: index > 0 ? plans[index - 1] : nil, source: source)
    }
    let last = moves.count - 1
    var share = BandBlender(plan: plan, startingAt: first)
    let count = plan.tileSize * plan.tileSize * 3
    let whole = [Float](repeating: 1, count: count)
    let nothing = [Float](repeating: 0, count: count)
    for row in first..<plan.rows.upperBound {
      var flags: [Bool] = []
      let rows = try makeMove(last, row: row, &moves, needsConversion) { flags = $0 }
      let y = moves[last].blender.nextY - rows.count / (3 * plan.region.width)
      let strip = moves[last].strip
      for (column, isConverted) in zip(plan.columns, flags) {
        let kept = isConverted ? kept(strip.tile(column: column, row: row)) : nil
        let values = kept?.flatMap { [1 - $0, 1 - $0, 1 - $0] } ?? (isConverted ? whole : nothing)
        share.add([.levels(values)], columns: column..<column + 1, row: row, forEach: forEach)
      }
      let image = try finished(rows, y: y, shares: share.finishedSums(row: row), strip: strip)
      try emit(
        StitchedBand(
          image: image, y: y, row: row, convertedCount: flags.count { $0 },
          isRepeated: row < resumed))
    }
  }

  /// Makes one move on one row of tiles; earlier moves go on as far as it needs them.
  ///
  /// - Returns: The rows of the state that no later tile changes.
  private func makeMove(
    _ index: Int, row: Int, _ moves: inout [JointMove],
    _ needsConversion: @Sendable (SourceTile) -> Bool, told flags: ([Bool]) -> Void = { _ in }
  ) throws -> [Float] {
    if index > 0 {
      let needed = moves[index].plan.shownRows(of: row)
      while let end = moves[index].field?.endY, end < needed.upperBound {
        let rows = try makeMove(index - 1, row: moves[index - 1].nextRow, &moves, needsConversion)
        moves[index].field?.append(rows)
      }
      let unfinished = moves[index].blender.nextY
      moves[index].field?.drop(above: min(needed.lowerBound, unfinished))
    }
    flags(
      try moves[index].blend(
        row: row, walk: walk, concurrency: concurrency, forEach: forEach,
        needsConversion: needsConversion))
    return try moves[index].advance(row: row, walk: walk, forEach: forEach)
  }

  /// The last state as a picture, crossing over to the source where tiles were not converted or keep it.
  ///
  /// - Parameters:
  ///   - rows: The last state.
  ///   - y: The first row of pixels.
  ///   - shares: How much the last state counts, for each level.
  ///   - strip: The source.
  /// - Returns: The picture, as wide as the plan's region.
  /// - Throws: What the walk throws.
  private func finished(
    _ rows: [Float], y: Int, shares: [Float], strip: SourceStrip
  ) throws -> RGBImage {
    let width = plan.region.width
    guard !rows.isEmpty else { return RGBImage(width: width, height: 0, pixels: []) }
    let height = rows.count / (3 * width)
    let levels = try walk.levels(rows, origin: (plan.region.x, y))
    let source = strip.cropped(
      to: PixelRegion(x: plan.region.x, y: y, width: width, height: height))
    let pixels = [UInt8](unsafeUninitializedCapacity: rows.count) { pixels, filled in
      for index in 0..<rows.count {
        let level =
          shares[index] * levels[index] + (1 - shares[index]) * Float(source.pixels[index])
        pixels[index] = UInt8(min(max(level + 0.5, 0), 255.5))
      }
      filled = rows.count
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
