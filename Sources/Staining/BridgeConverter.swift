import Networks
import Rasters
import Stitching
import Tensors

/// A Schrödinger bridge, walked tile by tile with noise that belongs to the slide.
///
/// Tiles that overlap see the same source, the same noise and, up to what lies beyond their edges, the same
/// network, so they nearly agree before they are blended.
struct BridgeConverter: TileConverter {
  let walker: BridgeWalker
  let modelPath: String

  /// One tile's layers fill the cache already.
  var batchSize: Int { 1 }

  func memory(threadCount: Int) -> Int {
    // The layers under way and those that wait to be joined on the way up, in pictures of the base width.
    let network = walker.predictor.configuration
    let waiting = 3 * (network.residualBlocks + 1)
    return threadCount * waiting * network.baseChannels * TilePlan.standardTileSize
      * TilePlan.standardTileSize * 4
  }

  func convert(_ tiles: [SourceTile]) throws -> [[Float]] {
    try tiles.map { tile in
      try levels(
        walker.walked(Levels.values(tile.image), size: tile.image.width, x: tile.x, y: tile.y),
        tile: tile)
    }
  }

  /// The states after each move, the source first.
  func states(_ tile: SourceTile) throws -> [[Float]] {
    let source = Levels.values(tile.image)
    var states = [try levels(source, tile: tile)]
    _ = try walker.walked(source, size: tile.image.width, x: tile.x, y: tile.y) { state in
      states.append(try levels(state, tile: tile))
    }
    return states
  }

  func convertInPart(_ tile: SourceTile) throws -> Double {
    let source = Levels.values(tile.image)
    var state = source
    let moves = walker.sampler.moves
    try walker.advance(
      &state, source: source, size: tile.image.width, x: tile.x, y: tile.y, move: moves[0])
    return 1 / Double(moves.count)
  }

  private func levels(_ state: [Float], tile: SourceTile) throws -> [Float] {
    try levels(state, origin: (tile.x, tile.y))
  }
}

/// The walk of a whole slide as one field (`convert --joint`).
extension BridgeConverter: FieldWalk {
  var moveCount: Int { walker.sampler.moves.count }

  func start(_ source: RGBImage) -> [Float] { Levels.values(source) }

  func estimate(_ tile: SourceTile, state: [Float], move: Int) throws -> [Float] {
    try walker.estimate(
      state, source: Levels.values(tile.image), size: tile.image.width,
      move: walker.sampler.moves[move])
  }

  func advance(
    _ state: inout [Float], estimate: [Float], source: RGBImage, origin: (x: Int, y: Int),
    move: Int
  ) {
    walker.advance(
      &state, estimate: estimate, source: Levels.values(source),
      place: PixelRegion(x: origin.x, y: origin.y, width: source.width, height: source.height),
      move: walker.sampler.moves[move])
  }

  func levels(_ state: [Float], origin: (x: Int, y: Int)) throws -> [Float] {
    let levels = state.map { ($0 + 1) * 127.5 }
    // One number that is not finite makes the sum so.
    guard levels.reduce(0, +).isFinite else {
      throw StainingError.notFinite(path: modelPath, x: origin.x, y: origin.y)
    }
    return levels
  }
}

/// A walk that stops when it is told to.
struct CancellableWalk: FieldWalk {
  let walk: BridgeConverter
  let isCancelled: @Sendable () -> Bool

  var moveCount: Int { walk.moveCount }

  func start(_ source: RGBImage) -> [Float] { walk.start(source) }

  func estimate(_ tile: SourceTile, state: [Float], move: Int) throws -> [Float] {
    if isCancelled() { throw CancellationError() }
    return try walk.estimate(tile, state: state, move: move)
  }

  func advance(
    _ state: inout [Float], estimate: [Float], source: RGBImage, origin: (x: Int, y: Int),
    move: Int
  ) {
    walk.advance(&state, estimate: estimate, source: source, origin: origin, move: move)
  }

  func levels(_ state: [Float], origin: (x: Int, y: Int)) throws -> [Float] {
    try walk.levels(state, origin: origin)
  }
}

/// Walks the bridge for one tile.
struct BridgeWalker: Sendable {
  let predictor: DiffusionPredictor
  let sampler: BridgeSampler
  let noise: BridgeNoise
  let context: ComputeContext
  /// Moves the noise by the place of the tile, so that tiles share none.
  var hasTileNoise = false

  /// From a source to its conversion.
  ///
  /// - Parameters:
  ///   - source: `[size, size, 3]` in [−1, 1].
  ///   - size: Edge of the tile.
  ///   - x: Absolute column of its left pixel.
  ///   - y: Absolute row of its top pixel.
  ///   - passed: Told of the state after each move.
  /// - Returns: `[size, size, 3]`, about [−1, 1].
  /// - Throws: What network and `passed` throw.
  func walked(
    _ source: [Float], size: Int, x: Int, y: Int, passed: ([Float]) throws -> Void = { _ in }
  ) throws -> [Float] {
    var state = source
    for move in sampler.moves {
      try advance(&state, source: source, size: size, x: x, y: y, move: move)
      try passed(state)
    }
    return state
  }

  /// Makes one move.
  func advance(
    _ state: inout [Float], source: [Float], size: Int, x: Int, y: Int, move: BridgeSampler.Move
  ) throws {
    let estimate = try estimate(state, source: source, size: size, move: move)
    // No slide is so large that the noise of two tiles would meet.
    let (left, top) = hasTileNoise ? (x * 512, y * 512) : (x, y)
    advance(
      &state, estimate: estimate, source: source,
      place: PixelRegion(x: left, y: top, width: size, height: size), move: move)
  }

  /// The network's estimate of the target.
  ///
  /// - Parameters:
  ///   - state: `[size, size, 3]`.
  ///   - source: `[size, size, 3]` in [−1, 1].
  ///   - size: Edge of the tile.
  ///   - move: The move about to be made.
  /// - Returns: `[size, size, 3]` in [−1, 1].
  /// - Throws: What the network throws.
  func estimate(
    _ state: [Float], source: [Float], size: Int, move: BridgeSampler.Move
  ) throws -> [Float] {
    let shape = [1, size, size, 3]
    let count = state.count
    var estimate = try predictor.predict(
      Tensor(shape: shape, values: state), levels: [move.time],
      condition: predictor.configuration.isConditional
        ? Tensor(shape: shape, values: source) : nil,
      context: context
    ).values
    estimate.withUnsafeMutableBufferPointer { estimate in
      guard let pointer = estimate.baseAddress else { return }
      BridgeSampler.estimate(
        state: state, prediction: pointer, move: move, count: count, into: pointer)
    }
    return estimate
  }

  /// Moves every pixel of a place, with the noise of that place.
  func advance(
    _ state: inout [Float], estimate: [Float], source: [Float], place: PixelRegion,
    move: BridgeSampler.Move
  ) {
    let count = state.count
    let numbers =
      move.noise > 0
      ? [Float](unsafeUninitializedCapacity: count) { buffer, filled in
        if let pointer = buffer.baseAddress {
          noise.fill(
            pointer, x: place.x, y: place.y, width: place.width, height: place.height,
            step: move.from)
        }
        filled = count
      } : nil
    state.withUnsafeMutableBufferPointer { state in
      guard let pointer = state.baseAddress else { return }
      func advance(_ numbers: UnsafePointer<Float>?) {
        BridgeSampler.advance(
          state: pointer, estimate: estimate, source: source, noise: numbers, move: move,
          count: count)
      }
      if let numbers {
        numbers.withUnsafeBufferPointer { advance($0.baseAddress) }
      } else {
        advance(nil)
      }
    }
  }
}
