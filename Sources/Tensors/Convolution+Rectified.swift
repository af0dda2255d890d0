extension Convolution {
  /// The convolution of a map, rectified, as some channels of a bordered map.
  ///
  /// - Parameters:
  ///   - input: `[N, H + 2·padding, W + 2·padding, inputChannels]`, bordered.
  ///   - weights: Packed by ``packed(_:context:)``.
  ///   - bias: `[outputChannels]` or nil.
  ///   - slope: Factor of negative values.
  ///   - target: Gets the result.
  ///   - channel: The first of its channels.
  ///   - context: Threads and kernels.
  public func forward(
    _ input: Tensor, weights: PackedMatrix, bias: [Float]?, slope: Float,
    into target: inout BorderedMap, channel: Int = 0, context: ComputeContext
  ) {
    target.withChannels(channel..<channel + outputChannels) { output, walk in
      convolve(
        input, weights: .packed(weights), bias: bias, slope: slope, to: output, walk: walk,
        context: context)
    }
  }

  /// The transposed convolution of a map, rectified, as some channels of a bordered map.
  ///
  /// - Parameters:
  ///   - gradient: `[N, H′ + 2·adjointPadding, W′ + 2·adjointPadding, outputChannels]`, bordered.
  ///   - weights: Packed by ``adjointPacked(_:context:)``.
  ///   - bias: `[inputChannels]` or nil.
  ///   - slope: Factor of negative values.
  ///   - target: Gets the result.
  ///   - channel: The first of its channels.
  ///   - context: Threads and kernels.
  /// - Precondition: Not for the layer of fewer than eight channels, which is never rectified.
  public func adjoint(
    _ gradient: Tensor, weights: AdjointWeights, bias: [Float]?, slope: Float,
    into target: inout BorderedMap, channel: Int, context: ComputeContext
  ) {
    precondition(!hasTapProducts, "\(inputChannels) channels are not rectified on their way")
    target.withChannels(channel..<channel + inputChannels) { output, walk in
      adjoin(
        gradient, phases: weights.phases.map { .packed($0) }, bias: bias, slope: slope, to: output,
        walk: walk, context: context)
    }
  }

  /// Writes a convolution's result to pixels that lie anywhere.
  func convolve(
    _ input: Tensor, weights: RightFactor, bias: [Float]?, slope: Float,
    to output: UnsafeMutablePointer<Float>, walk: PixelWalk, context: ComputeContext
  ) {
    let map = input.map
    let windows = PixelWalk.windows(of: map, kernelSize: shape.kernelSize, stride: shape.stride)
    precondition(
      map.channels == inputChannels && windows.pixelCount == walk.pixelCount,
      "a map \(input.shape) for \(inputChannels) channels and \(walk.pixelCount) pixels")
    input.withPointer { values in
      if case .winograd(let transform) = algorithm, case .packed(let weights) = weights {
        let product = WinogradProduct(
          tiles: WinogradTiles(transform, of: walk, kernels: context.kernels),
          source: winogradSource(of: map), matrix: weights, bias: bias, slope: slope)
        return WinogradProduct.run([product], input: values, output: output, context: context)
      }
      multiply(
        input: values, walk: windows, segments: segments(of: map), factor: weights, initial: bias,
        slope: slope, output: output, outputWalk: walk, context: context)
    }
  }

  /// Writes an adjoint's result to pixels that lie anywhere.
  func adjoin(
    _ gradient: Tensor, phases: [RightFactor], bias: [Float]?, slope: Float,
    to output: UnsafeMutablePointer<Float>, walk: PixelWalk, context: ComputeContext
  ) {
    let map = gradient.map
    let stride = shape.stride
    let taps = shape.kernelSize / stride
    let segments = RowSegments(
      count: taps, length: taps * outputChannels, stride: map.width * outputChannels)
    var products: [WinogradProduct] = []
    gradient.withPointer { values in
      for phase in 0..<stride * stride {
        let (row, column) = (phase / stride, phase % stride)
        var source = PixelWalk.all(of: map)
        var target = walk
        source.base =
          windowStart(row) * source.rowStride + windowStart(column) * source.pixelStride
        target.base += row * target.rowStride + column * target.pixelStride
        target.height = (walk.height - row + stride - 1) / stride
        target.width = (walk.width - column + stride - 1) / stride
        target.rowStride *= stride
        target.pixelStride *= stride
        (source.height, source.width) = (target.height, target.width)
        guard target.pixelCount > 0 else { continue }
        if case .winograd(let transform) = algorithm, case .packed(let weights) = phases[phase] {
          products.append(
            WinogradProduct(
              tiles: WinogradTiles(transform, of: target, kernels: context.kernels),
              source: adjointSource(
                of: map, firstRow: windowStart(row), firstColumn: windowStart(column)),
              matrix: weights, bias: bias, slope: slope))
          continue
        }
        multiply(
          input: values, walk: source, segments: segments, factor: phases[phase],
          initial: bias, slope: slope, output: output, outputWalk: target, context: context)
      }
      WinogradProduct.run(products, input: values, output: output, context: context)
    }
  }

  /// The first row of the window, in the bordered gradient, of the first output row of a phase.
  func windowStart(_ phase: Int) -> Int {
    let firstTap = (phase + shape.padding) % shape.stride
    let taps = shape.kernelSize / shape.stride
    return (phase + shape.padding - firstTap) / shape.stride - (taps - 1) + shape.adjointPadding
  }
}
