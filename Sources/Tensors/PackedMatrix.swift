/// The right factor of a product, laid out as the kernels read it.
///
/// Panels of columns, one or two vectors wide, each `[rowCount, width]` and padded with zeros. A stack holds several matrices of one size, the
/// positions of a Winograd transform.
///
/// Immutable once made, so it may be shared between threads.
public final class PackedMatrix: Sendable {
  let rowCount: Int
  let columnCount: Int
  let matrixCount: Int
  let kernels: KernelFamily
  nonisolated(unsafe) private let storage: UnsafeMutablePointer<Float>
  private let vectorWidth: Int
  private let matrixStride: Int

  /// Lays out matrices, one panel after the other, spread over threads.
  ///
  /// - Parameters:
  ///   - rowCount: Rows of the matrix, the inner size of the product.
  ///   - columnCount: Columns of the matrix.
  ///   - matrixCount: Matrices of the stack.
  ///   - context: Threads and kernels; products must use the same kernels.
  ///   - copy: Writes columns `columns` of all rows to memory of the given row stride, for every matrix
  ///     at its stride; the columns that the matrix lacks hold zeros already.
  init(
    rowCount: Int, columnCount: Int, matrixCount: Int = 1, context: ComputeContext,
    copy:
      @Sendable (
        _ columns: Range<Int>, _ target: UnsafeMutablePointer<Float>, _ stride: Int,
        _ matrixStride: Int
      ) -> Void
  ) {
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.matrixCount = matrixCount
    kernels = context.kernels
    let vectorWidth = context.kernels.vectorWidth
    self.vectorWidth = vectorWidth
    let panelWidth = 2 * vectorWidth
    let panelCount = (columnCount + panelWidth - 1) / panelWidth
    let matrixStride = panelCount * panelWidth * rowCount
    self.matrixStride = matrixStride
    let byteCount = max(64, matrixCount * matrixStride * MemoryLayout<Float>.stride)
    let storage = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 64)
      .bindMemory(to: Float.self, capacity: byteCount / MemoryLayout<Float>.stride)
    self.storage = storage
    nonisolated(unsafe) let target = storage
    context.parallelism.forEach(count: panelCount) { index in
      let columns = index * panelWidth..<min(columnCount, (index + 1) * panelWidth)
      let width = columns.count > vectorWidth ? panelWidth : vectorWidth
      let panel = target + index * panelWidth * rowCount
      if columns.count < width {
        for matrix in 0..<matrixCount {
          (panel + matrix * matrixStride).initialize(repeating: 0, count: width * rowCount)
        }
      }
      copy(columns, panel, width, matrixStride)
    }
  }

  deinit { storage.deallocate() }

  /// Bytes of memory.
  public var byteCount: Int { matrixCount * matrixStride * MemoryLayout<Float>.stride }

  /// How many panels there are.
  var panelCount: Int { (columnCount + 2 * vectorWidth - 1) / (2 * vectorWidth) }

  /// One panel, its columns, and its width.
  func panel(
    _ index: Int, matrix: Int = 0
  ) -> (start: UnsafePointer<Float>, columns: Range<Int>, width: Int) {
    let panelWidth = 2 * vectorWidth
    let columns = index * panelWidth..<min(columnCount, (index + 1) * panelWidth)
    return (
      UnsafePointer(storage + matrix * matrixStride + index * panelWidth * rowCount), columns,
      columns.count > vectorWidth ? panelWidth : vectorWidth
    )
  }
}
