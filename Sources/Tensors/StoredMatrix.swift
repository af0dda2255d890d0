/// A right factor of a product that lies in memory as it is stored.
///
/// Its pieces are laid out for the kernels right before they are used, while they are in the cache: weights
/// that serve one product are read once and never written out anew.
struct StoredMatrix: Sendable {
  let rowCount: Int
  let columnCount: Int
  /// Writes some rows of some columns as `[rows, stride]`.
  let layOut:
    @Sendable (
      _ rows: Range<Int>, _ columns: Range<Int>, _ target: UnsafeMutablePointer<Float>,
      _ stride: Int
    ) -> Void

  /// The whole matrix, laid out for many products.
  func packed(_ context: ComputeContext) -> PackedMatrix {
    PackedMatrix(rowCount: rowCount, columnCount: columnCount, context: context) {
      columns, panel, stride, _ in
      layOut(0..<rowCount, columns, panel, stride)
    }
  }
}

extension Convolution {
  /// Weights in memory as the forward pass multiplies with them, `[kernelSize² · inputChannels, outputChannels]`.
  func storedMatrix(_ weights: UnsafePointer<Float>) -> StoredMatrix {
    nonisolated(unsafe) let source = weights
    let columnCount = outputChannels
    return StoredMatrix(
      rowCount: shape.kernelSize * shape.kernelSize * inputChannels, columnCount: columnCount
    ) { rows, columns, target, stride in
      for (index, row) in rows.enumerated() {
        (target + index * stride).update(
          from: source + row * columnCount + columns.lowerBound, count: columns.count)
      }
    }
  }

  /// Weights in memory as one phase of the adjoint multiplies with them,
  /// `[(kernelSize / stride)² · outputChannels, inputChannels]`.
  ///
  /// An output pixel of phase `r` meets the taps `u ≡ r + padding` modulo the stride, the last of them
  /// first as the window moves down the gradient.
  func storedAdjoint(_ weights: UnsafePointer<Float>, phase: Int) -> StoredMatrix {
    nonisolated(unsafe) let source = weights
    let taps = shape.kernelSize / shape.stride
    let (inner, tapSize) = (outputChannels, inputChannels * outputChannels)
    return StoredMatrix(rowCount: taps * taps * inner, columnCount: inputChannels) {
      rows, columns, target, stride in
      var row = rows.lowerBound
      while row < rows.upperBound {
        let (tap, first) = (row / inner, row % inner)
        let count = min(rows.upperBound - row, inner - first)
        let block = source + adjointTap(tap, phase: phase) * tapSize
        transpose(
          block + columns.lowerBound * inner + first, rows: columns.count, columns: count,
          sourceStride: inner, to: target + (row - rows.lowerBound) * stride, targetStride: stride)
        row += count
      }
    }
  }

  /// The place among all taps of the tap that a piece of a map, walked with the stride, meets.
  func pieceTap(_ tap: Int, piece: Int) -> Int {
    let (stride, size) = (shape.stride, shape.kernelSize)
    let taps = size / stride
    let u = stride * (tap / taps) + piece / stride
    let v = stride * (tap % taps) + piece % stride
    return u * size + v
  }

  /// The place among all taps of a phase's tap.
  func adjointTap(_ tap: Int, phase: Int) -> Int {
    let (stride, size) = (shape.stride, shape.kernelSize)
    let taps = size / stride
    let u = (phase / stride + shape.padding) % stride + stride * (taps - 1 - tap / taps)
    let v = (phase % stride + shape.padding) % stride + stride * (taps - 1 - tap % taps)
    return u * size + v
  }
}
