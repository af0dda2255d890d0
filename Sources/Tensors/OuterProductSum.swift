/// Pixels summed in registers before they are added to the result: the first level of the sum.
///
/// Windows often lie at distances of a power of two, which share few cache lines: 64 of them fit the
/// first-level cache.
private let pixelsPerBlock = 64
/// Elements of a window's piece that one task treats, without influence on any result.
///
/// A long piece pays for laying out the gradient once; short ones are taken where there would be too few
/// tasks to spread.
private func elementsPerTask(
  _ segments: RowSegments, groupCount: Int, _ parallelism: Parallelism
) -> Int {
  let pieces = segments.count * ((segments.length + 255) / 256) * groupCount
  return pieces >= 3 * parallelism.threadCount ? 256 : 64
}

/// `output[k][j] += Σᵢ row(i)[k] · gradient(i)[j]` over all pixels: the gradient of a weight matrix.
///
/// Every element of the result is summed by one task over the pixels in order, so the result does not
/// depend on threads.
///
/// - Parameters:
///   - input: Memory of the windows.
///   - walk: Where each window starts.
///   - segments: How a window lies from its start.
///   - gradient: Memory of the gradient.
///   - gradientWalk: Where each pixel of the gradient starts; as many as windows.
///   - columnCount: Channels of the gradient.
///   - output: `[segments.count · segments.length, columnCount]`.
///   - context: Threads and kernels.
func addOuterProducts(
  input: UnsafePointer<Float>, walk: PixelWalk, segments: RowSegments,
  gradient: UnsafePointer<Float>, gradientWalk: PixelWalk, columnCount: Int,
  output: UnsafeMutablePointer<Float>, context: ComputeContext
) {
  let vectorWidth = context.kernels.vectorWidth
  let panelWidth = 2 * vectorWidth
  let groupCount = (columnCount + panelWidth - 1) / panelWidth
  let pieceLength = elementsPerTask(
    segments, groupCount: groupCount, context.parallelism)
  let piecesPerSegment = (segments.length + pieceLength - 1) / pieceLength
  nonisolated(unsafe) let input = input
  nonisolated(unsafe) let gradient = gradient
  nonisolated(unsafe) let output = output
  let kernels = context.kernels
  let pixelCount = walk.pixelCount
  context.parallelism.forEach(count: segments.count * piecesPerSegment * groupCount) { task in
    let firstColumn = task % groupCount * panelWidth
    let columns = min(panelWidth, columnCount - firstColumn)
    let width = columns > vectorWidth ? panelWidth : vectorWidth
    let segment = task / groupCount / piecesPerSegment
    let piece = task / groupCount % piecesPerSegment * pieceLength
    let elements = min(pieceLength, segments.length - piece)
    let target = output + (segment * segments.length + piece) * columnCount + firstColumn
    withScratch(pixelsPerBlock * width) { panel in
      withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: pixelsPerBlock) {
        rows in
        guard let rowStarts = rows.baseAddress else { return }
        if columns < width { panel.initialize(repeating: 0, count: pixelsPerBlock * width) }
        for first in stride(from: 0, to: pixelCount, by: pixelsPerBlock) {
          let range = first..<min(pixelCount, first + pixelsPerBlock)
          walk.forEach(in: range) { (rowStarts + $0).initialize(to: input + $1) }
          gradientWalk.forEach(in: range) { index, offset in
            let source = gradient + offset + firstColumn
            let row = panel + index * width
            for column in 0..<columns { row[column] = source[column] }
          }
          kernels.addOuterProducts(
            pixelCount: range.count, rows: rowStarts, rowOffset: segment * segments.stride + piece,
            rowElementCount: elements, panel: panel, panelStride: width, columnCount: columns,
            output: target, outputStride: columnCount)
        }
      }
    }
  }
}

/// Calls `body` with memory for `count` floats, aligned to a cache line, uninitialised.
func withScratch(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) {
  withUnsafeTemporaryAllocation(
    byteCount: count * MemoryLayout<Float>.stride, alignment: 64
  ) { bytes in
    guard let base = bytes.baseAddress else { return }
    body(base.bindMemory(to: Float.self, capacity: count))
  }
}
