public import Networks
public import Rasters
import Synchronization
public import Tensors

/// Compares the tiles of generated slides with those of the real one by what the network of FID makes of them.
///
/// Tiles are read and looked at side by side, one a thread; what is kept of a tile are its features and
/// logits, 12 KB with the published network. Results do not depend on the number of threads.
public struct InceptionComparison: Sendable {
  /// The side of a tile, in pixels.
  public static let tileSide = 256
  /// Fewer tiles say nothing.
  public static let leastTileCount = 64
  /// Two halves of fewer tiles have no covariance.
  public static let fewestTileCount = 4
  /// With fewer tiles than the published network has features, the Fréchet distance lies high.
  public static let advisedTileCount = 2048

  /// What the network makes of the tiles of one slide, one row a tile.
  public struct Looks: Sendable, Equatable {
    /// The features.
    public internal(set) var features: FeatureTable
    /// The logits without the head's offsets.
    public internal(set) var logits: FeatureTable
  }

  /// What is compared with: the real tiles, and how far their halves are from each other.
  public struct Reference: Sendable {
    fileprivate let features: FeatureTable
    fileprivate let moments: FeatureMoments
    fileprivate let frechetFloor: Double
    fileprivate let kernelFloor: Double
  }

  /// The tiles, in the frame of the real slide.
  public let tiles: [PixelRegion]
  private let network: InceptionNetwork
  private let resize: InceptionResize
  private let context: ComputeContext

  /// Decides halves, subsets and splits.
  private static let seed: UInt64 = 2020

  /// Plans a comparison.
  ///
  /// - Parameters:
  ///   - tiles: At least ``fewestTileCount``, each of ``tileSide`` pixels a side.
  ///   - network: Made with the kernels of `context`.
  ///   - resize: How tiles come to the network's size and range.
  ///   - context: Threads and kernels.
  public init(
    tiles: [PixelRegion], network: InceptionNetwork, resize: InceptionResize,
    context: ComputeContext
  ) {
    precondition(tiles.count >= Self.fewestTileCount, "\(tiles.count) tiles have no two halves")
    self.tiles = tiles
    self.network = network
    self.resize = resize
    self.context = context
  }

  /// Looks at the tiles of a slide.
  ///
  /// - Parameters:
  ///   - source: A slide in the frame of the real one.
  ///   - progress: Told the number of tiles after every few; may throw to stop.
  /// - Returns: One row a tile, in their order.
  /// - Throws: What the source throws, what `progress` throws.
  public func looks(
    at source: any PixelSource, progress: (_ tileCount: Int) throws -> Void = { _ in }
  ) throws -> Looks {
    var looks = Looks(
      features: FeatureTable(featureCount: network.featureCount),
      logits: FeatureTable(featureCount: network.classCount))
    let single = ComputeContext(parallelism: .serial, kernels: context.kernels)
    // Batches of 4 or 8 tiles are no faster (restain-bench inception --batch, 2026-11-26).
    let atOnce = context.parallelism.threadCount
    for start in stride(from: 0, to: tiles.count, by: atOnce) {
      let end = min(tiles.count, start + atOnce)
      let found = Mutex(
        [Result<InceptionNetwork.Outputs, any Error>?](repeating: nil, count: end - start))
      context.parallelism.forEach(count: end - start) { index in
        let result = Result {
          let picture = try source.read(tiles[start + index])
          let input = resize.prepared(
            [picture.pixels], width: picture.width, height: picture.height)
          return network.outputs(of: input, context: single)
        }
        found.withLock { $0[index] = result }
      }
      for result in found.withLock({ $0 }) {
        guard let outputs = try result?.get() else { continue }
        looks.features.append(outputs.features[0])
        looks.logits.append(outputs.unbiasedLogits[0])
      }
      try progress(end - start)
    }
    return looks
  }

  /// Prepares the real tiles for any number of comparisons.
  ///
  /// - Parameters:
  ///   - looks: What the network makes of them.
  ///   - progress: Told the share of the work that is done; may throw to stop.
  /// - Returns: Moments and floors.
  /// - Throws: ``EvaluationError/notFinite``, what `progress` throws.
  public func reference(
    _ looks: Looks, progress: (_ share: Double) throws -> Void = { _ in }
  ) throws -> Reference {
    try Self.requireFinite(looks)
    let (first, second) = looks.features.halves(seed: Self.seed)
    guard
      let floor = FeatureMoments(first).frechetDistance(to: FeatureMoments(second))
    else { throw EvaluationError.notFinite }
    try progress(0)
    return Reference(
      features: looks.features, moments: FeatureMoments(looks.features), frechetFloor: floor,
      kernelFloor: try kernelDistance(first, second, progress).mean)
  }

  /// Compares a slide's tiles with the real ones.
  ///
  /// - Parameters:
  ///   - looks: What the network makes of the slide's tiles.
  ///   - reference: The same of the real ones.
  ///   - progress: Told the share of the work that is done; may throw to stop.
  /// - Returns: All figures.
  /// - Throws: ``EvaluationError/notFinite``, what `progress` throws.
  public func figures(
    _ looks: Looks, reference: Reference, progress: (_ share: Double) throws -> Void = { _ in }
  ) throws -> InceptionFigures {
    try Self.requireFinite(looks)
    guard let distance = reference.moments.frechetDistance(to: FeatureMoments(looks.features))
    else { throw EvaluationError.notFinite }
    try progress(0)
    let kernel = try kernelDistance(reference.features, looks.features, progress)
    let score = InceptionScore(logits: looks.logits, seed: Self.seed)
    return InceptionFigures(
      frechetDistance: distance, frechetFloor: reference.frechetFloor,
      kernelDistance: kernel.mean, kernelDeviation: kernel.deviation,
      kernelFloor: reference.kernelFloor, score: score.mean, scoreDeviation: score.deviation,
      tileCount: tiles.count, resize: resize)
  }

  private func kernelDistance(
    _ first: FeatureTable, _ second: FeatureTable, _ progress: (Double) throws -> Void
  ) throws -> KernelDistance {
    try KernelDistance(
      first, second, seed: Self.seed, parallelism: context.parallelism,
      progress: progress)
  }

  private static func requireFinite(_ looks: Looks) throws(EvaluationError) {
    guard looks.features.values.allSatisfy(\.isFinite), looks.logits.values.allSatisfy(\.isFinite)
    else { throw .notFinite }
  }
}
