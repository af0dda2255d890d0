/// Floats of transformed tiles that are summed before the next tiles are transformed.
private let chunkSize = 4 << 20
/// Tiles summed in registers: their rows and gradients, 320 bytes a tile, fill the first-level cache.
private let tilesPerSum = 96
/// Rows of the weights' matrix in one task.
private let rowsPerTask = 48

/// The gradient of a convolution's weights by Winograd's algorithm: `Gᵀ [Σ (Bᵀ d B) ⊙ (A g Aᵀ)] G` over all
/// tiles, with as many fewer products as the convolution itself.
struct WinogradGradient: Sendable {
  let tiles: WinogradTiles
  let source: WinogradSource
  let convolution: Convolution

  private var transform: WinogradTransform { tiles.transform }
  private var positionCount: Int { transform.positionCount }
  private var rowCount: Int { source.pieces.count * source.channelCount }
  private var columnCount: Int { convolution.outputChannels }

  /// Tiles in a chunk.
  ///
  /// It depends on the layer alone, since it decides in which order tiles are summed.
  private var tilesPerChunk: Int {
    min(768, max(96, chunkSize / (positionCount * (rowCount + columnCount))))
  }

  private var inputRow: Int { rowCount + rowPadding }
  private var slopeRow: Int { columnCount + rowPadding }

  /// Adds the gradient.
  ///
  /// - Parameters:
  ///   - input: Memory of the bordered map.
  ///   - slopes: Memory of the output's gradient.
  ///   - target: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  func add(
    input: UnsafePointer<Float>, slopes: UnsafePointer<Float>,
    to target: UnsafeMutablePointer<Float>, context: ComputeContext
  ) {
    let most = min(tilesPerChunk, tiles.count)
    let inputStride = most * inputRow + 3 * rowPadding
    let slopeStride = most * slopeRow + 3 * rowPadding
    nonisolated(unsafe) let input = input
    nonisolated(unsafe) let slopes = slopes
    nonisolated(unsafe) let target = target
    withScratch(positionCount * (inputStride + slopeStride)) { memory in
      nonisolated(unsafe) let values = memory
      nonisolated(unsafe) let transformed = memory + positionCount * inputStride
      for first in stride(from: 0, to: tiles.count, by: tilesPerChunk) {
        let chunk = first..<min(tiles.count, first + tilesPerChunk)
        let step = 4
        context.parallelism.forEach(
          count: (chunk.count + step - 1) / step,
          scratchCount: tiles.scratchSize(max(source.channelCount, columnCount))
        ) { index, scratch in
          let start = index * step
          let part = first + start..<min(chunk.upperBound, first + start + step)
          tiles.transformInput(
            input, source, part, to: values + start * inputRow, rowLength: inputRow,
            positionStride: inputStride, scratch)
          transformSlopes(
            slopes, part, to: transformed + start * slopeRow, positionStride: slopeStride, scratch)
        }
        let panelWidth = 2 * context.kernels.vectorWidth
        let groups = (columnCount + panelWidth - 1) / panelWidth
        let pieces = (rowCount + rowsPerTask - 1) / rowsPerTask
        context.parallelism.forEach(
          count: groups * pieces,
          scratchCount: (positionCount + transform.kernelSize * transform.kernelSize)
            * rowsPerTask * panelWidth + 16 * positionCount
        ) { task, scratch in
          let row = task / groups * rowsPerTask
          let column = task % groups * panelWidth
          addBlock(
            rows: row..<min(rowCount, row + rowsPerTask),
            columns: column..<min(columnCount, column + panelWidth), tileCount: chunk.count,
            values, inputStride, transformed, slopeStride, to: target, scratch)
        }
      }
    }
  }

  /// Takes tiles of the gradient to the products' side.
  private func transformSlopes(
    _ slopes: UnsafePointer<Float>, _ part: Range<Int>, to values: UnsafeMutablePointer<Float>,
    positionStride: Int, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let size = transform.outputSize
    let pixels = tiles.pixels
    let zeros = scratch + positionCount * (columnCount + rowPadding)
    zeros.initialize(repeating: 0, count: columnCount)
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: size * size) { table in
      guard let places = table.baseAddress else { return }
      for tile in part {
        let (sample, row, column) = tiles.place(tile)
        let start =
          slopes + pixels.base + sample * pixels.sampleStride + row * pixels.rowStride
          + column * pixels.pixelStride
        for i in 0..<size {
          for j in 0..<size {
            let isInside = row + i < pixels.height && column + j < pixels.width
            (places + i * size + j).initialize(
              to: isInside
                ? start + i * pixels.rowStride + j * pixels.pixelStride : UnsafePointer(zeros))
          }
        }
        tiles.kernels.transformSlopes(
          size: transform.tileSize, outputSize: size, sources: places, channelCount: columnCount,
          scratch: scratch, target: values + (tile - part.lowerBound) * slopeRow,
          stride: positionStride)
      }
    }
  }

  /// Sums the products of some rows and columns over the tiles of a chunk and adds them to the weights'
  /// gradient.
  private func addBlock(
    rows: Range<Int>, columns: Range<Int>, tileCount: Int,
    _ values: UnsafeMutablePointer<Float>, _ inputStride: Int,
    _ slopes: UnsafeMutablePointer<Float>, _ slopeStride: Int,
    to target: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let blockSize = rows.count * columns.count
    let taps = scratch + positionCount * blockSize
    let small = taps + transform.kernelSize * transform.kernelSize * blockSize
    scratch.initialize(repeating: 0, count: positionCount * blockSize)
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: tileCount) { table in
      guard let starts = table.baseAddress else { return }
      for tile in 0..<tileCount { (starts + tile).initialize(to: values + tile * inputRow) }
      for position in 0..<positionCount {
        for first in Swift.stride(from: 0, to: tileCount, by: tilesPerSum) {
          tiles.kernels.addOuterProducts(
            pixelCount: min(tilesPerSum, tileCount - first), rows: starts + first,
            rowOffset: position * inputStride + rows.lowerBound, rowElementCount: rows.count,
            panel: slopes + position * slopeStride + first * slopeRow + columns.lowerBound,
            panelStride: slopeRow, columnCount: columns.count,
            output: scratch + position * blockSize, outputStride: columns.count)
        }
      }
    }
    transform.weightMatrixTransposed.withUnsafeBufferPointer { buffer in
      guard let matrix = buffer.baseAddress else { return }
      tiles.kernels.transformBothAxes(
        matrix: matrix, inputSize: transform.tileSize, outputSize: transform.kernelSize,
        source: scratch, sourceStride: blockSize, count: blockSize, scratch: small, target: taps,
        targetStride: blockSize, accumulates: false)
    }
    let (stride, size) = (convolution.shape.stride, convolution.shape.kernelSize)
    for tap in 0..<transform.kernelSize * transform.kernelSize {
      for row in rows {
        let (piece, channel) = (row / source.channelCount, row % source.channelCount)
        let u = stride * (tap / transform.kernelSize) + piece / stride
        let v = stride * (tap % transform.kernelSize) + piece % stride
        tiles.kernels.addScaled(
          count: columns.count,
          source: taps + tap * blockSize + (row - rows.lowerBound) * columns.count, factor: 1,
          target: target + ((u * size + v) * source.channelCount + channel) * columnCount
            + columns.lowerBound)
      }
    }
  }
}
