import Synchronization
import Tensors

/// Loops over rows on several threads whose results do not depend on how many there are.
package struct RowLoop: Sendable {
  private let parallelism: Parallelism

  package init(threadCount: Int) { parallelism = Parallelism(threadCount: threadCount) }

  /// Rows handled together; a constant, so that partial sums are formed the same way on any machine.
  private static let bandHeight = 16

  /// 8 mm at 8 µm a pixel.
  private static let mostPixelsSideBySide = 1024 * 1024

  /// Calls the body once for every index, in any order.
  func forEach(count: Int, _ body: @Sendable (Int) -> Void) {
    parallelism.forEach(count: count, body)
  }

  /// Does a few tasks that know nothing of each other, at the same time where there are threads for it.
  ///
  /// Loops over rows leave threads idle where pictures are small, and again wherever a step between two loops is
  /// not one: tasks side by side do not.
  ///
  /// - Parameters:
  ///   - count: How many.
  ///   - pixelCount: Of the pictures whose rows one task loops over. Large ones keep all threads busy, and their
  ///     memory counts: such tasks are done one after the other.
  ///   - body: The work of one task, with its share of the threads.
  /// - Returns: What each returns.
  func sideBySide<Result: Sendable>(
    _ count: Int, pixelCount: Int = 0,
    _ body: @Sendable (_ index: Int, _ threadCount: Int) -> Result
  ) -> [Result] {
    guard pixelCount <= Self.mostPixelsSideBySide else {
      return (0..<count).map { body($0, parallelism.threadCount) }
    }
    let share = max(1, parallelism.threadCount / max(1, min(parallelism.threadCount, count)))
    let results = Mutex([Result?](repeating: nil, count: count))
    parallelism.forEach(count: count) { index in
      let result = body(index, share)
      results.withLock { $0[index] = result }
    }
    return results.withLock { $0.compactMap(\.self) }
  }

  /// Calls the body once for every band of rows.
  func forEachBand(of rows: Int, _ body: @Sendable (Range<Int>) -> Void) {
    parallelism.forEachRange(count: rows, length: Self.bandHeight, body)
  }

  /// Adds up what the body returns for every band, in the order of the bands.
  func sum(overBandsOf rows: Int, _ body: @Sendable (Range<Int>) -> Double) -> Double {
    let bands = (rows + Self.bandHeight - 1) / Self.bandHeight
    let partial = DoubleBuffer(count: bands)
    forEach(count: bands) { @Sendable band in
      partial.pointer[band] = body(band * Self.bandHeight..<min(rows, (band + 1) * Self.bandHeight))
    }
    var total = 0.0
    for band in 0..<bands { total += partial.pointer[band] }
    return total
  }
}

/// Doubles at a fixed address; guarded as ``FloatBuffer``: every thread writes to elements of its own.
final class DoubleBuffer: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Double>
  let count: Int

  init(count: Int) {
    self.count = count
    pointer = .allocate(capacity: max(1, count))
    pointer.initialize(repeating: 0, count: max(1, count))
  }

  deinit { pointer.deallocate() }
}
