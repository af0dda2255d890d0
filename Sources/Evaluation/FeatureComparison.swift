import Rasters
import Tensors

/// The Fréchet distance of the features of a fixed random network, with what is needed to judge it.
public struct RandomConvolutionFrechet: Hashable, Codable, Sendable {
  /// The distance of generated from real blocks; 0 where they are equal.
  public var distance: Double
  /// The distance of two halves of the real blocks: what equal tissue gives.
  ///
  /// Each half is smaller than the whole, and the distance grows where blocks are few, so it lies a little high.
  public var floor: Double
  /// How many blocks of 64 × 64 pixels each side has.
  public var blockCount: Int

  private enum CodingKeys: String, CodingKey {
    case distance = "random_convolution_frechet"
    case floor = "random_convolution_frechet_floor"
    case blockCount = "random_convolution_frechet_blocks"
  }
}

/// Gathers the features of blocks of two slides.
struct FeatureComparison {
  /// One block of both.
  struct Pair: Sendable {
    /// Its index in the grid.
    let block: Int
    let real: [Float]
    let generated: [Float]
  }

  private var real = FeatureDistribution(featureCount: RandomConvolutionFeatures.count)
  private var generated = FeatureDistribution(featureCount: RandomConvolutionFeatures.count)
  private var halves = [FeatureDistribution](
    repeating: FeatureDistribution(featureCount: RandomConvolutionFeatures.count), count: 2)

  /// Fewer blocks say nothing.
  static let leastCount = 64

  private static let draw = CounterRandom(seed: 0x4861_6C66, stream: 0)

  mutating func add(_ pair: Pair) {
    real.add(pair.real)
    generated.add(pair.generated)
    halves[Int(Self.draw.bits(at: UInt64(pair.block)) & 1)].add(pair.real)
  }

  /// The figures; nothing for too few blocks.
  var figure: RandomConvolutionFrechet? {
    guard real.count >= Self.leastCount, let distance = real.frechetDistance(to: generated),
      let floor = halves[0].frechetDistance(to: halves[1])
    else { return nil }
    return RandomConvolutionFrechet(distance: distance, floor: floor, blockCount: real.count)
  }
}
