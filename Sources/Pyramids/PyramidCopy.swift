import Dispatch
public import Rasters
import Synchronization

/// Streams a whole raster into a pyramid, one row of tiles after the other.
public enum PyramidCopy {
  /// Columns that one thread reads at a time: wide enough for a slide reader to use its own tiles well.
  private static let chunkWidth = 1024

  /// Writes a pyramid of a raster.
  ///
  /// - Parameters:
  ///   - source: Read once, in bands of 256 rows, from several threads.
  ///   - path: The final name.
  ///   - options: What the file holds beside the pixels.
  ///   - force: Whether an existing file may be replaced.
  ///   - threadCount: Threads that read and compress.
  ///   - isCancelled: Asked once a band; where it answers yes, the copy ends with `CancellationError`.
  ///   - progress: Called once a band with the number of rows that are done.
  /// - Returns: What was written.
  /// - Throws: ``PyramidError``, whatever the source throws, or `CancellationError`; no file is left.
  public static func write(
    source: any PixelSource, path: String, options: PyramidOptions, force: Bool = false,
    threadCount: Int = 1, isCancelled: () -> Bool = { false },
    progress: (Int) -> Void = { _ in }
  ) throws -> PyramidSummary {
    let writer = try PyramidWriter(
      path: path, width: source.width, height: source.height, options: options, force: force,
      threadCount: threadCount)
    while writer.rowsAppended < source.height {
      if isCancelled() { throw CancellationError() }
      let rowCount = min(PyramidPlan.tileSide, source.height - writer.rowsAppended)
      let band = PixelRegion(
        x: 0, y: writer.rowsAppended, width: source.width, height: rowCount)
      try writer.append(rows: try read(band, of: source, threadCount: threadCount))
      progress(writer.rowsAppended)
    }
    return try writer.finish()
  }

  /// The memory that a copy takes, in bytes: the band, the lower levels' bands and the compressed row,
  /// and what libraries and readers hold beside them.
  ///
  /// - Parameters:
  ///   - width: Columns of the source.
  ///   - threadCount: Threads that read and compress.
  /// - Returns: An estimate, a little above what JPEG output takes.
  public static func predictedMemory(width: Int, threadCount: Int) -> Int {
    let band = PyramidPlan.tileSide * 3 * width
    let chunk = PyramidPlan.tileSide * chunkWidth * 3
    // 64 MiB: the process itself, libtiff, and OpenSlide with its cache of decoded tiles (32 MiB).
    return band * 5 / 2 + threadCount * 3 * chunk + 64 << 20
  }

  /// Reads a region on several threads, in columns.
  private static func read(
    _ region: PixelRegion, of source: any PixelSource, threadCount: Int
  ) throws -> RGBImage {
    let chunkCount = (region.width + chunkWidth - 1) / chunkWidth
    guard chunkCount > 1 else { return try source.read(region) }
    let failure = Mutex<(any Error)?>(nil)
    let next = Atomic<Int>(0)
    let pixels = [UInt8](unsafeUninitializedCapacity: region.width * region.height * 3) {
      buffer, count in
      // No two workers write the same columns.
      nonisolated(unsafe) let target = buffer
      let work = { @Sendable (_: Int) in
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard index < chunkCount, failure.withLock({ $0 == nil }) else { return }
          let x = index * chunkWidth
          let width = min(chunkWidth, region.width - x)
          do {
            let chunk = try source.read(
              PixelRegion(x: region.x + x, y: region.y, width: width, height: region.height))
            for row in 0..<region.height {
              let start = (row * region.width + x) * 3
              let rowPixels = chunk.pixels[(row * width * 3)..<((row + 1) * width * 3)]
              _ = UnsafeMutableBufferPointer(rebasing: target[start..<(start + width * 3)])
                .initialize(fromContentsOf: rowPixels)
            }
          } catch {
            failure.withLock { $0 = $0 ?? error }
          }
        }
      }
      let workerCount = min(max(1, threadCount), chunkCount)
      if workerCount == 1 {
        work(0)
      } else {
        DispatchQueue.concurrentPerform(iterations: workerCount, execute: work)
      }
      count = failure.withLock { $0 == nil } ? buffer.count : 0
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
    return RGBImage(width: region.width, height: region.height, pixels: pixels)
  }
}
