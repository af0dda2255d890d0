/// Maps with a border of zeros around them.
public enum Bordered {
  /// A map whose rows `fill` writes, inside a border of zeros.
  ///
  /// - Parameters:
  ///   - shape: The map without border.
  ///   - border: Pixels on every side.
  ///   - context: Threads and kernels.
  ///   - fill: Gets the number of a row, counted over all samples, and where its first pixel goes.
  /// - Returns: `[N, H + 2·border, W + 2·border, C]`.
  static func map(
    _ shape: FeatureMapShape, border: Int, context: ComputeContext,
    fill: @Sendable (_ row: Int, _ target: UnsafeMutablePointer<Float>) -> Void
  ) -> Tensor {
    let width = shape.width + 2 * border
    let height = shape.height + 2 * border
    let channels = shape.channels
    return Tensor(shape: [shape.batch, height, width, channels]) { output in
      nonisolated(unsafe) let output = output
      context.parallelism.forEachRange(
        count: shape.batch * height, length: max(1, 16384 / max(1, width * channels))
      ) { rows in
        for row in rows {
          let (sample, y) = (row / height, row % height - border)
          let target = output + row * width * channels
          guard y >= 0 && y < shape.height else {
            target.initialize(repeating: 0, count: width * channels)
            continue
          }
          target.initialize(repeating: 0, count: border * channels)
          (target + (border + shape.width) * channels).initialize(
            repeating: 0, count: border * channels)
          fill(sample * shape.height + y, target + border * channels)
        }
      }
    }
  }

  /// A copy of a map inside a border of zeros.
  ///
  /// - Parameters:
  ///   - tensor: `[N, H, W, C]`.
  ///   - border: Pixels on every side.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H + 2·border, W + 2·border, C]`.
  public static func copy(_ tensor: Tensor, border: Int, context: ComputeContext) -> Tensor {
    let map = tensor.map
    let length = map.width * map.channels
    return Bordered.map(map, border: border, context: context) { row, target in
      tensor.withPointer { target.initialize(from: $0 + row * length, count: length) }
    }
  }
}

/// A map inside a border of zeros whose channels several layers write side by side.
public struct BorderedMap: Sendable {
  /// `[N, H + 2·border, W + 2·border, C]`.
  public private(set) var tensor: Tensor
  /// Pixels of zeros on every side.
  public let border: Int

  /// A map whose pixels are still to be written.
  ///
  /// - Parameters:
  ///   - shape: The map without border.
  ///   - border: Pixels on every side.
  public init(_ shape: FeatureMapShape, border: Int) {
    self.border = border
    let (width, height) = (shape.width + 2 * border, shape.height + 2 * border)
    let rowLength = width * shape.channels
    tensor = Tensor(shape: [shape.batch, height, width, shape.channels]) { output in
      for row in 0..<shape.batch * height {
        let target = output + row * rowLength
        let y = row % height
        guard y >= border && y < height - border else {
          target.initialize(repeating: 0, count: rowLength)
          continue
        }
        target.initialize(repeating: 0, count: border * shape.channels)
        (target + (width - border) * shape.channels).initialize(
          repeating: 0, count: border * shape.channels)
      }
    }
  }

  /// A map without border.
  ///
  /// - Parameter tensor: `[N, H, W, C]`.
  public init(_ tensor: Tensor) {
    self.tensor = tensor
    border = 0
  }

  /// Calls `body` with the memory and the places of some channels of all pixels inside the border.
  mutating func withChannels(
    _ channels: Range<Int>, _ body: (UnsafeMutablePointer<Float>, PixelWalk) -> Void
  ) {
    var walk = PixelWalk.inside(tensor.map, padding: border)
    precondition(
      channels.upperBound <= tensor.shape[3], "channels \(channels) of \(tensor.shape[3])")
    walk.base += channels.lowerBound
    tensor.values.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { body(base, walk) }
    }
  }

  /// Writes the rectified channels of another map of the same size and border.
  ///
  /// - Parameters:
  ///   - other: `[N, H + 2·border, W + 2·border, C′]`.
  ///   - slope: Factor of negative values.
  ///   - channel: The first of the channels to write.
  ///   - context: Threads and kernels.
  public mutating func rectify(
    _ other: BorderedMap, slope: Float, channel: Int, context: ComputeContext
  ) {
    let (map, source) = (tensor.map, other.tensor.map)
    precondition(
      map.height == source.height && map.width == source.width && map.batch == source.batch,
      "a map \(source) beside a map \(map)")
    tensor.values.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let output = base + channel
      other.tensor.withPointer { values in
        nonisolated(unsafe) let input = values
        context.parallelism.forEach(count: map.batch * map.height) { row in
          context.kernels.rectifyPixels(
            pixelCount: map.width, channelCount: source.channels,
            input: input + row * map.width * source.channels, inputStride: source.channels,
            slope: slope, output: output + row * map.width * map.channels,
            outputStride: map.channels)
        }
      }
    }
  }
}
