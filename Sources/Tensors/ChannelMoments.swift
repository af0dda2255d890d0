/// Mean and sum of squared deviations of every channel of every sample.
///
/// Maps that are concatenated, and groups of channels, take theirs from these.
public struct ChannelMoments: Sendable, Equatable {
  /// Samples.
  public let batch: Int
  /// Channels.
  public let channels: Int
  /// Values that each mean is taken over.
  public let pixelCount: Int
  /// `[N · C]`.
  public let mean: [Double]
  /// `[N · C]`: `Σ (x − mean)²`.
  public let squares: [Double]
}

extension Tensor {
  /// The moments of a map: blocks in single precision in two passes while they are in the cache, joined in
  /// double precision in order.
  ///
  /// Reference: Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1.
  ///
  /// - Parameter context: Threads and kernels.
  /// - Returns: One mean a channel and sample.
  public func channelMoments(context: ComputeContext) -> ChannelMoments {
    withPointer {
      // Without an addend nothing is written.
      moments(of: UnsafeMutablePointer(mutating: $0), map, addend: nil, context: context)
    }
  }

  /// Adds a map to this one and takes the moments of the sum, in one pass over the memory.
  ///
  /// - Parameters:
  ///   - addend: Of the same shape.
  ///   - context: Threads and kernels.
  /// - Returns: The moments of the sum.
  public mutating func add(_ addend: Tensor, context: ComputeContext) -> ChannelMoments {
    precondition(addend.shape == shape, "\(addend.shape) is added to \(shape)")
    let shape = shape
    return addend.withPointer { addends in
      values.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else {
          preconditionFailure("an empty map has no moments")
        }
        return moments(of: base, FeatureMapShape(shape), addend: addends, context: context)
      }
    }
  }
}

/// Values of a block: half of a second-level cache, and few enough pixels for sums in single precision.
private let valuesPerBlock = 16384

private func moments(
  of values: UnsafeMutablePointer<Float>, _ map: FeatureMapShape, addend: UnsafePointer<Float>?,
  context: ComputeContext
) -> ChannelMoments {
  let channels = map.channels
  let pixelCount = map.height * map.width
  let blockLength = max(8, min(512, valuesPerBlock / channels))
  let blockCount = (pixelCount + blockLength - 1) / blockLength
  // Mean and squares of every block.
  var partial = [Float](repeating: 0, count: map.batch * blockCount * 2 * channels)
  partial.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    nonisolated(unsafe) let results = base
    nonisolated(unsafe) let values = values
    nonisolated(unsafe) let addend = addend
    context.parallelism.forEach(count: map.batch * blockCount) { task in
      let (sample, block) = (task / blockCount, task % blockCount)
      let first = block * blockLength
      let count = min(blockLength, pixelCount - first)
      let offset = (sample * pixelCount + first) * channels
      if let addend {
        context.kernels.addScaled(
          count: count * channels, source: addend + offset, factor: 1, target: values + offset)
      }
      let mean = results + task * 2 * channels
      context.kernels.columnSums(
        pixelCount: count, channelCount: channels, input: values + offset, centre: nil, sums: mean)
      let factor = 1 / Float(count)
      for channel in 0..<channels { mean[channel] *= factor }
      context.kernels.columnSums(
        pixelCount: count, channelCount: channels, input: values + offset, centre: mean,
        sums: mean + channels)
    }
  }
  var mean = [Double](repeating: 0, count: map.batch * channels)
  var squares = mean
  for sample in 0..<map.batch {
    for block in 0..<blockCount {
      let start = (sample * blockCount + block) * 2 * channels
      let before = Double(block * blockLength)
      let count = Double(min(blockLength, pixelCount - block * blockLength))
      let share = count / (before + count)
      for channel in 0..<channels {
        let index = sample * channels + channel
        let difference = Double(partial[start + channel]) - mean[index]
        mean[index] += difference * share
        squares[index] +=
          Double(partial[start + channels + channel]) + difference * difference * before * share
      }
    }
  }
  return ChannelMoments(
    batch: map.batch, channels: channels, pixelCount: pixelCount, mean: mean, squares: squares)
}
