/// Tiles transformed and multiplied together: their weights are read once for all of them.
private let tilesPerChunk = 48

/// A convolution by Winograd's algorithm over one map.
struct WinogradProduct: Sendable {
  let tiles: WinogradTiles
  let source: WinogradSource
  let matrix: PackedMatrix
  /// `[columnCount]`, added to every pixel; nil for 0.
  let bias: [Float]?
  /// Factor of results below 0.
  var slope: Float = 1

  private var transform: WinogradTransform { tiles.transform }
  private var kernels: KernelFamily { tiles.kernels }

  private var inputRow: Int { matrix.rowCount + rowPadding }
  private var productRow: Int { matrix.columnCount + rowPadding }
  private func inputStride(_ tiles: Int) -> Int { tiles * inputRow + 3 * rowPadding }
  private func productStride(_ tiles: Int) -> Int { tiles * productRow + 3 * rowPadding }
  /// Room for transforms under way.
  private var smallScratch: Int {
    tiles.scratchSize(max(source.channelCount, matrix.columnCount))
  }

  private func inputSize(_ tiles: Int) -> Int { transform.positionCount * inputStride(tiles) }
  private func productSize(_ tiles: Int) -> Int { transform.positionCount * productStride(tiles) }

  /// Computes several products, such as the phases of a transposed convolution, over all threads.
  ///
  /// Every result is computed in the same order of operations however the work is spread.
  static func run(
    _ products: [WinogradProduct], input: UnsafePointer<Float>,
    output: UnsafeMutablePointer<Float>, context: ComputeContext
  ) {
    guard let first = products.first else { return }
    nonisolated(unsafe) let input = input
    nonisolated(unsafe) let output = output
    let chunks = products.enumerated().flatMap { index, product in
      stride(from: 0, to: product.tiles.count, by: tilesPerChunk).map {
        (index, $0..<min(product.tiles.count, $0 + tilesPerChunk))
      }
    }
    guard chunks.count < 2 * context.parallelism.threadCount && context.parallelism.threadCount > 1
    else {
      let scratchCount =
        first.inputSize(tilesPerChunk) + first.productSize(tilesPerChunk) + first.smallScratch
      context.parallelism.forEach(count: chunks.count, scratchCount: scratchCount) {
        index, scratch in
        let (number, chunk) = chunks[index]
        let product = products[number]
        let values = scratch + product.smallScratch
        let sums = values + product.inputSize(chunk.count)
        product.transformInput(input, chunk, chunk, to: values, scratch)
        for position in 0..<product.transform.positionCount {
          product.multiply(
            position, panels: 0..<product.matrix.panelCount, chunk.count, values, sums)
        }
        product.transformOutput(sums, chunk, chunk, to: output, scratch)
      }
      return
    }
    for (number, chunk) in chunks {
      products[number].runTogether(chunk, input, output, context)
    }
  }

  /// One chunk over all threads, step by step.
  private func runTogether(
    _ chunk: Range<Int>, _ input: UnsafePointer<Float>, _ output: UnsafeMutablePointer<Float>,
    _ context: ComputeContext
  ) {
    withScratch(inputSize(chunk.count) + productSize(chunk.count)) { memory in
      nonisolated(unsafe) let values = memory
      nonisolated(unsafe) let sums = memory + inputSize(chunk.count)
      nonisolated(unsafe) let input = input
      nonisolated(unsafe) let output = output
      let step = 4
      let stepCount = (chunk.count + step - 1) / step
      @Sendable func part(_ index: Int) -> Range<Int> {
        let start = chunk.lowerBound + index * step
        return start..<min(chunk.upperBound, start + step)
      }
      context.parallelism.forEach(count: stepCount, scratchCount: smallScratch) { index, scratch in
        transformInput(input, part(index), chunk, to: values, scratch)
      }
      let panelsPerTask = max(1, matrix.panelCount / 4)
      let groups = (matrix.panelCount + panelsPerTask - 1) / panelsPerTask
      context.parallelism.forEach(count: transform.positionCount * groups) { task in
        let first = task % groups * panelsPerTask
        multiply(
          task / groups, panels: first..<min(matrix.panelCount, first + panelsPerTask),
          chunk.count, values, sums)
      }
      context.parallelism.forEach(count: stepCount, scratchCount: smallScratch) { index, scratch in
        transformOutput(sums, part(index), chunk, to: output, scratch)
      }
    }
  }

  /// Takes tiles to the products' side: `[position][tile of the chunk][piece and channel]`.
  private func transformInput(
    _ input: UnsafePointer<Float>, _ part: Range<Int>, _ chunk: Range<Int>,
    to values: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    tiles.transformInput(
      input, source, part, to: values + (part.lowerBound - chunk.lowerBound) * inputRow,
      rowLength: inputRow, positionStride: inputStride(chunk.count), scratch)
  }

  /// The products of one position: `[tile, rows of the matrix] · [rows, columns]`.
  private func multiply(
    _ position: Int, panels: Range<Int>, _ tileCount: Int, _ values: UnsafeMutablePointer<Float>,
    _ sums: UnsafeMutablePointer<Float>
  ) {
    let firstRow = UnsafePointer(values + position * inputStride(tileCount))
    let firstSum = sums + position * productStride(tileCount)
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: tileCount) { rows in
      withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>.self, capacity: tileCount) {
        outputs in
        guard let rowStarts = rows.baseAddress, let outputStarts = outputs.baseAddress else {
          return
        }
        for tile in 0..<tileCount {
          (rowStarts + tile).initialize(to: firstRow + tile * inputRow)
          (outputStarts + tile).initialize(to: firstSum + tile * productRow)
        }
        for index in panels {
          let (panel, columns, width) = matrix.panel(index, matrix: position)
          for element in stride(from: 0, to: matrix.rowCount, by: elementsPerBlock) {
            kernels.multiplyPanel(
              rowCount: tileCount, rows: rowStarts, rowOffset: element, segmentCount: 1,
              segmentLength: min(elementsPerBlock, matrix.rowCount - element), segmentStride: 0,
              panel: panel + element * width, columnCount: columns.count, initial: nil,
              accumulates: element > 0, outputs: outputStarts, outputOffset: columns.lowerBound)
          }
        }
      }
    }
  }

  /// Takes products to pixels.
  private func transformOutput(
    _ sums: UnsafeMutablePointer<Float>, _ part: Range<Int>, _ chunk: Range<Int>,
    to output: UnsafeMutablePointer<Float>, _ scratch: UnsafeMutablePointer<Float>
  ) {
    let size = transform.outputSize
    let target = tiles.pixels
    func write(_ bias: UnsafePointer<Float>?) {
      withUnsafeTemporaryAllocation(
        of: UnsafeMutablePointer<Float>?.self, capacity: size * size
      ) { table in
        guard let pixels = table.baseAddress else { return }
        for tile in part {
          let (sample, row, column) = tiles.place(tile)
          let start =
            output + target.base + sample * target.sampleStride + row * target.rowStride
            + column * target.pixelStride
          for i in 0..<size {
            for j in 0..<size {
              let isInside = row + i < target.height && column + j < target.width
              (pixels + i * size + j).initialize(
                to: isInside ? start + i * target.rowStride + j * target.pixelStride : nil)
            }
          }
          kernels.transformOutput(
            size: transform.tileSize, outputSize: size,
            source: sums + (tile - chunk.lowerBound) * productRow,
            stride: productStride(chunk.count), channelCount: matrix.columnCount, bias: bias,
            slope: slope, scratch: scratch, targets: pixels)
        }
      }
    }
    guard let bias else { return write(nil) }
    bias.withUnsafeBufferPointer { write($0.baseAddress) }
  }
}
