import Dispatch
import Synchronization

/// A compressed tile and, where it will be looked at again, what its colours were.
struct EncodedTile {
  var bytes: [UInt8] = []
  var colors: [UInt8] = []
}

/// Cuts a row of tiles out of a band of pixels, halves them into the next level's band and compresses
/// them, on several threads at once.
///
/// Every tile depends on its own pixels alone, so the result does not depend on the number of threads.
final class TileRowEncoder {
  private let encoders: [TileEncoder]
  private let scratch: [TilePixels]

  /// Makes an encoder for each thread.
  init(options: PyramidOptions, threadCount: Int) {
    let count = max(1, threadCount)
    encoders = (0..<count).map { _ in
      TileEncoder(options: options)
    }
    scratch = (0..<count).map { _ in TilePixels() }
  }

  /// The tables that all JPEG tiles share; nothing for other compressions.
  func jpegTables() throws(TileEncoder.Failure) -> [UInt8]? { try encoders[0].jpegTables() }

  /// Compresses one row of tiles.
  ///
  /// - Parameters:
  ///   - band: The pixels; fewer rows than a tile has are padded with the last one.
  ///   - half: Where the halved band goes; nothing on the coarsest level.
  ///   - probes: Indices, within the row, of the tiles whose colours are to be noted.
  /// - Returns: The tiles from left to right.
  /// - Throws: libtiff's reason for the first tile that it could not compress.
  func encode(
    _ band: PixelBand, halvedInto half: MutablePixelBand?, probes: Set<Int>
  ) throws(TileEncoder.Failure) -> [EncodedTile] {
    let side = PyramidPlan.tileSide
    let tileCount = (band.width + side - 1) / side
    let next = Atomic<Int>(0)
    let failure = Mutex<TileEncoder.Failure?>(nil)
    let workerCount = min(encoders.count, tileCount)
    var result = [EncodedTile](repeating: EncodedTile(), count: tileCount)
    // Each worker writes the elements whose index it drew, and has an encoder and a tile of its own.
    result.withUnsafeMutableBufferPointer { buffer in
      nonisolated(unsafe) let slots = buffer
      nonisolated(unsafe) let (encoders, scratch) = (encoders, scratch)
      let work = { @Sendable (worker: Int) in
        let tile = scratch[worker]
        while true {
          let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard index < tileCount else { return }
          tile.load(from: band, column: index * side)
          if let half { tile.halve(into: half, column: index * side / 2) }
          if probes.contains(index) { slots[index].colors = tile.blockColors() }
          do throws(TileEncoder.Failure) {
            slots[index].bytes = try encoders[worker].encode(tile.buffer)
          } catch {
            failure.withLock { $0 = $0 ?? error }
            return
          }
        }
      }
      if workerCount == 1 {
        work(0)
      } else {
        DispatchQueue.concurrentPerform(iterations: workerCount, execute: work)
      }
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
    return result
  }
}

/// Rows of interleaved RGB that a caller keeps alive.
struct PixelBand: @unchecked Sendable {
  // Sendable because the pixels are only read while the band is in use.
  let pixels: UnsafePointer<UInt8>
  let width: Int
  let rowCount: Int
}

/// Rows of interleaved RGB that several threads fill, each its own columns.
struct MutablePixelBand: @unchecked Sendable {
  // Sendable because no two threads write the same columns.
  let pixels: UnsafeMutablePointer<UInt8>
  let width: Int
}
