/// Rows of a matrix that are transformed together.
private let rowsPerBlock = 64

extension Convolution {
  /// A bordered map as the forward pass sees it.
  func winogradSource(of map: FeatureMapShape) -> WinogradSource {
    let stride = shape.stride
    let (row, pixel) = (map.width * map.channels, map.channels)
    let pieces = (0..<stride * stride).map { piece in
      let (y, x) = (piece / stride, piece % stride)
      return WinogradSource.Piece(
        offset: y * row + x * pixel, height: (map.height - y + stride - 1) / stride,
        width: (map.width - x + stride - 1) / stride)
    }
    return WinogradSource(
      base: 0, sampleStride: map.height * row, rowStride: stride * row,
      pixelStride: stride * pixel, pieces: pieces, channelCount: map.channels)
  }

  /// A bordered gradient as one phase of the adjoint sees it.
  func adjointSource(
    of map: FeatureMapShape, firstRow: Int, firstColumn: Int
  ) -> WinogradSource {
    let (row, pixel) = (map.width * map.channels, map.channels)
    return WinogradSource(
      base: firstRow * row + firstColumn * pixel, sampleStride: map.height * row, rowStride: row,
      pixelStride: pixel,
      pieces: [.init(offset: 0, height: map.height - firstRow, width: map.width - firstColumn)],
      channelCount: map.channels)
  }

  /// The transformed weights of the forward pass.
  func winogradPacked(
    _ weights: UnsafePointer<Float>, _ transform: WinogradTransform, _ context: ComputeContext
  ) -> PackedMatrix {
    nonisolated(unsafe) let source = weights
    let (stride, channels) = (shape.stride, inputChannels)
    let tapSize = inputChannels * outputChannels
    return transformedMatrix(
      rowCount: stride * stride * channels, columnCount: outputChannels, transform, context
    ) { rows, columns, tap, target in
      for row in rows {
        let (piece, channel) = (row / channels, row % channels)
        (target + (row - rows.lowerBound) * columns.count).update(
          from: source + pieceTap(tap, piece: piece) * tapSize + channel * outputChannels
            + columns.lowerBound,
          count: columns.count)
      }
    }
  }

  /// The transformed weights of one phase of the adjoint.
  func winogradAdjointPacked(
    _ weights: UnsafePointer<Float>, phase: Int, _ transform: WinogradTransform,
    _ context: ComputeContext
  ) -> PackedMatrix {
    nonisolated(unsafe) let source = weights
    let inner = outputChannels
    return transformedMatrix(
      rowCount: inner, columnCount: inputChannels, transform, context
    ) { rows, columns, tap, target in
      let block = source + adjointTap(tap, phase: phase) * inputChannels * inner
      transpose(
        block + columns.lowerBound * inner + rows.lowerBound, rows: columns.count,
        columns: rows.count, sourceStride: inner, to: target, targetStride: columns.count)
    }
  }

  /// A stack of matrices, one a position of the transform; `gather` writes some rows and columns of one
  /// tap, `[rows, columns]`, to contiguous memory.
  private func transformedMatrix(
    rowCount: Int, columnCount: Int, _ transform: WinogradTransform, _ context: ComputeContext,
    gather:
      @Sendable (
        _ rows: Range<Int>, _ columns: Range<Int>, _ tap: Int,
        _ target: UnsafeMutablePointer<Float>
      ) -> Void
  ) -> PackedMatrix {
    let matrix = transform.weightMatrix
    let tapCount = transform.kernelSize * transform.kernelSize
    return PackedMatrix(
      rowCount: rowCount, columnCount: columnCount, matrixCount: transform.positionCount,
      context: context
    ) { columns, panel, width, matrixStride in
      precondition(width == columns.count, "transformed panels are full")
      let blockSize = rowsPerBlock * width
      withScratch(tapCount * blockSize + 16 * transform.tileSize * transform.kernelSize) { taps in
        for first in stride(from: 0, to: rowCount, by: rowsPerBlock) {
          let rows = first..<min(rowCount, first + rowsPerBlock)
          for tap in 0..<tapCount { gather(rows, columns, tap, taps + tap * blockSize) }
          matrix.withUnsafeBufferPointer { buffer in
            guard let matrix = buffer.baseAddress else { return }
            context.kernels.transformBothAxes(
              matrix: matrix, inputSize: transform.kernelSize, outputSize: transform.tileSize,
              source: taps, sourceStride: blockSize, count: rows.count * width,
              scratch: taps + tapCount * blockSize, target: panel + first * width,
              targetStride: matrixStride, accumulates: false)
          }
        }
      }
    }
  }
}
