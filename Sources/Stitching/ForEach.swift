/// Runs `body` for every index below a count, on as many threads as its owner likes, and returns after
/// the last one.
public typealias ForEach = @Sendable (_ count: Int, _ body: @Sendable (Int) -> Void) -> Void

/// Computes independent values on the workers and returns them in order.
///
/// - Parameters:
///   - count: How many values.
///   - forEach: Runs the work.
///   - body: Makes one value; called from several threads at once.
/// - Returns: The values in the order of their indices.
/// - Throws: The first error in the order of the indices.
public func collected<Element: Sendable>(
  count: Int, forEach: ForEach, _ body: @escaping @Sendable (Int) throws -> Element
) throws -> [Element] {
  var results = [Result<Element, any Error>?](repeating: nil, count: count)
  results.withUnsafeMutableBufferPointer { buffer in
    nonisolated(unsafe) let places = buffer
    // Each index writes its own place, and `forEach` returns after the last one.
    forEach(count) { index in places[index] = Result { try body(index) } }
  }
  return try results.map { result in
    guard let result else { preconditionFailure("a worker left out its index") }
    return try result.get()
  }
}
