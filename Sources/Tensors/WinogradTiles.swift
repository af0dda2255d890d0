/// Elements added to rows of transformed tiles, so that consecutive rows do not share cache sets.
let rowPadding = 16

/// How a map looks to a convolution of stride 1.
///
/// Pixels lie at equal distances, each with its channels in one or more pieces. A map that is walked with stride 2 is one of half the size with four pieces.
struct WinogradSource: Sendable {
  /// One piece of every pixel's channels.
  struct Piece: Sendable {
    /// Elements from a pixel's place to the piece.
    let offset: Int
    /// Rows and columns for which the piece exists; beyond them the map counts as 0.
    let height: Int
    let width: Int
  }

  var base: Int
  let sampleStride: Int
  let rowStride: Int
  let pixelStride: Int
  let pieces: [Piece]
  /// Channels of a piece.
  let channelCount: Int
}

/// The tiles that a Winograd convolution cuts its results into.
struct WinogradTiles: Sendable {
  let transform: WinogradTransform
  /// The pixels of the convolution's result.
  let pixels: PixelWalk
  let kernels: KernelFamily
  private let high: Int
  private let wide: Int

  init(_ transform: WinogradTransform, of pixels: PixelWalk, kernels: KernelFamily) {
    self.transform = transform
    self.pixels = pixels
    self.kernels = kernels
    let size = transform.outputSize
    high = (pixels.height + size - 1) / size
    wide = (pixels.width + size - 1) / size
  }

  /// Tiles of all samples.
  var count: Int { pixels.batch * high * wide }

  /// Sample, first row and first column of a tile.
  func place(_ tile: Int) -> (sample: Int, row: Int, column: Int) {
    let size = transform.outputSize
    return (tile / (high * wide), tile / wide % high * size, tile % wide * size)
  }

  /// Elements of memory for transforms of so many channels under way.
  func scratchSize(_ channels: Int) -> Int {
    transform.positionCount * (channels + rowPadding) + channels
  }

  /// Takes tiles of input to the products' side: `[position][tile][piece and channel]`.
  ///
  /// - Parameters:
  ///   - input: Memory of the map.
  ///   - source: How the map lies in it.
  ///   - tiles: Which tiles.
  ///   - values: Where position 0 of the first tile goes.
  ///   - rowLength: Elements from one tile to the next.
  ///   - positionStride: Elements from one position to the next.
  ///   - scratch: ``scratchSize(_:)`` of the source's channels.
  func transformInput(
    _ input: UnsafePointer<Float>, _ source: WinogradSource, _ tiles: Range<Int>,
    to values: UnsafeMutablePointer<Float>, rowLength: Int, positionStride: Int,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let size = transform.tileSize
    let zeros = scratch + transform.positionCount * (source.channelCount + rowPadding)
    zeros.initialize(repeating: 0, count: source.channelCount)
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: size * size) { table in
      guard let places = table.baseAddress else { return }
      for tile in tiles {
        let (sample, row, column) = place(tile)
        let start =
          input + source.base + sample * source.sampleStride + row * source.rowStride
          + column * source.pixelStride
        let target = values + (tile - tiles.lowerBound) * rowLength
        for (index, piece) in source.pieces.enumerated() {
          for i in 0..<size {
            let isInside = row + i < piece.height
            let line = start + piece.offset + i * source.rowStride
            for j in 0..<size {
              (places + i * size + j).initialize(
                to: isInside && column + j < piece.width
                  ? line + j * source.pixelStride : UnsafePointer(zeros))
            }
          }
          kernels.transformInput(
            size: size, sources: places, channelCount: source.channelCount, scratch: scratch,
            target: target + index * source.channelCount, stride: positionStride)
        }
      }
    }
  }
}
