/// The weights of a convolution's adjoint, one matrix for every phase of the output's pixels.
public struct AdjointWeights: Sendable {
  let phases: [PackedMatrix]

  /// Bytes of memory.
  public var byteCount: Int { phases.reduce(0) { $0 + $1.byteCount } }
}

extension Convolution {
  /// Lays the weights out for ``forward(_:weights:bias:context:)``.
  ///
  /// - Parameters:
  ///   - weights: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  /// - Returns: One matrix `[kernelSize² · inputChannels, outputChannels]`, or transformed ones.
  public func packed(
    _ weights: UnsafePointer<Float>, context: ComputeContext
  ) -> PackedMatrix {
    if case .winograd(let transform) = algorithm {
      return winogradPacked(weights, transform, context)
    }
    nonisolated(unsafe) let source = weights
    let columnCount = outputChannels
    let rowCount = shape.kernelSize * shape.kernelSize * inputChannels
    return PackedMatrix(
      rowCount: rowCount, columnCount: columnCount, context: context
    ) { columns, panel, stride, _ in
      for row in 0..<rowCount {
        (panel + row * stride).update(
          from: source + row * columnCount + columns.lowerBound, count: columns.count)
      }
    }
  }

  /// Lays the weights out for ``adjoint(_:weights:height:width:bias:context:)``.
  ///
  /// An output pixel of phase `r` meets the taps `u ≡ r + padding` modulo the stride, the last of them
  /// first as the window moves down the gradient.
  ///
  /// - Parameters:
  ///   - weights: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  /// - Returns: One matrix for each of the stride² phases, or one of all taps.
  public func adjointPacked(
    _ weights: UnsafePointer<Float>, context: ComputeContext
  ) -> AdjointWeights {
    nonisolated(unsafe) let source = weights
    if hasTapProducts { return AdjointWeights(phases: [tapsPacked(source, context)]) }
    let taps = shape.kernelSize / shape.stride
    let (inner, tapSize) = (outputChannels, inputChannels * outputChannels)
    let phases = (0..<shape.stride * shape.stride).map { phase in
      if case .winograd(let transform) = algorithm {
        return winogradAdjointPacked(source, phase: phase, transform, context)
      }
      let firstRowTap = (phase / shape.stride + shape.padding) % shape.stride
      let firstColumnTap = (phase % shape.stride + shape.padding) % shape.stride
      let (size, step) = (shape.kernelSize, shape.stride)
      return PackedMatrix(
        rowCount: taps * taps * inner, columnCount: inputChannels, context: context
      ) { columns, panel, stride, _ in
        for tap in 0..<taps * taps {
          let row = firstRowTap + step * (taps - 1 - tap / taps)
          let column = firstColumnTap + step * (taps - 1 - tap % taps)
          let block = source + (row * size + column) * tapSize + columns.lowerBound * inner
          transpose(
            block, rows: columns.count, columns: inner, stride: stride,
            to: panel + tap * inner * stride)
        }
      }
    }
    return AdjointWeights(phases: phases)
  }
}

/// Writes `[rows, columns]` as `[columns, stride]`, eight columns at a time to stay in few cache lines.
private func transpose(
  _ source: UnsafePointer<Float>, rows: Int, columns: Int, stride: Int,
  to target: UnsafeMutablePointer<Float>
) {
  for first in Swift.stride(from: 0, to: columns, by: 8) {
    let last = min(columns, first + 8)
    for row in 0..<rows {
      for column in first..<last {
        target[column * stride + row] = source[row * columns + column]
      }
    }
  }
}
