/// Floats at a fixed address, for inner loops that many threads share.
///
/// Not guarded by a lock: every parallel loop that writes to one writes to rows of its own, and the loop ends
/// before anybody reads them.
package final class FloatBuffer: @unchecked Sendable {
  package let pointer: UnsafeMutablePointer<Float>
  package let count: Int

  package init(count: Int) {
    self.count = count
    pointer = .allocate(capacity: max(1, count))
    pointer.initialize(repeating: 0, count: max(1, count))
  }

  package convenience init(_ values: [Float]) {
    self.init(count: values.count)
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: values.count) }
    }
  }

  deinit { pointer.deallocate() }

  package var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

  func fill(_ value: Float) { pointer.update(repeating: value, count: count) }
}
