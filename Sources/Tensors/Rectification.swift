/// Rows of pixels that one task treats: enough to be worth a task, few enough to spread.
private func rowsPerTask(_ map: FeatureMapShape) -> Int {
  max(1, 16384 / max(1, map.width * map.channels))
}

/// One of the maps that enter a rectification side by side.
public struct RectificationInput: Sendable {
  /// `[N, H, W, C]`.
  public let map: Tensor
  /// Applied before the rectification; nil for none.
  public let affine: ChannelAffine?

  /// Names a map and what comes before its rectification.
  public init(_ map: Tensor, affine: ChannelAffine? = nil) {
    self.map = map
    self.affine = affine
  }
}

/// Leaky rectification with all that surrounds it: normalisation before it, concatenation of channels,
/// and the border that the following convolution wants.
public struct Rectification: Sendable, Equatable {
  /// Factor of negative values: 0.2 in encoders, 0 in decoders, 1 to leave values as they are.
  public let slope: Float

  /// Names a slope.
  ///
  /// - Precondition: `slope` is not negative; the backward pass reads signs off the activated values.
  public init(slope: Float) {
    precondition(slope >= 0, "a rectification's slope is at least 0, not \(slope)")
    self.slope = slope
  }

  /// `leaky(affine(x))` of every input, channels of the first input first, with a border of zeros.
  ///
  /// - Parameters:
  ///   - inputs: Maps `[N, H, W, Cᵢ]` of equal size.
  ///   - border: Pixels of zeros on every side.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H + 2·border, W + 2·border, ΣCᵢ]`.
  public func forward(
    _ inputs: [RectificationInput], border: Int, context: ComputeContext
  ) -> Tensor {
    let maps = inputs.map { $0.map.map }
    let first = maps[0]
    precondition(
      maps.allSatisfy {
        $0.batch == first.batch && $0.height == first.height && $0.width == first.width
      }, "maps of different sizes cannot lie side by side")
    let channels = maps.reduce(0) { $0 + $1.channels }
    let shape = [first.batch, first.height + 2 * border, first.width + 2 * border, channels]
    return Tensor(shape: shape) { output in
      nonisolated(unsafe) let output = output
      let result = FeatureMapShape(shape)
      context.parallelism.forEachRange(
        count: result.batch * result.height, length: rowsPerTask(result)
      ) { rows in
        for row in rows {
          let (sample, y) = (row / result.height, row % result.height - border)
          let target = output + row * result.width * channels
          guard y >= 0 && y < first.height else {
            target.initialize(repeating: 0, count: result.width * channels)
            continue
          }
          target.initialize(repeating: 0, count: border * channels)
          (target + (border + first.width) * channels).initialize(
            repeating: 0, count: border * channels)
          var channel = 0
          for input in inputs {
            rectifyRow(
              input, sample, y, to: target + border * channels + channel, stride: channels,
              context.kernels)
            channel += input.map.shape[3]
          }
        }
      }
    }
  }

  private func rectifyRow(
    _ input: RectificationInput, _ sample: Int, _ row: Int,
    to target: UnsafeMutablePointer<Float>, stride: Int, _ kernels: KernelFamily
  ) {
    let map = input.map.map
    input.map.withPointer { values in
      let source = values + (sample * map.height + row) * map.width * map.channels
      guard let affine = input.affine else {
        kernels.rectifyPixels(
          pixelCount: map.width, channelCount: map.channels, input: source,
          inputStride: map.channels, slope: slope, output: target, outputStride: stride)
        return
      }
      let group = affine.groupCount == 1 ? 0 : sample * map.channels
      affine.scale.withUnsafeBufferPointer { scale in
        affine.shift.withUnsafeBufferPointer { shift in
          guard let scale = scale.baseAddress, let shift = shift.baseAddress else { return }
          kernels.scaleShiftRectify(
            pixelCount: map.width, channelCount: map.channels, input: source,
            inputStride: map.channels, scale: scale + group, shift: shift + group, slope: slope,
            output: target, outputStride: stride)
        }
      }
    }
  }

  /// The gradient of some channels of the input, before the rectification and after the affine step.
  ///
  /// - Parameters:
  ///   - gradient: `[N, H, W, ΣC]`, without border.
  ///   - activated: The result of the forward pass, `[N, H + 2·border, W + 2·border, ΣC]`.
  ///   - border: Pixels around `activated`.
  ///   - channels: Which channels to take.
  ///   - addend: `[N, H, W, channels.count]` added to the result; nil for none.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, channels.count]`.
  public func backward(
    _ gradient: Tensor, activated: Tensor, border: Int, channels: Range<Int>,
    addend: Tensor? = nil, context: ComputeContext
  ) -> Tensor {
    let map = gradient.map
    let bordered = activated.map
    let shape = [map.batch, map.height, map.width, channels.count]
    precondition(
      bordered.height == map.height + 2 * border && bordered.channels == map.channels,
      "a gradient \(gradient.shape) against activated values \(activated.shape)")
    var result = addend ?? Tensor(shape: shape) { _ in }
    precondition(result.shape == shape, "the addend is \(result.shape), not \(shape)")
    result.values.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let output = base
      context.parallelism.forEachRange(
        count: map.batch * map.height, length: rowsPerTask(map)
      ) { rows in
        gradient.withPointer { slopes in
          activated.withPointer { values in
            for row in rows {
              let (sample, y) = (row / map.height, row % map.height)
              let pixel = (sample * bordered.height + y + border) * bordered.width + border
              context.kernels.rectifyGradient(
                pixelCount: map.width, channelCount: channels.count,
                gradient: slopes + row * map.width * map.channels + channels.lowerBound,
                gradientStride: map.channels,
                activated: values + pixel * map.channels + channels.lowerBound,
                activatedStride: map.channels, slope: slope, accumulates: addend != nil,
                output: output + row * map.width * channels.count)
            }
          }
        }
      }
    }
    return result
  }
}
