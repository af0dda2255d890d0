/// A convolution for inference whose window may be longer one way than the other, with any stride.
///
/// Weights are `[rowCount, columnCount, inputChannels, outputChannels]`: tap by tap, channels last. Square
/// windows of networks that are trained are ``Convolution``.
public struct RectangularConvolution: Sendable, Equatable {
  /// Taps down.
  public let rowCount: Int
  /// Taps across.
  public let columnCount: Int
  /// Pixels from one window to the next, both ways.
  public let stride: Int
  /// Rows of zeros above and below the input.
  public let rowPadding: Int
  /// Columns of zeros left and right of the input.
  public let columnPadding: Int
  /// Channels that it takes.
  public let inputChannels: Int
  /// Channels that it gives.
  public let outputChannels: Int
  /// The same as a square convolution, where Winograd's algorithm computes it.
  private let square: Convolution?

  /// Names a convolution.
  ///
  /// - Parameters:
  ///   - rowCount: Taps down.
  ///   - columnCount: Taps across.
  ///   - stride: Pixels from one window to the next.
  ///   - isPadded: Whether so many zeros lie around the input that, with stride 1, the size stays.
  ///   - inputChannels: Channels that it takes.
  ///   - outputChannels: Channels that it gives.
  ///   - isSmall: Whether the maps have so few pixels that reading weights takes the time; Winograd's
  ///     algorithm, which reads more of them, is left out then.
  public init(
    rowCount: Int, columnCount: Int, stride: Int = 1, isPadded: Bool, inputChannels: Int,
    outputChannels: Int, isSmall: Bool = false
  ) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.stride = stride
    rowPadding = isPadded ? rowCount / 2 : 0
    columnPadding = isPadded ? columnCount / 2 : 0
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    guard rowCount == 3, columnCount == 3, stride == 1, !isSmall else {
      square = nil
      return
    }
    let algorithm = ConvolutionAlgorithm.suited(
      to: .centred, inputChannels: inputChannels, outputChannels: outputChannels)
    square =
      algorithm == .direct
      ? nil
      : Convolution(
        shape: ConvolutionShape(kernelSize: 3, stride: 1, padding: rowPadding),
        inputChannels: inputChannels, outputChannels: outputChannels, algorithm: algorithm)
  }

  /// How many weights there are.
  public var weightCount: Int { rowCount * columnCount * inputChannels * outputChannels }

  /// The size of the result for a map without border.
  public func outputSize(height: Int, width: Int) -> (height: Int, width: Int) {
    (
      (height + 2 * rowPadding - rowCount) / stride + 1,
      (width + 2 * columnPadding - columnCount) / stride + 1
    )
  }

  /// Lays the weights out for ``forward(_:weights:bias:slope:into:channel:context:)``.
  ///
  /// - Parameters:
  ///   - weights: `[rowCount, columnCount, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  /// - Returns: One matrix `[rowCount · columnCount · inputChannels, outputChannels]`, or transformed ones.
  public func packed(_ weights: [Float], context: ComputeContext) -> PackedMatrix {
    precondition(weights.count == weightCount, "\(weights.count) weights, not \(weightCount)")
    if let square { return square.packed(weights, context: context) }
    let columnCount = outputChannels
    return PackedMatrix(
      rowCount: weightCount / max(1, columnCount), columnCount: columnCount, context: context
    ) { columns, panel, stride, _ in
      weights.withUnsafeBufferPointer { source in
        for row in 0..<source.count / max(1, columnCount) {
          for (index, column) in columns.enumerated() {
            panel[row * stride + index] = source[row * columnCount + column]
          }
        }
      }
    }
  }

  /// The convolution of a map, rectified, as some channels of another.
  ///
  /// `y[n, i, j, o] = bias[o] + Σ w[u, v, c, o] · x[n, stride·i + u − rowPadding, stride·j + v −
  /// columnPadding, c]`, and `slope · y` where that is below 0.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` with a border of at least the paddings; where Winograd's algorithm
  ///     computes, of just them.
  ///   - weights: Packed by ``packed(_:context:)``.
  ///   - bias: `[outputChannels]`, or nil.
  ///   - slope: Factor of negative values.
  ///   - target: Gets the result; its size is ``outputSize(height:width:)``.
  ///   - channel: The first of its channels to be written.
  ///   - context: Threads and kernels.
  public func forward(
    _ input: BorderedMap, weights: PackedMatrix, bias: [Float]?, slope: Float,
    into target: inout BorderedMap, channel: Int = 0, context: ComputeContext
  ) {
    let map = input.tensor.map
    let (height, width) = outputSize(
      height: map.height - 2 * input.border, width: map.width - 2 * input.border)
    precondition(
      map.channels == inputChannels && input.border >= max(rowPadding, columnPadding),
      "a map \(input.tensor.shape) with a border of \(input.border) for \(inputChannels) channels")
    target.withChannels(channel..<channel + outputChannels) { output, walk in
      precondition(
        walk.height == height && walk.width == width && walk.batch == map.batch,
        "a target of \(walk.height) × \(walk.width) pixels for \(height) × \(width)")
      if let square {
        return square.convolve(
          input.tensor, weights: .packed(weights), bias: bias, slope: slope, to: output,
          walk: walk, context: context)
      }
      var windows = PixelWalk.all(of: map)
      windows.base =
        (input.border - rowPadding) * windows.rowStride
        + (input.border - columnPadding) * windows.pixelStride
      (windows.height, windows.width) = (height, width)
      windows.rowStride *= stride
      windows.pixelStride *= stride
      input.tensor.withPointer { values in
        multiplyGathered(
          input: values, walk: windows,
          segments: RowSegments(
            count: rowCount, length: columnCount * inputChannels,
            stride: map.width * map.channels),
          matrix: weights, initial: bias, slope: slope, output: output, outputWalk: walk,
          context: context)
      }
    }
  }
}
