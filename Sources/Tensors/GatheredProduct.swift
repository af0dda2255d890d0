/// How the elements of one row of a left factor lie in memory: equal pieces at equal distances.
struct RowSegments: Sendable {
  var count: Int
  var length: Int
  var stride: Int

  /// Some elements of a row: whole segments, or a part of one.
  struct Piece {
    /// Which of the row's elements, counted without gaps.
    let elements: Range<Int>
    /// Where they start in memory.
    let offset: Int
    let segmentCount: Int
    let segmentLength: Int
  }

  /// Calls `body` with pieces that together fit the first-level cache, in order.
  func forEachPiece(_ body: (_ piece: Piece, _ isFirst: Bool) -> Void) {
    let pieceLength = min(length, elementsPerBlock)
    let segmentsAtOnce = max(1, elementsPerBlock / length)
    for segment in Swift.stride(from: 0, to: count, by: segmentsAtOnce) {
      for first in Swift.stride(from: 0, to: length, by: pieceLength) {
        let (rows, elements) = (
          min(segmentsAtOnce, count - segment), min(pieceLength, length - first)
        )
        let start = segment * length + first
        body(
          Piece(
            elements: start..<start + (rows - 1) * length + elements,
            offset: segment * stride + first,
            segmentCount: rows, segmentLength: elements),
          start == 0)
      }
    }
  }
}

/// Rows of a block; a multiple of the kernels' row counts (6 and 8).
private let rowsPerBlock = 96
/// Elements of a row that are multiplied before the next panel row block is fetched: 256 · 16 floats of a
/// panel fill half of a 32 KiB first-level cache.
let elementsPerBlock = 256

/// `output[i] = initial + Σₖ row(i)[k] · matrix[k]` for rows that lie anywhere in `input`.
///
/// The sum runs over `k` in order for every row, whatever the partition, so results do not depend on
/// threads or on which rows are computed together.
///
/// - Parameters:
///   - input: Memory of the left factor.
///   - walk: Where each row starts.
///   - segments: How a row lies from its start; `count · length` is the matrix's row count.
///   - matrix: The right factor.
///   - initial: `[columnCount]`, such as the bias; nil for 0.
///   - slope: Factor of results below 0.
///   - output: Memory of the result.
///   - outputWalk: Where each row of the result starts; the same number of rows.
///   - context: Threads and kernels.
func multiplyGathered(
  input: UnsafePointer<Float>, walk: PixelWalk, segments: RowSegments, matrix: PackedMatrix,
  initial: [Float]?, slope: Float = 1, output: UnsafeMutablePointer<Float>,
  outputWalk: PixelWalk, context: ComputeContext
) {
  precondition(
    segments.count * segments.length == matrix.rowCount,
    "rows of \(segments.count) × \(segments.length) elements against \(matrix.rowCount) matrix rows"
  )
  precondition(matrix.kernels == context.kernels, "the matrix was packed for other kernels")
  let rowCount = walk.pixelCount
  let blockCount = (rowCount + rowsPerBlock - 1) / rowsPerBlock
  // Few rows: spread the panels as well. The partition has no influence on any result.
  let panelsPerTask =
    blockCount >= 8 ? matrix.panelCount : max(1, matrix.panelCount * blockCount / 16)
  let groupCount = (matrix.panelCount + panelsPerTask - 1) / panelsPerTask
  let start = initial.map { padded($0, width: 2 * context.kernels.vectorWidth) }
  nonisolated(unsafe) let input = input
  nonisolated(unsafe) let output = output
  context.parallelism.forEach(count: blockCount * groupCount) { task in
    let first = task / groupCount * rowsPerBlock
    let range = first..<min(rowCount, first + rowsPerBlock)
    let firstPanel = task % groupCount * panelsPerTask
    let panels = firstPanel..<min(matrix.panelCount, firstPanel + panelsPerTask)
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: rowsPerBlock) { rows in
      withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>.self, capacity: rowsPerBlock) {
        outputs in
        guard let rowStarts = rows.baseAddress, let outputStarts = outputs.baseAddress else {
          return
        }
        walk.forEach(in: range) { (rowStarts + $0).initialize(to: input + $1) }
        outputWalk.forEach(in: range) { (outputStarts + $0).initialize(to: output + $1) }
        for panel in panels {
          multiplyBlock(
            range.count, rowStarts, segments, matrix, panel, start, outputStarts, context.kernels)
        }
        guard slope != 1, !panels.isEmpty else { return }
        let first = matrix.panel(panels.lowerBound).columns.lowerBound
        let count = matrix.panel(panels.upperBound - 1).columns.upperBound - first
        for row in 0..<range.count {
          let values = outputStarts[row] + first
          context.kernels.rectifyPixels(
            pixelCount: 1, channelCount: count, input: values, inputStride: count, slope: slope,
            output: values, outputStride: count)
        }
      }
    }
  }
}

/// One block of rows times one panel, in pieces that fit the first-level cache.
private func multiplyBlock(
  _ rowCount: Int, _ rows: UnsafePointer<UnsafePointer<Float>>, _ segments: RowSegments,
  _ matrix: PackedMatrix, _ panelIndex: Int, _ initial: [Float]?,
  _ outputs: UnsafePointer<UnsafeMutablePointer<Float>>, _ kernels: KernelFamily
) {
  let (panel, columns, width) = matrix.panel(panelIndex)
  func multiply(_ initial: UnsafePointer<Float>?) {
    segments.forEachPiece { piece, isFirst in
      kernels.multiplyPanel(
        rowCount: rowCount, rows: rows, rowOffset: piece.offset, segmentCount: piece.segmentCount,
        segmentLength: piece.segmentLength, segmentStride: segments.stride,
        panel: panel + piece.elements.lowerBound * width, columnCount: columns.count,
        initial: initial, accumulates: !isFirst, outputs: outputs,
        outputOffset: columns.lowerBound)
    }
  }
  guard let initial else { return multiply(nil) }
  initial.withUnsafeBufferPointer { buffer in
    multiply(buffer.baseAddress.map { $0 + columns.lowerBound })
  }
}

/// The values followed by zeros up to a multiple of `width`.
private func padded(_ values: [Float], width: Int) -> [Float] {
  values + [Float](repeating: 0, count: (width - values.count % width) % width)
}
