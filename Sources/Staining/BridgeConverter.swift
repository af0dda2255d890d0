import Networks
import Rasters
import Stitching
import Tensors

/// A Schrödinger bridge, walked tile by tile with noise that belongs to the slide.
///
/// Tiles that overlap see the same source, the same noise and, up to what lies beyond their edges, the same
/// network, so they nearly agree before they are blended.
struct BridgeConverter: TileConverter {
  let predictor: DiffusionPredictor
  let sampler: BridgeSampler
  let noise: BridgeNoise
  let modelPath: String
  /// One thread: many tiles are under way at once.
  let context: ComputeContext

  /// One tile's layers fill the cache already.
  var batchSize: Int { 1 }

  func memory(threadCount: Int) -> Int {
    // The layers under way and those that wait to be joined on the way up, in pictures of the base width.
    let waiting = 3 * (predictor.configuration.residualBlocks + 1)
    return threadCount * waiting * predictor.configuration.baseChannels
      * TilePlan.standardTileSize * TilePlan.standardTileSize * 4
  }

  func convert(_ tiles: [SourceTile]) throws -> [[Float]] {
    try tiles.map { tile in
      var state = Levels.values(tile.image)
      let source = state
      for move in sampler.moves { try advance(&state, source: source, tile: tile, move: move) }
      return try levels(state, tile: tile)
    }
  }

  /// The states after each move, the source first.
  func states(_ tile: SourceTile) throws -> [[Float]] {
    var state = Levels.values(tile.image)
    let source = state
    var states = [try levels(state, tile: tile)]
    for move in sampler.moves {
      try advance(&state, source: source, tile: tile, move: move)
      states.append(try levels(state, tile: tile))
    }
    return states
  }

  func convertInPart(_ tile: SourceTile) throws -> Double {
    var state = Levels.values(tile.image)
    let source = state
    try advance(&state, source: source, tile: tile, move: sampler.moves[0])
    return 1 / Double(sampler.moves.count)
  }

  private func levels(_ state: [Float], tile: SourceTile) throws -> [Float] {
    let levels = state.map { ($0 + 1) * 127.5 }
    // One number that is not finite makes the sum so.
    guard levels.reduce(0, +).isFinite else {
      throw StainingError.notFinite(path: modelPath, x: tile.x, y: tile.y)
    }
    return levels
  }

  private func advance(
    _ state: inout [Float], source: [Float], tile: SourceTile, move: BridgeSampler.Move
  ) throws {
    let size = tile.image.width
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
    var numbers: [Float]?
    if move.noise > 0 {
      numbers = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
        if let pointer = buffer.baseAddress {
          noise.fill(
            pointer, x: tile.x, y: tile.y, width: size, height: size, step: move.from)
        }
        filled = count
      }
    }
    state.withUnsafeMutableBufferPointer { state in
      guard let pointer = state.baseAddress else { return }
      if let numbers {
        BridgeSampler.advance(
          state: pointer, estimate: estimate, source: source, noise: numbers, move: move,
          count: count)
      } else {
        BridgeSampler.advance(
          state: pointer, estimate: estimate, source: source, noise: nil, move: move,
          count: count)
      }
    }
  }
}
