/// The form of a diffusion U-Net of the ADM family.
///
/// Reference: Dhariwal and Nichol 2021, arXiv:2105.05233; openai/guided-diffusion, unet.py, `UNetModel`.
public struct DiffusionConfiguration: Sendable, Codable, Equatable {
  /// Channels of a picture, of the input as of the output.
  public var pictureChannels = 3
  /// Channels of the first layer, and of the noise level's embedding; even.
  public var baseChannels: Int
  /// Channels at each size, in units of ``baseChannels``; the size halves from one to the next.
  public var multipliers: [Int]
  /// Residual blocks at each size on the way down; one more on the way up.
  public var residualBlocks: Int
  /// How often the size is halved, as a factor, where blocks attend; the innermost block always does.
  public var attentionFactors: [Int]
  /// Channels of an attention head.
  public var headChannels: Int
  /// Whether the noise level scales and shifts behind a normalisation, or is added before it.
  public var hasScaleShift: Bool
  /// Whether residual blocks change the size, or single convolutions.
  public var hasResidualResampling: Bool
  /// Whether a second picture enters beside the first.
  public var isConditional: Bool
  /// Groups of every normalisation.
  public var groupCount: Int

  /// Describes a network.
  public init(
    baseChannels: Int, multipliers: [Int], residualBlocks: Int, attentionFactors: [Int] = [],
    headChannels: Int = 64, hasScaleShift: Bool = true, hasResidualResampling: Bool = true,
    isConditional: Bool = false, groupCount: Int = 32
  ) {
    self.baseChannels = baseChannels
    self.multipliers = multipliers
    self.residualBlocks = residualBlocks
    self.attentionFactors = attentionFactors
    self.headChannels = headChannels
    self.hasScaleShift = hasScaleShift
    self.hasResidualResampling = hasResidualResampling
    self.isConditional = isConditional
    self.groupCount = groupCount
  }

  /// Channels 32, 64 and 128, one residual block a size: 3.0 million parameters.
  public static let small = DiffusionConfiguration(
    baseChannels: 32, multipliers: [1, 2, 4], residualBlocks: 1)
  /// Channels 64, 128 and 256, two residual blocks a size: 16.3 million parameters.
  public static let medium = DiffusionConfiguration(
    baseChannels: 64, multipliers: [1, 2, 4], residualBlocks: 2)
  /// The network of the reference for 256 × 256 pixels: 552.8 million parameters.
  public static let reference = DiffusionConfiguration(
    baseChannels: 256, multipliers: [1, 1, 2, 2, 4, 4], residualBlocks: 2,
    attentionFactors: [8, 16, 32])

  /// The same network with or without a second picture.
  public func conditional(_ isConditional: Bool) -> DiffusionConfiguration {
    var result = self
    result.isConditional = isConditional
    return result
  }

  /// Height and width of a picture must be multiples of this.
  public var sizeMultiple: Int { 1 << (multipliers.count - 1) }

  /// Channels that enter.
  public var inputChannels: Int { isConditional ? 2 * pictureChannels : pictureChannels }

  /// Channels of the noise level's embedding behind its two layers.
  public var embeddingChannels: Int { 4 * baseChannels }

  /// Why no network of this form can be made; nil when one can.
  public var problem: String? {
    let counts = [pictureChannels, baseChannels, residualBlocks, headChannels, groupCount]
    guard (counts + multipliers).allSatisfy({ (1...Self.largestCount).contains($0) }),
      baseChannels % 2 == 0, (1...16).contains(multipliers.count)
    else { return "a diffusion network with \(baseChannels) base channels and \(multipliers)" }
    let widths = multipliers.map { $0 * baseChannels }
    guard widths.allSatisfy({ $0 <= Self.largestCount }), residualBlocks <= Self.mostBlocks else {
      return
        "a diffusion network of \(widths) channels and \(residualBlocks) residual blocks a size"
    }
    // Channels side by side on the way up are sums of two widths.
    guard widths.allSatisfy({ $0 % groupCount == 0 }), baseChannels % groupCount == 0 else {
      return "\(groupCount) groups of \(widths) channels"
    }
    let attended =
      multipliers.indices.filter { attentionFactors.contains(1 << $0) }.map { widths[$0] }
      + [widths[widths.count - 1]]
    guard attended.allSatisfy({ $0 % headChannels == 0 }) else {
      return "heads of \(headChannels) channels out of \(attended)"
    }
    return nil
  }

  /// More channels than any network has; the weights between so many can be counted.
  private static let largestCount = 65_536
  /// More residual blocks a size than any network has.
  private static let mostBlocks = 256

  private enum CodingKeys: String, CodingKey {
    case multipliers
    case pictureChannels = "picture_channels"
    case baseChannels = "base_channels"
    case residualBlocks = "residual_blocks"
    case attentionFactors = "attention_factors"
    case headChannels = "head_channels"
    case hasScaleShift = "scale_shift"
    case hasResidualResampling = "residual_resampling"
    case isConditional = "conditional"
    case groupCount = "groups"
  }
}
