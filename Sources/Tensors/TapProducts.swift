extension Convolution {
  /// Whether the adjoint multiplies every pixel with all taps and adds the products up afterwards.
  ///
  /// Its few channels would fill a small part of a vector; those of all taps side by side fill several.
  var hasTapProducts: Bool { shape == .halving && inputChannels < 8 }

  /// The weights of all taps side by side, `[outputChannels, kernelSize² · inputChannels]`.
  func tapsPacked(_ weights: UnsafePointer<Float>, _ context: ComputeContext) -> PackedMatrix {
    nonisolated(unsafe) let source = weights
    let rowCount = outputChannels
    return PackedMatrix(
      rowCount: rowCount, columnCount: shape.kernelSize * shape.kernelSize * inputChannels,
      context: context
    ) { columns, panel, stride, _ in
      transpose(
        source + columns.lowerBound * rowCount, rows: columns.count, columns: rowCount,
        sourceStride: rowCount, to: panel, targetStride: stride)
    }
  }
}

/// Rows of the smaller map whose products are added up together.
private let rowsPerBand = 14

/// The adjoint of a halving convolution with few channels: `y[2i + u − 1, 2j + v − 1] += x[i, j] · w[u, v]`.
struct TapProducts: Sendable {
  let convolution: Convolution
  /// `[outputChannels, kernelSize² · inputChannels]`.
  let matrix: PackedMatrix
  /// `[inputChannels]` or nil.
  let bias: [Float]?

  /// Computes the whole map.
  ///
  /// - Parameters:
  ///   - values: Memory of the gradient inside its border of one pixel.
  ///   - map: Its axes, border included.
  ///   - output: Memory of the result.
  ///   - outputMap: Its axes.
  ///   - context: Threads and kernels.
  func run(
    _ values: UnsafePointer<Float>, map: FeatureMapShape, output: UnsafeMutablePointer<Float>,
    outputMap: FeatureMapShape, context: ComputeContext
  ) {
    nonisolated(unsafe) let values = values
    nonisolated(unsafe) let output = output
    let columnCount = matrix.columnCount
    let rowCount = (outputMap.height + 1) / 2
    let bandCount = (rowCount + rowsPerBand - 1) / rowsPerBand
    let scratchCount = (rowsPerBand + 2) * map.width * columnCount
    context.parallelism.forEach(count: map.batch * bandCount, scratchCount: scratchCount) {
      task, scratch in
      let (sample, band) = (task / bandCount, task % bandCount)
      let first = band * rowsPerBand
      let rows = first..<min(rowCount, first + rowsPerBand)
      // In bordered rows, the pixels above and below the band as well.
      var walk = PixelWalk.all(of: map)
      walk.batch = 1
      walk.base = sample * walk.sampleStride + rows.lowerBound * walk.rowStride
      walk.height = rows.count + 2
      let products = PixelWalk.all(
        of: FeatureMapShape([1, walk.height, map.width, columnCount]))
      multiplyGathered(
        input: values, walk: walk,
        segments: RowSegments(count: 1, length: matrix.rowCount, stride: 0), matrix: matrix,
        initial: nil, output: scratch, outputWalk: products,
        context: ComputeContext(parallelism: .serial, kernels: context.kernels))
      for row in 2 * rows.lowerBound..<min(outputMap.height, 2 * rows.upperBound) {
        addTaps(
          UnsafePointer(scratch), firstRow: rows.lowerBound, width: map.width, row: row,
          to: output + (sample * outputMap.height + row) * outputMap.width
            * convolution.inputChannels,
          count: outputMap.width)
      }
    }
  }

  /// One row of the result: each pixel from the four pixels that reach it.
  private func addTaps(
    _ products: UnsafePointer<Float>, firstRow: Int, width: Int, row: Int,
    to output: UnsafeMutablePointer<Float>, count: Int
  ) {
    let channels = convolution.inputChannels
    let (columnCount, rowTaps) = (matrix.columnCount, 4 * channels)
    // Row 2i + u − 1 from bordered row i + 1: taps u = 1 and 3 reach even rows, 0 and 2 odd ones.
    let firstTap = (row + 1) % 2
    let upper = (row + 1 - firstTap) / 2 - firstRow
    for column in 0..<count {
      let firstColumnTap = (column + 1) % 2
      let left = (column + 1 - firstColumnTap) / 2
      let near = products + ((upper + 1) * width + left + 1) * columnCount
      let above = products + (upper * width + left + 1) * columnCount
      let nearTap = firstTap * rowTaps + firstColumnTap * channels
      let aboveTap = nearTap + 2 * rowTaps
      for channel in 0..<channels {
        let sum =
          (near[nearTap + channel] + near[nearTap + 2 * channels - columnCount + channel])
          + (above[aboveTap + channel] + above[aboveTap + 2 * channels - columnCount + channel])
        output[column * channels + channel] = sum + (bias?[channel] ?? 0)
      }
    }
  }
}
