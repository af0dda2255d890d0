/// How a convolution is computed.
public enum ConvolutionAlgorithm: Sendable, Hashable {
  /// Window by window.
  case direct
  /// Tile by tile, with fewer products.
  case winograd(WinogradTransform)

  /// What suits a layer: Winograd's algorithm where both maps have whole vectors of channels.
  ///
  /// - Parameters:
  ///   - shape: The window.
  ///   - inputChannels: Channels of the larger map.
  ///   - outputChannels: Channels of the smaller map.
  ///   - isSmall: Whether the smaller map has so few pixels that reading weights takes the time.
  /// - Returns: The algorithm, whatever the batch.
  public static func suited(
    to shape: ConvolutionShape, inputChannels: Int, outputChannels: Int, isSmall: Bool = false
  ) -> ConvolutionAlgorithm {
    guard inputChannels % 16 == 0 && outputChannels % 16 == 0 else { return .direct }
    switch shape {
    case .halving where isSmall:
      // Below 64 channels its transforms cost what its products save.
      return min(inputChannels, outputChannels) < 64 ? .direct : .winograd(.narrowHalving)
    case .halving: return .winograd(.wideHalving)
    case .centred: return .winograd(.centred)
    case .overlapping: return .winograd(.overlapping)
    default: return .direct
    }
  }
}
