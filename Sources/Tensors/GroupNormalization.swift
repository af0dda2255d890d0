/// What a group normalisation subtracts and divides by, for every channel of every sample.
public struct GroupStatistics: Sendable, Equatable {
  /// `[N · C]`: the mean of the channel's group, less what is to be added to the channel before.
  public let mean: [Float]
  /// `[N · C]`: `1 / √(σ² + ε)` of the channel's group.
  public let inverseDeviation: [Float]
  /// Samples.
  public let batch: Int

  /// Names statistics that come from elsewhere.
  public init(mean: [Float], inverseDeviation: [Float], batch: Int) {
    self.mean = mean
    self.inverseDeviation = inverseDeviation
    self.batch = batch
  }
}

/// Group normalisation of maps that lie side by side, with what surrounds it in a diffusion network: a
/// factor and an offset from the noise level, the activation SiLU, a change of size, the border that the
/// following convolution wants.
///
/// `z = (γ · (x − μ) / √(σ² + ε) + β) · (1 + scale) + shift`, `μ` and the biased `σ²` over the pixels and
/// channels of a group; then `z / (1 + e⁻ᶻ)`. References: Wu and He 2018, arXiv:1803.08494; Dhariwal and
/// Nichol 2021, arXiv:2105.05233, section 4.2 (scale and shift).
public struct GroupNormalization: Sendable, Equatable, Hashable {
  /// ε.
  public static let epsilon = 1e-5

  /// Groups; divides the number of channels.
  public let groupCount: Int
  /// Whether SiLU follows.
  public let activates: Bool
  /// What follows the activation.
  public let resampling: Resampling

  /// Names a normalisation and what follows it.
  public init(groupCount: Int, activates: Bool, resampling: Resampling = .none) {
    self.groupCount = groupCount
    self.activates = activates
    self.resampling = resampling
  }

  /// The statistics of maps side by side.
  ///
  /// - Parameters:
  ///   - parts: Of each map, channels of the first map first.
  ///   - offsets: `[N · C]`, added to the channels before; nil for 0.
  /// - Returns: Each sample's own statistics.
  public func statistics(_ parts: [ChannelMoments], offsets: [Float]? = nil) -> GroupStatistics {
    let batch = parts[0].batch
    let channels = parts.reduce(0) { $0 + $1.channels }
    precondition(
      channels % groupCount == 0, "\(channels) channels do not make \(groupCount) groups")
    let size = channels / groupCount
    var mean = [Float](repeating: 0, count: batch * channels)
    var inverse = mean
    for sample in 0..<batch {
      var means: [Double] = []
      var squares: [Double] = []
      for part in parts {
        let range = sample * part.channels..<(sample + 1) * part.channels
        means += part.mean[range]
        squares += part.squares[range]
      }
      if let offsets {
        for channel in 0..<channels {
          means[channel] += Double(offsets[sample * channels + channel])
        }
      }
      let pixelCount = Double(parts[0].pixelCount)
      for group in 0..<groupCount {
        let range = group * size..<(group + 1) * size
        let middle = means[range].reduce(0, +) / Double(size)
        let sum = range.reduce(0.0) {
          $0 + squares[$1] + pixelCount * (means[$1] - middle) * (means[$1] - middle)
        }
        let factor = 1 / (sum / (pixelCount * Double(size)) + Self.epsilon).squareRoot()
        for channel in range {
          let index = sample * channels + channel
          mean[index] = Float(middle - Double(offsets?[index] ?? 0))
          inverse[index] = Float(factor)
        }
      }
    }
    return GroupStatistics(mean: mean, inverseDeviation: inverse, batch: batch)
  }

  /// The one factor and offset of every channel of every sample that all of this makes.
  ///
  /// - Parameters:
  ///   - statistics: Of the maps.
  ///   - weight: `γ`, `[C]`.
  ///   - bias: `β`, `[C]`.
  ///   - modulation: Scale and shift from the noise level, `[N · C]` each; nil for none.
  /// - Returns: One group a sample.
  public func affine(
    _ statistics: GroupStatistics, weight: ArraySlice<Float>, bias: ArraySlice<Float>,
    modulation: Modulation? = nil
  ) -> ChannelAffine {
    let channels = weight.count
    var scale = [Float](repeating: 0, count: statistics.mean.count)
    var shift = scale
    for index in scale.indices {
      let channel = index % channels
      let factor = Double(weight[weight.startIndex + channel])
      let slope = factor * Double(statistics.inverseDeviation[index])
      let offset =
        Double(bias[bias.startIndex + channel]) - Double(statistics.mean[index]) * slope
      let gain = 1 + Double(modulation?.scale[index] ?? 0)
      scale[index] = Float(slope * gain)
      shift[index] = Float(offset * gain + Double(modulation?.shift[index] ?? 0))
    }
    return ChannelAffine(scale: scale, shift: shift, groupCount: statistics.batch)
  }

  /// The factor `1 + scale` and the offset `shift` that follow a normalisation.
  public struct Modulation: Sendable, Equatable {
    /// `[N · C]`.
    public var scale: [Float]
    /// `[N · C]`.
    public var shift: [Float]

    /// Joins factors and offsets.
    public init(scale: [Float], shift: [Float]) {
      self.scale = scale
      self.shift = shift
    }
  }

  /// Scales, shifts, activates and resamples maps, and puts them side by side inside a border of zeros.
  ///
  /// - Parameters:
  ///   - inputs: Maps `[N, H, W, Cᵢ]` of equal size.
  ///   - affine: Of all channels together, one group a sample.
  ///   - border: Pixels of zeros on every side.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H′ + 2·border, W′ + 2·border, ΣCᵢ]`.
  public func forward(
    _ inputs: [Tensor], affine: ChannelAffine, border: Int, context: ComputeContext
  ) -> Tensor {
    let first = inputs[0].map
    let channels = inputs.reduce(0) { $0 + $1.shape[3] }
    precondition(
      affine.groupCount == first.batch && affine.scale.count == first.batch * channels,
      "\(affine.scale.count) factors for \(first.batch) samples of \(channels) channels")
    let shape = FeatureMapShape([
      first.batch, resampling.outputLength(first.height), resampling.outputLength(first.width),
      channels,
    ])
    let length = first.width * channels
    return Bordered.map(shape, border: border, context: context) { row, target in
      let (sample, y) = (row / shape.height, row % shape.height)
      let start = sample * first.height
      switch resampling {
      case .none: activate(inputs, affine, sample, start + y, to: target, context.kernels)
      case .halving:
        withScratch(2 * length) { rows in
          for index in 0..<2 {
            activate(
              inputs, affine, sample, start + 2 * y + index, to: rows + index * length,
              context.kernels)
          }
          context.kernels.sumQuads(
            pixelCount: shape.width, channelCount: channels, upper: rows, lower: rows + length,
            factor: 0.25, output: target)
        }
      case .doubling:
        withScratch(length) { line in
          activate(inputs, affine, sample, start + y / 2, to: line, context.kernels)
          context.kernels.repeatPixels(
            pixelCount: first.width, channelCount: channels, input: line, factor: 1, output: target)
        }
      }
    }
  }

  /// One row of all maps, counted over all samples.
  private func activate(
    _ inputs: [Tensor], _ affine: ChannelAffine, _ sample: Int, _ row: Int,
    to target: UnsafeMutablePointer<Float>, _ kernels: KernelFamily
  ) {
    let channels = affine.scale.count / affine.groupCount
    var channel = 0
    affine.scale.withUnsafeBufferPointer { scale in
      affine.shift.withUnsafeBufferPointer { shift in
        guard let scale = scale.baseAddress, let shift = shift.baseAddress else { return }
        for input in inputs {
          let map = input.map
          let place = sample * channels + channel
          input.withPointer { values in
            kernels.scaleShiftActivate(
              pixelCount: map.width, channelCount: map.channels,
              input: values + row * map.width * map.channels, inputStride: map.channels,
              scale: scale + place, shift: shift + place, activates: activates,
              output: target + channel, outputStride: channels)
          }
          channel += map.channels
        }
      }
    }
  }
}
