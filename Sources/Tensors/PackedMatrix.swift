/// The right factor of a product, laid out as the kernels read it: panels of columns, one or two vectors
/// wide, each `[rowCount, width]` and padded with zeros.
///
/// Immutable once made, so it may be shared between threads.
public final class PackedMatrix: Sendable {
  let rowCount: Int
  let columnCount: Int
  let kernels: KernelFamily
  nonisolated(unsafe) private let storage: UnsafeMutablePointer<Float>
  private let vectorWidth: Int

  /// Lays out a matrix, one panel after the other, spread over threads.
  ///
  /// - Parameters:
  ///   - rowCount: Rows of the matrix, the inner size of the product.
  ///   - columnCount: Columns of the matrix.
  ///   - context: Threads and kernels; products must use the same kernels.
  ///   - copy: Writes columns `columns` of all rows to memory of the given row stride; the memory holds
  ///     zeros.
  init(
    rowCount: Int, columnCount: Int, context: ComputeContext,
    copy:
      @Sendable (_ columns: Range<Int>, _ target: UnsafeMutablePointer<Float>, _ stride: Int) ->
      Void
  ) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    kernels = context.kernels
    let vectorWidth = context.kernels.vectorWidth
    self.vectorWidth = vectorWidth
    let panelWidth = 2 * vectorWidth
    let panelCount = (columnCount + panelWidth - 1) / panelWidth
    let byteCount = max(64, panelCount * panelWidth * rowCount * MemoryLayout<Float>.stride)
    let storage = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
      .bindMemory(to: Float.self, capacity: byteCount / MemoryLayout<Float>.stride)
    self.storage = storage
    nonisolated(unsafe) let target = storage
    context.parallelism.forEach(count: panelCount) { index in
      let columns = index * panelWidth..<min(columnCount, (index + 1) * panelWidth)
      let width = columns.count > vectorWidth ? panelWidth : vectorWidth
      let panel = target + index * panelWidth * rowCount
      if columns.count < width { panel.initialize(repeating: 0, count: width * rowCount) }
      copy(columns, panel, width)
    }
  }

  deinit { storage.deallocate() }

  /// How many panels there are.
  var panelCount: Int { (columnCount + 2 * vectorWidth - 1) / (2 * vectorWidth) }

  /// One panel, its columns, and its width.
  func panel(_ index: Int) -> (start: UnsafePointer<Float>, columns: Range<Int>, width: Int) {
    let panelWidth = 2 * vectorWidth
    let columns = index * panelWidth..<min(columnCount, (index + 1) * panelWidth)
    return (
      UnsafePointer(storage + index * panelWidth * rowCount), columns,
      columns.count > vectorWidth ? panelWidth : vectorWidth
    )
  }
}
