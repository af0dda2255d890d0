/// The right factor of a product.
enum RightFactor: Sendable {
  case packed(PackedMatrix)
  case stored(StoredMatrix)
}

/// Pixels up to which the weights are read as they are stored: all of them are multiplied with one piece of
/// the weights at a time, and their windows must stay in the cache.
private let mostStreamedPixels = 1024
/// Weights from which on laying them out takes longer than the products.
private let fewestStreamedWeights = 1 << 18

extension Convolution {
  /// The convolution of a map by weights that serve this map alone.
  ///
  /// The same bits as with ``packed(_:context:)`` weights.
  ///
  /// - Parameters:
  ///   - input: `[N, H + 2·padding, W + 2·padding, inputChannels]`, bordered.
  ///   - weights: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, outputLength(H), outputLength(W), outputChannels]`.
  public func forward(
    _ input: Tensor, storedWeights weights: UnsafePointer<Float>, context: ComputeContext
  ) -> Tensor {
    let output = outputMap(of: input.map)
    guard isStreamed(pixelCount: output.pixelCount) else {
      return forward(input, weights: packed(weights, context: context), context: context)
    }
    return Tensor(shape: output.axes) { values in
      convolve(
        input, weights: .stored(storedMatrix(weights)), bias: nil, slope: 1, to: values,
        walk: .all(of: output), context: context)
    }
  }

  /// The adjoint by weights that serve this map alone.
  ///
  /// The same bits as with ``adjointPacked(_:context:)`` weights.
  ///
  /// - Parameters:
  ///   - gradient: `[N, H′ + 2·adjointPadding, W′ + 2·adjointPadding, outputChannels]`, bordered.
  ///   - weights: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - height: Rows of the result, without border.
  ///   - width: Columns of the result.
  ///   - bias: `[inputChannels]` or nil, for a transposed convolution.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, height, width, inputChannels]`.
  public func adjoint(
    _ gradient: Tensor, storedWeights weights: UnsafePointer<Float>, height: Int, width: Int,
    bias: [Float]? = nil, context: ComputeContext
  ) -> Tensor {
    let output = FeatureMapShape([gradient.map.batch, height, width, inputChannels])
    let phaseCount = shape.stride * shape.stride
    guard bias == nil, !hasTapProducts, isStreamed(pixelCount: output.pixelCount / phaseCount)
    else {
      return adjoint(
        gradient, weights: adjointPacked(weights, context: context), height: height, width: width,
        bias: bias, context: context)
    }
    return Tensor(shape: output.axes) { values in
      adjoin(
        gradient, phases: (0..<phaseCount).map { .stored(storedAdjoint(weights, phase: $0)) },
        bias: nil, slope: 1, to: values, walk: .all(of: output), context: context)
    }
  }

  private func isStreamed(pixelCount: Int) -> Bool {
    algorithm == .direct && pixelCount <= mostStreamedPixels && weightCount >= fewestStreamedWeights
  }

  /// A product with either factor.
  func multiply(
    input: UnsafePointer<Float>, walk: PixelWalk, segments: RowSegments, factor: RightFactor,
    initial: [Float]?, slope: Float, output: UnsafeMutablePointer<Float>, outputWalk: PixelWalk,
    context: ComputeContext
  ) {
    switch factor {
    case .packed(let matrix):
      multiplyGathered(
        input: input, walk: walk, segments: segments, matrix: matrix, initial: initial,
        slope: slope, output: output, outputWalk: outputWalk, context: context)
    case .stored(let matrix):
      precondition(initial == nil && slope == 1, "stored weights are multiplied plainly")
      multiplyStreamed(
        input: input, walk: walk, segments: segments, matrix: matrix, output: output,
        outputWalk: outputWalk, context: context)
    }
  }
}
