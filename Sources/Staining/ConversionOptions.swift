public import Networks
public import Pyramids
public import Rasters
public import Slides
public import Stitching

/// What decides the pixels of a conversion, besides slide and model.
public struct ConversionOptions: Codable, Equatable, Sendable {
  /// Pixels that neighbouring tiles share, 0…128.
  public var overlap = TilePlan.standardOverlap
  /// Whether tiles without tissue are converted, too.
  public var convertsBackground = false
  /// Which statistics normalise; the card's unless given.
  public var normalization: NormalizationMode?
  /// Switches dropout on, drawn from this seed and the tile's place.
  public var dropoutSeed: UInt64?
  /// How a bridge is walked; other models have no use for it.
  public var bridge = BridgeWalk()
  /// The part to convert, in level-0 pixels of the slide; all of it unless given.
  public var region: PixelRegion?
  /// How the levels are stored.
  public var layout = PyramidLayout.universal
  /// How the tiles of the pyramid are compressed.
  public var compression = PyramidCompression.jpeg
  /// JPEG quality, 1…100.
  public var quality = 90

  /// Takes the defaults.
  public init() {}

  /// The share of a tile's blocks that makes it worth converting: 5 of 1024, less than one cell group;
  /// dust alone stays below.
  public static let leastTissueShare = 0.005
  /// A slide coarser than the model by more than this factor is refused.
  public static let coarsestFactor = 1.1
}

/// How a bridge is walked from one stain to the other.
public struct BridgeWalk: Codable, Equatable, Sendable {
  /// How often the network is asked for a tile; the card's number unless given.
  public var evaluations: Int?
  /// How; the card's way unless given.
  public var sampler: BridgeSampler.Kind?
  /// Together with the slide it decides the noise.
  public var seed: UInt64 = 1
  /// Whether the estimates of overlapping tiles are blended at every move, not only the last states.
  public var isJoint = false
  /// Whether every tile draws noise of its own, as tiles that know nothing of each other do: to measure what
  /// noise that belongs to the slide is worth.
  package var hasTileNoise = false

  /// Leaves everything to the card.
  public init() {}
}

/// What a conversion gave.
public struct ConversionSummary: Sendable {
  /// Tiles that were converted, those before an interruption included.
  public let convertedCount: Int
  /// Tiles that this run converted.
  public let convertedNow: Int
  /// All tiles of the region.
  public let tileCount: Int
  /// How much the tile borders show.
  public let seam: SeamScore
  /// The file.
  public let pyramid: PyramidSummary
  /// The slide's damaged tiles, those read before an interruption included.
  public let damagedTiles: [DamagedTile]
}
