/// Mean and biased variance of every channel, over all samples or for each.
public struct ChannelStatistics: Sendable, Equatable {
  /// `[groupCount · C]`.
  public let mean: [Float]
  /// `[groupCount · C]`, divided by the number of values.
  public let variance: [Float]
  /// 1, or the number of samples.
  public let groupCount: Int
  /// Values that each mean is taken over.
  public let valueCount: Int

  /// Names statistics that come from elsewhere, such as running averages.
  public init(mean: [Float], variance: [Float], groupCount: Int = 1, valueCount: Int = 1) {
    self.mean = mean
    self.variance = variance
    self.groupCount = groupCount
    self.valueCount = valueCount
  }
}

/// Batch normalisation: `y = γ · (x − μ) / √(σ² + ε) + β` by channel.
///
/// Reference: Ioffe and Szegedy 2015, arXiv:1502.03167; PyTorch's BatchNorm2d for the conventions: the
/// biased variance normalises, the unbiased one enters the running average.
public struct BatchNormalization: Sendable, Equatable {
  /// ε.
  public static let epsilon: Float = 1e-5
  /// The share of a new batch in the running averages.
  public static let momentum: Float = 0.1

  /// What the values are averaged over.
  public enum Scope: Sendable {
    /// All samples together: training.
    case batch
    /// Each sample by itself: one tile's result does not depend on its neighbours in a batch.
    case sample
  }

  /// Mean and biased variance of a map, in two passes: sums of blocks in single precision, sums of the
  /// blocks in double, in fixed order.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, C]`.
  ///   - scope: What to average over.
  ///   - context: Threads and kernels.
  /// - Returns: One mean and variance a channel and group.
  public static func statistics(
    _ input: Tensor, scope: Scope, context: ComputeContext
  ) -> ChannelStatistics {
    let map = input.map
    let groupCount = scope == .batch ? 1 : map.batch
    let pixelCount = map.pixelCount / groupCount
    var mean: [Float] = []
    var variance: [Float] = []
    for group in 0..<groupCount {
      let offset = group * pixelCount * map.channels
      let sums = blockSums(channels: map.channels, pixelCount: pixelCount, context: context) {
        pixels, sums in
        input.withPointer {
          context.kernels.columnSums(
            pixelCount: pixels.count, channelCount: map.channels,
            input: $0 + offset + pixels.lowerBound * map.channels, centre: nil, sums: sums)
        }
      }
      let centre = sums.map { Float($0 / Double(pixelCount)) }
      let squares = blockSums(channels: map.channels, pixelCount: pixelCount, context: context) {
        pixels, sums in
        input.withPointer { values in
          centre.withUnsafeBufferPointer {
            context.kernels.columnSums(
              pixelCount: pixels.count, channelCount: map.channels,
              input: values + offset + pixels.lowerBound * map.channels, centre: $0.baseAddress,
              sums: sums)
          }
        }
      }
      mean += centre
      variance += squares.map { Float($0 / Double(pixelCount)) }
    }
    return ChannelStatistics(
      mean: mean, variance: variance, groupCount: groupCount, valueCount: pixelCount)
  }

  /// The factor and offset of every channel that normalise and then scale by `γ` and shift by `β`.
  ///
  /// - Parameters:
  ///   - statistics: What to normalise with.
  ///   - weight: `γ`, `[C]`.
  ///   - bias: `β`, `[C]`.
  /// - Returns: As many groups as the statistics have.
  public static func affine(
    _ statistics: ChannelStatistics, weight: ArraySlice<Float>, bias: ArraySlice<Float>
  ) -> ChannelAffine {
    let channels = weight.count
    var scale = [Float](repeating: 0, count: statistics.mean.count)
    var shift = scale
    for index in scale.indices {
      let channel = index % channels
      let inverse = inverseDeviation(statistics.variance[index])
      scale[index] = weight[weight.startIndex + channel] * inverse
      shift[index] =
        bias[bias.startIndex + channel] - statistics.mean[index] * scale[index]
    }
    return ChannelAffine(scale: scale, shift: shift, groupCount: statistics.groupCount)
  }

  /// The gradients of one normalisation.
  public struct Gradient: Sendable {
    /// `[N, H + 2·border, W + 2·border, C]`.
    public let input: Tensor
    /// `[C]`, of `γ`.
    public let weight: [Float]
    /// `[C]`, of `β`.
    public let bias: [Float]
  }

  /// The backward pass with batch statistics:
  /// `dx = γ/√(σ²+ε) · (g − mean(g) − x̂ · mean(g · x̂))`.
  ///
  /// - Parameters:
  ///   - gradient: `[N, H, W, C]`, of the output.
  ///   - input: `[N, H, W, C]`, what was normalised.
  ///   - statistics: Of the whole batch.
  ///   - weight: `γ`.
  ///   - border: Pixels of zeros to put around the input's gradient.
  ///   - context: Threads and kernels.
  /// - Returns: The gradients of input, `γ` and `β`.
  public static func backward(
    _ gradient: Tensor, input: Tensor, statistics: ChannelStatistics, weight: ArraySlice<Float>,
    border: Int, context: ComputeContext
  ) -> Gradient {
    precondition(statistics.groupCount == 1, "the backward pass needs statistics of the batch")
    let map = input.map
    let channels = map.channels
    let inverse = statistics.variance.map(inverseDeviation)
    let sums = blockSums(channels: 2 * channels, pixelCount: map.pixelCount, context: context) {
      pixels, sums in
      let offset = pixels.lowerBound * channels
      gradient.withPointer { slopes in
        input.withPointer { values in
          statistics.mean.withUnsafeBufferPointer { mean in
            inverse.withUnsafeBufferPointer { inverse in
              guard let mean = mean.baseAddress, let inverse = inverse.baseAddress else { return }
              context.kernels.normalizationSums(
                pixelCount: pixels.count, channelCount: channels, gradient: slopes + offset,
                input: values + offset, mean: mean, inverseDeviation: inverse,
                gradientSums: sums, productSums: sums + channels)
            }
          }
        }
      }
    }
    // g·a + x·b + d with one a, b and d for every channel.
    var coefficients = [Float](repeating: 0, count: 3 * channels)
    for channel in 0..<channels {
      let count = Double(map.pixelCount)
      let factor = Double(inverse[channel])
      let scale = Double(weight[weight.startIndex + channel]) * factor
      let slope = -scale * factor * sums[channels + channel] / count
      coefficients[channel] = Float(scale)
      coefficients[channels + channel] = Float(slope)
      coefficients[2 * channels + channel] = Float(
        -scale * sums[channel] / count - slope * Double(statistics.mean[channel]))
    }
    return Gradient(
      input: combine(gradient, input, coefficients, border: border, context: context),
      weight: sums[channels...].map { Float($0) }, bias: sums[..<channels].map { Float($0) })
  }

  /// `1 / √(σ² + ε)`.
  static func inverseDeviation(_ variance: Float) -> Float {
    Float(1 / (Double(variance) + Double(epsilon)).squareRoot())
  }

  private static func combine(
    _ gradient: Tensor, _ input: Tensor, _ coefficients: [Float], border: Int,
    context: ComputeContext
  ) -> Tensor {
    let map = input.map
    let channels = map.channels
    return Bordered.map(map, border: border, context: context) { row, target in
      let offset = row * map.width * channels
      gradient.withPointer { slopes in
        input.withPointer { values in
          coefficients.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            context.kernels.normalizationGradient(
              pixelCount: map.width, channelCount: channels, gradient: slopes + offset,
              input: values + offset, gradientScale: base, inputScale: base + channels,
              shift: base + 2 * channels, output: target)
          }
        }
      }
    }
  }
}

/// Sums over pixels: blocks of fixed size in single precision, their sums in double and in order.
///
/// - Parameters:
///   - channels: Sums to take at once.
///   - pixelCount: Pixels to sum over.
///   - context: Threads and kernels.
///   - body: Writes the sums of one block of pixels.
/// - Returns: `[channels]`.
func blockSums(
  channels: Int, pixelCount: Int, context: ComputeContext,
  _ body: @Sendable (Range<Int>, UnsafeMutablePointer<Float>) -> Void
) -> [Double] {
  // 512 values: a block's sum in single precision is off by at most 512 · 6e-8 of its absolute values.
  let blockLength = 512
  let blockCount = (pixelCount + blockLength - 1) / blockLength
  var partial = [Float](repeating: 0, count: blockCount * channels)
  partial.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    nonisolated(unsafe) let sums = base
    context.parallelism.forEachRange(count: pixelCount, length: blockLength) { pixels in
      body(pixels, sums + pixels.lowerBound / blockLength * channels)
    }
  }
  var result = [Double](repeating: 0, count: channels)
  for block in 0..<blockCount {
    for channel in 0..<channels { result[channel] += Double(partial[block * channels + channel]) }
  }
  return result
}
