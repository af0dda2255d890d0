/// Floats of transformed tiles that are summed before the next tiles are transformed.
private let chunkSize = 4 << 20
/// Tiles summed in registers: their rows and gradients, at most 384 bytes a tile, fit the first-level cache.
private let tilesPerSum = 64
/// Channels of the gradient that lie side by side.
private let columnsPerGroup = 32

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

  /// Channels of a piece of the input that lie side by side and are treated by one task.
  private var rowsPerBlock: Int {
    [64, 48, 32].first { source.channelCount % $0 == 0 } ?? 16
  }

  /// Writes the gradient, or adds it.
  ///
  /// - Parameters:
  ///   - input: Memory of the bordered map.
  ///   - slopes: Memory of the output's gradient.
  ///   - accumulates: Whether to add to what the target holds.
  ///   - target: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  func sum(
    input: UnsafePointer<Float>, slopes: UnsafePointer<Float>, accumulates: Bool,
    to target: UnsafeMutablePointer<Float>, context: ComputeContext
  ) {
    let most = min(tilesPerChunk, tiles.count)
    let rowsPerBlock = rowsPerBlock
    let blocks = blocks(rowsPerBlock)
    let groupCount = (columnCount + columnsPerGroup - 1) / columnsPerGroup
    // Elements from one position of the transform to the next, for rows and for columns.
    let rowStride = most * rowsPerBlock + rowPadding
    let columnStride = most * columnsPerGroup + rowPadding
    nonisolated(unsafe) let input = input
    nonisolated(unsafe) let slopes = slopes
    nonisolated(unsafe) let target = target
    withScratch(positionCount * (blocks.count * rowStride + groupCount * columnStride)) { memory in
      nonisolated(unsafe) let values = memory
      nonisolated(unsafe) let transformed = memory + positionCount * blocks.count * rowStride
      for first in stride(from: 0, to: tiles.count, by: tilesPerChunk) {
        let chunk = first..<min(tiles.count, first + tilesPerChunk)
        let step = 4
        context.parallelism.forEach(
          count: (chunk.count + step - 1) / step,
          scratchCount: tiles.scratchSize(max(rowsPerBlock, columnsPerGroup))
        ) { index, scratch in
          let start = index * step
          let part = first + start..<min(chunk.upperBound, first + start + step)
          for (index, block) in blocks.enumerated() {
            tiles.transformInput(
              input, block, part,
              to: values + index * positionCount * rowStride + start * rowsPerBlock,
              rowLength: rowsPerBlock, positionStride: rowStride, scratch)
          }
          for group in 0..<groupCount {
            let column = group * columnsPerGroup
            transformSlopes(
              slopes + column, columnCount: min(columnsPerGroup, columnCount - column), part,
              to: transformed + group * positionCount * columnStride + start * columnsPerGroup,
              positionStride: columnStride, scratch)
          }
        }
        let panelWidth = 2 * context.kernels.vectorWidth
        let panelCount = (columnCount + panelWidth - 1) / panelWidth
        context.parallelism.forEach(
          count: panelCount * blocks.count,
          scratchCount: (positionCount + transform.kernelSize * transform.kernelSize)
            * rowsPerBlock * panelWidth + 16 * positionCount
        ) { task, scratch in
          let (block, column) = (task / panelCount, task % panelCount * panelWidth)
          let group = column / columnsPerGroup
          sumBlock(
            rows: block * rowsPerBlock..<(block + 1) * rowsPerBlock,
            columns: column..<min(columnCount, column + panelWidth), tileCount: chunk.count,
            values + block * positionCount * rowStride, rowStride,
            transformed + group * positionCount * columnStride + column % columnsPerGroup,
            columnStride, accumulates: accumulates || chunk.lowerBound > 0, to: target, scratch)
        }
      }
    }
  }

  /// The input's channels, piece by piece, in blocks that lie side by side.
  private func blocks(_ rowsPerBlock: Int) -> [WinogradSource] {
    source.pieces.flatMap { piece in
      stride(from: 0, to: source.channelCount, by: rowsPerBlock).map { channel in
        WinogradSource(
          base: source.base, sampleStride: source.sampleStride, rowStride: source.rowStride,
          pixelStride: source.pixelStride,
          pieces: [
            .init(offset: piece.offset + channel, height: piece.height, width: piece.width)
          ], channelCount: rowsPerBlock)
      }
    }
  }

  /// Takes tiles of the gradient to the products' side.
  private func transformSlopes(
    _ slopes: UnsafePointer<Float>, columnCount: Int, _ part: Range<Int>,
    to values: UnsafeMutablePointer<Float>,
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
          scratch: scratch, target: values + (tile - part.lowerBound) * columnsPerGroup,
          stride: positionStride)
      }
    }
  }

  /// Sums the products of some rows and columns over the tiles of a chunk and takes them to the weights'
  /// gradient.
  private func sumBlock(
    rows: Range<Int>, columns: Range<Int>, tileCount: Int,
    _ values: UnsafeMutablePointer<Float>, _ rowStride: Int,
    _ slopes: UnsafeMutablePointer<Float>, _ columnStride: Int, accumulates: Bool,
    to target: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let blockSize = rows.count * columns.count
    let taps = scratch + positionCount * blockSize
    let small = taps + transform.kernelSize * transform.kernelSize * blockSize
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: tileCount) { table in
      guard let starts = table.baseAddress else { return }
      for tile in 0..<tileCount { (starts + tile).initialize(to: values + tile * rows.count) }
      for position in 0..<positionCount {
        for first in Swift.stride(from: 0, to: tileCount, by: tilesPerSum) {
          tiles.kernels.addOuterProducts(
            pixelCount: min(tilesPerSum, tileCount - first), rows: starts + first,
            rowOffset: position * rowStride, rowElementCount: rows.count,
            panel: slopes + position * columnStride + first * columnsPerGroup,
            panelStride: columnsPerGroup, columnCount: columns.count, accumulates: first > 0,
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
    for tap in 0..<transform.kernelSize * transform.kernelSize {
      for row in rows {
        let (piece, channel) = (row / source.channelCount, row % source.channelCount)
        let sums = taps + tap * blockSize + (row - rows.lowerBound) * columns.count
        let place =
          target
          + (convolution.pieceTap(tap, piece: piece) * source.channelCount + channel) * columnCount
          + columns.lowerBound
        if accumulates {
          tiles.kernels.addScaled(count: columns.count, source: sums, factor: 1, target: place)
        } else {
          place.update(from: sums, count: columns.count)
        }
      }
    }
  }
}
