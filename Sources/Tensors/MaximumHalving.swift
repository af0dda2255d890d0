/// The maximum of 2 × 2 pixels, channel by channel, as PyTorch's `MaxPool2d(2)`.
public enum MaximumHalving {
  /// The maxima of a map.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, C]`; H and W are even.
  ///   - border: Pixels of zeros to put around the result.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H/2 + 2·border, W/2 + 2·border, C]`.
  public static func forward(_ input: Tensor, border: Int, context: ComputeContext) -> Tensor {
    let map = input.map
    requireEven(map)
    let (channels, rowLength) = (map.channels, map.width * map.channels)
    let half = FeatureMapShape([map.batch, map.height / 2, map.width / 2, channels])
    return Bordered.map(half, border: border, context: context) { row, target in
      input.withPointer { values in
        let upper = values + 2 * row * rowLength
        let lower = upper + rowLength
        for pixel in 0..<half.width {
          let (left, right) = (2 * pixel * channels, (2 * pixel + 1) * channels)
          for channel in 0..<channels {
            let first = max(upper[left + channel], upper[right + channel])
            let second = max(lower[left + channel], lower[right + channel])
            (target + pixel * channels + channel).initialize(to: max(first, second))
          }
        }
      }
    }
  }

  /// The gradient of the input: that of a maximum goes to the first pixel that has it, in reading order.
  ///
  /// - Parameters:
  ///   - gradient: `[N, H/2, W/2, C]`, of the maxima, without border.
  ///   - input: `[N, H, W, C]`, what the maxima were taken of.
  ///   - addend: `[N, H, W, C]`, added to the result.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, C]`.
  public static func backward(
    _ gradient: Tensor, input: Tensor, addend: consuming Tensor, context: ComputeContext
  ) -> Tensor {
    let map = input.map
    requireEven(map)
    precondition(
      addend.shape == input.shape && gradient.count * 4 == input.count,
      "a gradient \(gradient.shape) of a map \(input.shape) beside \(addend.shape)")
    let (channels, rowLength) = (map.channels, map.width * map.channels)
    let halfWidth = map.width / 2
    var result = addend
    result.values.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let output = base
      context.parallelism.forEach(count: map.batch * map.height / 2) { row in
        gradient.withPointer { slopes in
          input.withPointer { values in
            let start = 2 * row * rowLength
            for pixel in 0..<halfWidth {
              let corner = start + 2 * pixel * channels
              for channel in 0..<channels {
                let places = (
                  corner + channel, corner + channels + channel, corner + rowLength + channel,
                  corner + rowLength + channels + channel
                )
                var best = places.0
                if values[places.1] > values[best] { best = places.1 }
                if values[places.2] > values[best] { best = places.2 }
                if values[places.3] > values[best] { best = places.3 }
                output[best] += slopes[(row * halfWidth + pixel) * channels + channel]
              }
            }
          }
        }
      }
    }
    return result
  }

  private static func requireEven(_ map: FeatureMapShape) {
    precondition(
      map.height.isMultiple(of: 2) && map.width.isMultiple(of: 2),
      "a map of \(map.width) × \(map.height) pixels cannot be halved")
  }
}
