import COpenBLAS
import Dispatch
import Synchronization

/// How many threads compute at once: the only place where work is spread over cores.
///
/// Denormal floats count as 0 inside the work, on every thread alike, so that neither speed nor
/// results depend on which thread an item falls to.
public struct Parallelism: Sendable, Equatable {
  /// The most threads that work at the same time, at least 1.
  public let threadCount: Int

  /// One thread, the caller's own.
  public static let serial = Parallelism(threadCount: 1)

  /// Spreads work over at most so many threads; less than 1 counts as 1.
  public init(threadCount: Int) { self.threadCount = max(1, threadCount) }

  /// Calls `body` once for every index below `count`, in no particular order, and returns when all are
  /// done.
  ///
  /// - Parameters:
  ///   - count: How many items there are.
  ///   - body: The work of one item; it must write only what no other item reads or writes.
  public func forEach(count: Int, _ body: @Sendable (Int) -> Void) {
    let workers = min(threadCount, count)
    if workers <= 1 {
      flushingDenormals { for index in 0..<max(0, count) { body(index) } }
      return
    }
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: workers) { _ in
      flushingDenormals {
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          if index >= count { return }
          body(index)
        }
      }
    }
  }

  /// Calls `body` once for every index below `count` with memory that is the worker's own.
  ///
  /// - Parameters:
  ///   - count: How many items there are.
  ///   - scratchCount: Floats of uninitialised memory a worker needs.
  ///   - body: The work of one item.
  func forEach(
    count: Int, scratchCount: Int,
    _ body: @Sendable (_ index: Int, _ scratch: UnsafeMutablePointer<Float>) -> Void
  ) {
    let workers = max(1, min(threadCount, count))
    let next = Atomic<Int>(0)
    forEach(count: workers) { _ in
      withScratch(scratchCount) { scratch in
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          if index >= count { return }
          body(index, scratch)
        }
      }
    }
  }

  /// Calls `body` with consecutive ranges that cover `0..<count`, each of at most `length` items.
  ///
  /// - Parameters:
  ///   - count: How many items there are.
  ///   - length: Items in a range, but for the last.
  ///   - body: The work of one range.
  public func forEachRange(
    count: Int, length: Int, _ body: @Sendable (Range<Int>) -> Void
  ) {
    let step = max(1, length)
    forEach(count: (count + step - 1) / step) { index in
      body(index * step..<min(count, (index + 1) * step))
    }
  }
}

/// The memory of the process.
public enum ProcessAllocation {
  /// Keeps freed memory for later allocations; call once at the start of a program.
  ///
  /// Networks allocate and free maps of the same sizes over and over. Given back to the system and taken
  /// anew, every page of them would be cleared by the kernel again, a tenth of the time of a conversion.
  public static func keepFreedMemory() { restain_keep_freed_memory() }
}

/// Runs `body` with denormal floats treated as 0 on this thread.
private func flushingDenormals(_ body: () -> Void) {
  let state = restain_flush_denormals()
  body()
  restain_restore_float_state(state)
}
