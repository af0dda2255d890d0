/// A convolution's window: size, step and border, the same along both axes.
public struct ConvolutionShape: Sendable, Equatable, Hashable {
  /// Taps along an axis.
  public let kernelSize: Int
  /// Pixels from one window to the next.
  public let stride: Int
  /// Pixels of zeros around the input.
  public let padding: Int

  /// Names a window.
  ///
  /// - Precondition: The kernel size is a multiple of the stride.
  public init(kernelSize: Int, stride: Int, padding: Int) {
    precondition(kernelSize % stride == 0, "a kernel of \(kernelSize) with stride \(stride)")
    self.kernelSize = kernelSize
    self.stride = stride
    self.padding = padding
  }

  /// 4 × 4 taps, stride 2, padding 1: halves a map; transposed, doubles it.
  public static let halving = ConvolutionShape(kernelSize: 4, stride: 2, padding: 1)
  /// 4 × 4 taps, stride 1, padding 1: a map loses one row and one column.
  public static let overlapping = ConvolutionShape(kernelSize: 4, stride: 1, padding: 1)
  /// 3 × 3 taps, stride 1, padding 1: a map keeps its size.
  public static let centred = ConvolutionShape(kernelSize: 3, stride: 1, padding: 1)
  /// One tap: every pixel by itself, a linear layer.
  public static let pointwise = ConvolutionShape(kernelSize: 1, stride: 1, padding: 0)

  /// The border that the output's gradient needs for the backward pass, and a transposed convolution's
  /// input for its forward pass.
  public var adjointPadding: Int { (kernelSize - 1 - padding + stride - 1) / stride }

  /// The length of an output axis for an input axis.
  public func outputLength(_ length: Int) -> Int {
    (length + 2 * padding - kernelSize) / stride + 1
  }

  /// The length of a transposed convolution's output axis.
  public func transposedLength(_ length: Int) -> Int {
    (length - 1) * stride - 2 * padding + kernelSize
  }
}

/// A convolution over feature maps, its adjoint, and the gradient of its weights.
///
/// Weights are `[kernelSize, kernelSize, inputs, outputs]`: tap by tap, channels last. The transposed
/// convolution is the adjoint of a convolution and takes the weights of that one, so `inputs` are then
/// the channels of its own output. Maps come with their border of zeros already around them.
public struct Convolution: Sendable, Equatable, Hashable {
  /// The window.
  public let shape: ConvolutionShape
  /// Channels of the larger map.
  public let inputChannels: Int
  /// Channels of the smaller map.
  public let outputChannels: Int
  /// How it is computed.
  ///
  /// Results differ by rounding, so it belongs to the layer and never to a batch.
  public let algorithm: ConvolutionAlgorithm

  /// Names a convolution from `inputChannels` to `outputChannels`.
  ///
  /// - Parameters:
  ///   - shape: The window.
  ///   - inputChannels: Channels of the larger map.
  ///   - outputChannels: Channels of the smaller map.
  ///   - algorithm: How it is computed; nil for what suits the window and the channels.
  public init(
    shape: ConvolutionShape, inputChannels: Int, outputChannels: Int,
    algorithm: ConvolutionAlgorithm? = nil
  ) {
    self.shape = shape
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.algorithm =
      algorithm
      ?? .suited(to: shape, inputChannels: inputChannels, outputChannels: outputChannels)
  }

  /// How many weights there are.
  public var weightCount: Int {
    shape.kernelSize * shape.kernelSize * inputChannels * outputChannels
  }

  /// The convolution of a map.
  ///
  /// `y[n, i, j, o] = bias[o] + Σ w[u, v, c, o] · x[n, stride·i + u, stride·j + v, c]`
  ///
  /// - Parameters:
  ///   - input: `[N, H + 2·padding, W + 2·padding, inputChannels]`, bordered.
  ///   - weights: Packed by ``packed(_:context:)``.
  ///   - bias: `[outputChannels]` or nil.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, outputLength(H), outputLength(W), outputChannels]`.
  public func forward(
    _ input: Tensor, weights: PackedMatrix, bias: [Float]? = nil, context: ComputeContext
  ) -> Tensor {
    let map = input.map
    precondition(
      map.channels == inputChannels,
      "the convolution has \(inputChannels) input channels but the map has \(map.channels)")
    let outputMap = outputMap(of: map)
    return Tensor(shape: outputMap.axes) { output in
      convolve(
        input, weights: .packed(weights), bias: bias, slope: 1, to: output,
        walk: .all(of: outputMap), context: context)
    }
  }

  /// The result's axes for a bordered map.
  func outputMap(of map: FeatureMapShape) -> FeatureMapShape {
    FeatureMapShape([
      map.batch, shape.outputLength(map.height - 2 * shape.padding),
      shape.outputLength(map.width - 2 * shape.padding), outputChannels,
    ])
  }

  /// The adjoint: the gradient of the input from that of the output, or the transposed convolution.
  ///
  /// - Parameters:
  ///   - gradient: `[N, H′ + 2·adjointPadding, W′ + 2·adjointPadding, outputChannels]`, bordered.
  ///   - weights: Packed by ``adjointPacked(_:context:)``.
  ///   - height: Rows of the result, without border.
  ///   - width: Columns of the result.
  ///   - bias: `[inputChannels]` or nil, for a transposed convolution.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, height, width, inputChannels]`.
  public func adjoint(
    _ gradient: Tensor, weights: AdjointWeights, height: Int, width: Int, bias: [Float]? = nil,
    context: ComputeContext
  ) -> Tensor {
    let map = gradient.map
    precondition(
      map.channels == outputChannels,
      "the adjoint takes \(outputChannels) channels but the map has \(map.channels)")
    let outputShape = [map.batch, height, width, inputChannels]
    return Tensor(shape: outputShape) { output in
      if hasTapProducts {
        return gradient.withPointer { values in
          TapProducts(convolution: self, matrix: weights.phases[0], bias: bias).run(
            values, map: map, output: output, outputMap: FeatureMapShape(outputShape),
            context: context)
        }
      }
      adjoin(
        gradient, phases: weights.phases.map { .packed($0) }, bias: bias, slope: 1, to: output,
        walk: .all(of: FeatureMapShape(outputShape)), context: context)
    }
  }

  /// The gradient of the weights: `dw[u, v, c, o] = Σ x[n, s·i + u, s·j + v, c] · g[n, i, j, o]`.
  ///
  /// - Parameters:
  ///   - input: `[N, H + 2·padding, W + 2·padding, inputChannels]`, bordered.
  ///   - gradient: The output's gradient with a border of `gradientBorder` pixels.
  ///   - gradientBorder: Pixels around the gradient that do not take part.
  ///   - accumulates: Whether to add to what the target holds.
  ///   - target: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  public func weightGradient(
    input: Tensor, gradient: Tensor, gradientBorder: Int, accumulates: Bool,
    to target: UnsafeMutablePointer<Float>, context: ComputeContext
  ) {
    let map = input.map
    let walk = PixelWalk.windows(of: map, kernelSize: shape.kernelSize, stride: shape.stride)
    let gradientWalk = PixelWalk.inside(gradient.map, padding: gradientBorder)
    precondition(
      walk.height == gradientWalk.height && walk.width == gradientWalk.width,
      "windows \(walk.height) × \(walk.width), gradient \(gradientWalk.height) × \(gradientWalk.width)"
    )
    input.withPointer { values in
      gradient.withPointer { slopes in
        if case .winograd(let transform) = algorithm {
          let gradient = WinogradGradient(
            tiles: WinogradTiles(transform, of: gradientWalk, kernels: context.kernels),
            source: winogradSource(of: map), convolution: self)
          return gradient.sum(
            input: values, slopes: slopes, accumulates: accumulates, to: target, context: context)
        }
        sumOuterProducts(
          input: values, walk: walk, segments: segments(of: map),
          gradient: slopes, gradientWalk: gradientWalk, columnCount: outputChannels,
          accumulates: accumulates, output: target, context: context)
      }
    }
  }

  func segments(of map: FeatureMapShape) -> RowSegments {
    RowSegments(
      count: shape.kernelSize, length: shape.kernelSize * inputChannels,
      stride: map.width * map.channels)
  }
}
