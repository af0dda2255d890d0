public import Networks

/// FID, KID and the Inception score of a generated slide, with what is needed to judge them.
public struct InceptionFigures: Hashable, Codable, Sendable {
  /// The Fréchet distance of the features of generated from real tiles.
  public var frechetDistance: Double
  /// The same of two halves of the real tiles.
  public var frechetFloor: Double
  /// The kernel distance of generated from real tiles, in the mean over subsets.
  public var kernelDistance: Double
  /// Its standard deviation over subsets.
  public var kernelDeviation: Double
  /// The kernel distance of two halves of the real tiles.
  public var kernelFloor: Double
  /// The Inception score of the generated tiles, in the mean over splits.
  public var score: Double
  /// Its standard deviation over splits.
  public var scoreDeviation: Double
  /// Tiles of each slide.
  public var tileCount: Int
  /// How tiles came to the size and range that the network takes.
  public var resize: InceptionResize

  private enum CodingKeys: String, CodingKey {
    case frechetDistance = "fid"
    case frechetFloor = "fid_floor"
    case kernelDistance = "kid"
    case kernelDeviation = "kid_std"
    case kernelFloor = "kid_floor"
    case score = "inception_score"
    case scoreDeviation = "inception_score_std"
    case tileCount = "inception_tiles"
    case resize = "inception_resize"
  }
}
