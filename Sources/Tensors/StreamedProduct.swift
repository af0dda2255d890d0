/// Elements of a row's piece that are laid out at once, so that reads stay in few pages.
private let elementsAtOnce = 64
/// Panels of one task: 256 rows of so many panels fill a part of the second-level cache.
private let mostPanels = 8

/// `output[i] = initial + Σₖ row(i)[k] · matrix[k]` with a right factor that is read once.
///
/// The result is bit by bit that of the same product with a factor that was laid out before.
///
/// For few rows: they are all multiplied with one piece of the matrix before the next piece is read.
///
/// - Parameters:
///   - input: Memory of the left factor.
///   - walk: Where each row starts.
///   - segments: How a row lies from its start; `count · length` is the matrix's row count.
///   - matrix: The right factor.
///   - output: Memory of the result.
///   - outputWalk: Where each row of the result starts; the same number of rows.
///   - context: Threads and kernels.
func multiplyStreamed(
  input: UnsafePointer<Float>, walk: PixelWalk, segments: RowSegments, matrix: StoredMatrix,
  output: UnsafeMutablePointer<Float>, outputWalk: PixelWalk, context: ComputeContext
) {
  precondition(
    segments.count * segments.length == matrix.rowCount,
    "rows of \(segments.count) × \(segments.length) elements against \(matrix.rowCount) matrix rows"
  )
  let kernels = context.kernels
  let panelWidth = 2 * kernels.vectorWidth
  let panelCount = (matrix.columnCount + panelWidth - 1) / panelWidth
  // The partition has no influence on any result.
  let panelsPerTask = max(
    1, min(mostPanels, panelCount / (2 * context.parallelism.threadCount)))
  let panelSize = elementsPerBlock * panelWidth
  let rowCount = walk.pixelCount
  nonisolated(unsafe) let input = input
  nonisolated(unsafe) let output = output
  context.parallelism.forEach(
    count: (panelCount + panelsPerTask - 1) / panelsPerTask,
    scratchCount: panelsPerTask * panelSize
  ) { task, scratch in
    let panels = task * panelsPerTask..<min(panelCount, (task + 1) * panelsPerTask)
    func columns(_ panel: Int) -> Range<Int> {
      panel * panelWidth..<min(matrix.columnCount, (panel + 1) * panelWidth)
    }
    func width(_ panel: Int) -> Int {
      columns(panel).count > kernels.vectorWidth ? panelWidth : kernels.vectorWidth
    }
    if panels.contains(where: { columns($0).count < width($0) }) {
      scratch.initialize(repeating: 0, count: panelsPerTask * panelSize)
    }
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: rowCount) { rows in
      withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>.self, capacity: rowCount) {
        outputs in
        guard let rowStarts = rows.baseAddress, let outputStarts = outputs.baseAddress else {
          return
        }
        walk.forEach(in: 0..<rowCount) { (rowStarts + $0).initialize(to: input + $1) }
        outputWalk.forEach(in: 0..<rowCount) { (outputStarts + $0).initialize(to: output + $1) }
        segments.forEachPiece { piece, isFirst in
          let elements = piece.elements
          for first in stride(
            from: elements.lowerBound, to: elements.upperBound, by: elementsAtOnce)
          {
            let part = first..<min(elements.upperBound, first + elementsAtOnce)
            for (index, panel) in panels.enumerated() {
              matrix.layOut(
                part, columns(panel),
                scratch + index * panelSize + (first - elements.lowerBound) * width(panel),
                width(panel))
            }
          }
          for (index, panel) in panels.enumerated() {
            kernels.multiplyPanel(
              rowCount: rowCount, rows: rowStarts, rowOffset: piece.offset,
              segmentCount: piece.segmentCount, segmentLength: piece.segmentLength,
              segmentStride: segments.stride, panel: scratch + index * panelSize,
              columnCount: columns(panel).count, initial: nil, accumulates: !isFirst,
              outputs: outputStarts, outputOffset: columns(panel).lowerBound)
          }
        }
      }
    }
  }
}
