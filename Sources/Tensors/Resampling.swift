/// A change of a map's size by 2, without weights.
public enum Resampling: String, Sendable, Equatable, Codable {
  /// The size stays.
  case none
  /// The mean of 2 × 2 pixels.
  case halving
  /// Every pixel becomes 2 × 2 equal ones.
  case doubling

  /// The length of an axis after it.
  ///
  /// - Precondition: Under ``halving`` the length is even.
  public func outputLength(_ length: Int) -> Int {
    switch self {
    case .none: return length
    case .halving:
      precondition(length % 2 == 0, "an axis of \(length) pixels cannot be halved")
      return length / 2
    case .doubling: return 2 * length
    }
  }

  /// Resamples a map.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, C]`.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, outputLength(H), outputLength(W), C]`.
  public func forward(_ input: Tensor, context: ComputeContext) -> Tensor {
    switch self {
    case .none: input
    case .halving: input.halved(factor: 0.25, context: context)
    case .doubling: input.doubled(factor: 1, context: context)
    }
  }

  /// The gradient of the input from that of the output.
  ///
  /// - Parameters:
  ///   - gradient: `[N, outputLength(H), outputLength(W), C]`.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, C]`.
  public func backward(_ gradient: Tensor, context: ComputeContext) -> Tensor {
    switch self {
    case .none: gradient
    case .halving: gradient.doubled(factor: 0.25, context: context)
    case .doubling: gradient.halved(factor: 1, context: context)
    }
  }
}

extension Tensor {
  /// The sums of 2 × 2 pixels times a factor.
  fileprivate func halved(factor: Float, context: ComputeContext) -> Tensor {
    let map = map
    let (height, width) = (map.height / 2, map.width / 2)
    return Tensor(shape: [map.batch, height, width, map.channels]) { output in
      nonisolated(unsafe) let output = output
      let length = map.width * map.channels
      context.parallelism.forEach(count: map.batch * height) { row in
        withPointer { values in
          let upper = values + 2 * row * length
          context.kernels.sumQuads(
            pixelCount: width, channelCount: map.channels, upper: upper, lower: upper + length,
            factor: factor, output: output + row * width * map.channels)
        }
      }
    }
  }

  /// Every pixel times a factor, 2 × 2 times.
  fileprivate func doubled(factor: Float, context: ComputeContext) -> Tensor {
    let map = map
    return Tensor(shape: [map.batch, 2 * map.height, 2 * map.width, map.channels]) { output in
      nonisolated(unsafe) let output = output
      let length = map.width * map.channels
      context.parallelism.forEach(count: map.batch * map.height) { row in
        withPointer { values in
          for copy in 0..<2 {
            context.kernels.repeatPixels(
              pixelCount: map.width, channelCount: map.channels, input: values + row * length,
              factor: factor, output: output + (2 * row + copy) * 2 * length)
          }
        }
      }
    }
  }

  /// The pixels of even rows and columns: what a convolution with stride 2 keeps of one with stride 1.
  ///
  /// - Parameter context: Threads and kernels.
  /// - Returns: `[N, ⌈H / 2⌉, ⌈W / 2⌉, C]`.
  public func everySecondPixel(context: ComputeContext) -> Tensor {
    let map = map
    let (height, width) = ((map.height + 1) / 2, (map.width + 1) / 2)
    return Tensor(shape: [map.batch, height, width, map.channels]) { output in
      nonisolated(unsafe) let output = output
      context.parallelism.forEach(count: map.batch * height) { row in
        withPointer { values in
          let line = (row / height * map.height + 2 * (row % height)) * map.width
          for x in 0..<width {
            (output + (row * width + x) * map.channels).initialize(
              from: values + (line + 2 * x) * map.channels, count: map.channels)
          }
        }
      }
    }
  }

  /// The backward pass of ``everySecondPixel(context:)``: zeros at the other pixels.
  ///
  /// - Parameters:
  ///   - height: Rows of the result.
  ///   - width: Columns of the result.
  /// - Returns: `[N, height, width, C]`.
  public func atEverySecondPixel(height: Int, width: Int) -> Tensor {
    let map = map
    var result = Tensor(zeros: [map.batch, height, width, map.channels])
    for sample in 0..<map.batch {
      for y in 0..<map.height {
        for x in 0..<map.width {
          let source = ((sample * map.height + y) * map.width + x) * map.channels
          let target = ((sample * height + 2 * y) * width + 2 * x) * map.channels
          for channel in 0..<map.channels {
            result.values[target + channel] = values[source + channel]
          }
        }
      }
    }
    return result
  }
}
