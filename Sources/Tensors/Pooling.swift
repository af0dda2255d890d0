/// Windows of 3 × 3 pixels that become one, channel by channel; what lies outside the map does not count.
public enum Pooling: Sendable, Hashable {
  /// The largest of the window, every second pixel, windows inside the map alone: a map loses half its size.
  case halvingMaximum
  /// The largest of the window around every pixel.
  case centredMaximum
  /// The mean of the window around every pixel, at the border of the pixels that there are.
  case centredMean

  private static let size = 3

  private var stride: Int { self == .halvingMaximum ? 2 : 1 }
  private var padding: Int { self == .halvingMaximum ? 0 : Self.size / 2 }

  /// The length of an output axis for an input axis.
  public func outputLength(_ length: Int) -> Int {
    (length + 2 * padding - Self.size) / stride + 1
  }

  /// Pools a map into some channels of another.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, C]`, whatever its border.
  ///   - target: `[N, outputLength(H), outputLength(W), C′]`.
  ///   - channel: The first of its channels to be written.
  ///   - context: Threads and kernels.
  public func forward(
    _ input: BorderedMap, into target: inout BorderedMap, channel: Int = 0,
    context: ComputeContext
  ) {
    let map = input.tensor.map
    let source = PixelWalk.inside(map, padding: input.border)
    target.withChannels(channel..<channel + map.channels) { output, walk in
      precondition(
        walk.height == outputLength(source.height) && walk.width == outputLength(source.width)
          && walk.batch == source.batch,
        "a target of \(walk.height) × \(walk.width) pixels for \(source.height) × \(source.width)")
      nonisolated(unsafe) let output = output
      input.tensor.withPointer { values in
        nonisolated(unsafe) let values = values
        context.parallelism.forEach(count: walk.batch * walk.height) { line in
          let (sample, y) = (line / walk.height, line % walk.height)
          for x in 0..<walk.width {
            pool(
              values + source.base + sample * source.sampleStride, source,
              window(y, source.height), window(x, source.width),
              output + walk.base + sample * walk.sampleStride + y * walk.rowStride
                + x * walk.pixelStride,
              channelCount: map.channels)
          }
        }
      }
    }
  }

  /// The pixels of an axis that a window covers.
  private func window(_ index: Int, _ length: Int) -> Range<Int> {
    let first = index * stride - padding
    return max(0, first)..<min(length, first + Self.size)
  }

  private func pool(
    _ input: UnsafePointer<Float>, _ walk: PixelWalk, _ rows: Range<Int>, _ columns: Range<Int>,
    _ output: UnsafeMutablePointer<Float>, channelCount: Int
  ) {
    let isMean = self == .centredMean
    let count = Float(rows.count * columns.count)
    var channel = 0
    while channel < channelCount {
      // Eight channels at a time, the rest one by one.
      let isWhole = channel + 8 <= channelCount
      var result = SIMD8<Float>(repeating: isMean ? 0 : -.infinity)
      for row in rows {
        for column in columns {
          let place = input + row * walk.rowStride + column * walk.pixelStride + channel
          let values =
            isWhole
            ? UnsafeRawPointer(place).loadUnaligned(as: SIMD8<Float>.self)
            : SIMD8(repeating: place[0])
          result =
            isMean ? result + values : result.replacing(with: values, where: values .> result)
        }
      }
      if isMean { result /= count }
      if isWhole {
        UnsafeMutableRawPointer(output + channel).storeBytes(of: result, as: SIMD8<Float>.self)
      } else {
        output[channel] = result[0]
      }
      channel += isWhole ? 8 : 1
    }
  }
}

extension BorderedMap {
  /// The mean of every channel over the pixels inside the border.
  ///
  /// - Returns: One list of `C` means a sample; summed in double precision, row by row.
  public var means: [[Float]] {
    let walk = PixelWalk.inside(tensor.map, padding: border)
    let channels = tensor.map.channels
    return (0..<walk.batch).map { sample in
      var sums = [Double](repeating: 0, count: channels)
      tensor.withPointer { values in
        for y in 0..<walk.height {
          for x in 0..<walk.width {
            let pixel =
              values + walk.base + sample * walk.sampleStride + y * walk.rowStride
              + x * walk.pixelStride
            for channel in 0..<channels { sums[channel] += Double(pixel[channel]) }
          }
        }
      }
      return sums.map { Float($0 / Double(walk.height * walk.width)) }
    }
  }
}
