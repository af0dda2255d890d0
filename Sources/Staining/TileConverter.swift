import Networks
import Rasters
public import Stitching
import Tensors

/// What turns tiles of one stain into tiles of another.
public protocol TileConverter: Sendable {
  /// Converts tiles; called from several threads at once.
  ///
  /// A tile's result depends on its pixels and its place alone, not on the others of its batch.
  ///
  /// - Returns: For each tile `[tileSize, tileSize, 3]` levels, `(x + 1) · 127.5` of what a network gives
  ///   in [−1, 1]; not rounded.
  func convert(_ tiles: [SourceTile]) throws -> [[Float]]

  /// Bytes that it keeps beside the tiles under way, with so many threads.
  func memory(threadCount: Int) -> Int

  /// Tiles that one worker converts at once.
  var batchSize: Int { get }

  /// Does a known share of the work of converting one tile, for a clock.
  ///
  /// - Returns: The share, 1 for the whole.
  func convertInPart(_ tile: SourceTile) throws -> Double
}

extension TileConverter {
  func memory(threadCount: Int) -> Int { 0 }

  /// Beyond four, larger products gain nothing more.
  var batchSize: Int { 4 }

  func convertInPart(_ tile: SourceTile) throws -> Double {
    Double(try convert([SourceTile](repeating: tile, count: batchSize)).count)
  }
}

/// Gives back what it gets.
struct IdentityConverter: TileConverter {
  func convert(_ tiles: [SourceTile]) -> [[Float]] {
    tiles.map { $0.image.pixels.map(Float.init) }
  }
}

/// The generator of pix2pix.
struct GeneratorConverter: TileConverter {
  let predictor: GeneratorPredictor
  let modelPath: String
  /// Switches dropout on; each tile's is drawn from its place.
  let dropoutSeed: UInt64?
  /// One thread: many tiles are under way at once.
  let context: ComputeContext

  func convert(_ tiles: [SourceTile]) throws -> [[Float]] {
    try convert(tiles, neighbourhoods: nil)
  }

  func memory(threadCount: Int) -> Int {
    // The parameters once more as they were read, which is not given back, and the layers of the tiles under
    // way: measured, 1.6 floats a pixel and base channel.
    let parameters = 4 * predictor.generator.parameterCount
    let layers = TilePlan.standardTileSize * TilePlan.standardTileSize * 13 / 2
    return predictor.byteCount + parameters
      + threadCount * batchSize * layers * predictor.generator.baseChannels
  }

  /// The statistics that each tile would be normalised with by itself.
  func statistics(_ tiles: [SourceTile]) throws -> [TileStatistics] {
    tiles.isEmpty ? [] : try predictor.statistics(input(tiles), context: context)
  }

  private func input(_ tiles: [SourceTile]) -> Tensor {
    let size = tiles[0].image.width
    return Tensor(
      shape: [tiles.count, size, size, 3], values: tiles.flatMap { Levels.values($0.image) })
  }

  /// Converts tiles, each with the statistics around it where the predictor interpolates.
  func convert(
    _ tiles: [SourceTile], neighbourhoods: [StatisticsNeighbourhood]?
  ) throws -> [[Float]] {
    guard let first = tiles.first else { return [] }
    let size = first.image.width
    let seeds = dropoutSeed.map { seed in
      tiles.map { tile in
        let random = CounterRandom(seed: seed, stream: UInt64(bitPattern: Int64(tile.y)))
        let place = UInt64(bitPattern: Int64(tile.x)) << 1
        return UInt64(random.bits(at: place)) << 32 | UInt64(random.bits(at: place + 1))
      }
    }
    let output = try predictor.predict(
      input(tiles), dropoutSeeds: seeds, neighbourhoods: neighbourhoods, context: context)
    let count = size * size * 3
    return try tiles.enumerated().map { index, tile in
      var values = Array(output.values[(index * count)..<((index + 1) * count)])
      var sum: Float = 0
      for position in values.indices {
        values[position] = (values[position] + 1) * 127.5
        sum += values[position]
      }
      // One number that is not finite makes the sum so.
      guard sum.isFinite else {
        throw StainingError.notFinite(path: modelPath, x: tile.x, y: tile.y)
      }
      return values
    }
  }
}

extension StainModel {
  /// Prepares the model for conversion.
  ///
  /// - Parameters:
  ///   - path: What messages call the model.
  ///   - plan: The tiles.
  ///   - options: Normalisation, dropout and the bridge's walk.
  ///   - noiseKey: Tells slides apart whose bridges are walked.
  ///   - kernels: Which kernels compute.
  /// - Returns: A converter that uses one thread a call.
  /// - Throws: ``StainingError``.
  func converter(
    path: String, plan: TilePlan, options: ConversionOptions, noiseKey: UInt64,
    kernels: KernelFamily
  ) throws(StainingError) -> any TileConverter {
    let context = ComputeContext(parallelism: .serial, kernels: kernels)
    switch card.architecture {
    case .identity: return IdentityConverter()
    case .segmenter:
      throw .unsupportedModel(
        path: path, architecture: card.architecture.rawValue,
        problem: "names tissue and makes no stain")
    case .bridge:
      let (predictor, bridge) = try bridge(path: path, context: context)
      let evaluations = options.bridge.evaluations ?? bridge.evaluations
      guard (1..<bridge.schedule.count).contains(evaluations) else {
        throw .unsupportedModel(
          path: path, architecture: card.architecture.rawValue,
          problem: "has \(bridge.schedule.count - 1) steps, not \(evaluations)")
      }
      return BridgeConverter(
        walker: BridgeWalker(
          predictor: predictor,
          sampler: BridgeSampler(
            schedule: bridge.schedule, evaluations: evaluations,
            kind: options.bridge.sampler ?? bridge.sampler),
          noise: BridgeNoise(key: noiseKey), context: context,
          hasTileNoise: options.bridge.hasTileNoise),
        modelPath: path)
    case .pix2pix:
      let predictor = try generator(path: path).prepared(
        normalization: options.normalization ?? card.normalization, context: context)
      let converter = GeneratorConverter(
        predictor: predictor, modelPath: path, dropoutSeed: options.dropoutSeed,
        context: context)
      return predictor.normalization == .interpolated
        ? InterpolatedConverter(plan: plan, converter: converter) : converter
    }
  }
}
