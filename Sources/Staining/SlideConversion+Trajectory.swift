import Networks
public import Rasters
import Slides
import Stitching
import Synchronization
import Tensors

extension SlideConversion {
  /// How many pictures ``trajectory(isCancelled:)`` gives; nothing for a model without states.
  public var stateCount: Int? {
    (converter as? BridgeConverter).map { $0.walker.sampler.moves.count + 1 }
  }

  /// The states of the region after each of a bridge's moves, the slide itself first.
  ///
  /// - Parameter isCancelled: Whether to stop.
  /// - Returns: Pictures of the region, one more than the walk has steps.
  /// - Throws: ``StainingError/unsupportedModel(path:architecture:problem:)`` for a model without states,
  ///   ``StainingError/trajectoryTooLarge(path:tileCount:)``, and what slide and network throw.
  public func trajectory(
    isCancelled: @escaping @Sendable () -> Bool = { false }
  ) throws -> [RGBImage] {
    guard let bridge = converter as? BridgeConverter, let stateCount else {
      throw StainingError.unsupportedModel(
        path: modelPath, architecture: architecture.rawValue, problem: "has no states on its way")
    }
    let tileBytes = plan.tileSize * plan.tileSize * 3
    guard plan.tileCount * stateCount * tileBytes <= Self.largestTrajectory else {
      throw StainingError.trajectoryTooLarge(path: source.slide.path, tileCount: plan.tileCount)
    }
    let background = try backgroundRule()
    let parallelism = context.parallelism
    let stitcher = TileStitcher(
      plan: plan, batchSize: 1, concurrency: parallelism.threadCount,
      forEach: { count, body in parallelism.forEach(count: count, body) })
    // Walked once; the states are kept as levels, by place.
    let kept: Mutex<[TilePlace: [[UInt8]]]> = Mutex([:])
    var pictures: [RGBImage] = []
    for index in (0..<stateCount).reversed() {
      var picture = RGBImage(width: plan.region.width, height: plan.region.height)
      try stitcher.run(
        source: source, needsConversion: Self.needsConversion(background),
        convert: { tiles in
          try tiles.map { tile in
            if isCancelled() { throw CancellationError() }
            let place = TilePlace(x: tile.x, y: tile.y)
            if let states = kept.withLock({ $0[place] }) { return states[index].map(Float.init) }
            let states = try bridge.states(tile).map { state in
              (background?.keeping(tile, in: state) ?? state).map {
                UInt8(min(max($0 + 0.5, 0), 255.5))
              }
            }
            kept.withLock { $0[place] = states }
            return states[index].map(Float.init)
          }
        },
        emit: { band in
          if band.image.height > 0 {
            picture.paste(band.image, x: 0, y: band.y - plan.region.y)
          }
        })
      pictures.append(picture)
    }
    return pictures.reversed()
  }

  private struct TilePlace: Hashable {
    let x: Int
    let y: Int
  }

  /// Bytes of states that are kept at once.
  private static let largestTrajectory = 1 << 30
}
