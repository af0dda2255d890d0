/// The pixels of one tile, 256 × 256 × 3 bytes: the scratch of one thread.
final class TilePixels {
  /// Blocks along a side for which ``blockColors()`` gives means.
  static let blocksAcross = 8

  /// The tile's bytes.
  let buffer: UnsafeMutableRawBufferPointer
  private let pixels: UnsafeMutablePointer<UInt8>
  private let side = PyramidPlan.tileSide

  /// Makes a white tile.
  init() {
    pixels = .allocate(capacity: PyramidPlan.tileByteCount)
    pixels.initialize(repeating: 255, count: PyramidPlan.tileByteCount)
    buffer = UnsafeMutableRawBufferPointer(start: pixels, count: PyramidPlan.tileByteCount)
  }

  deinit { pixels.deallocate() }

  /// Copies the tile that starts at a column of a band, repeating its last column and row.
  ///
  /// Padding by the edge keeps JPEG from ringing at the picture's border.
  func load(from band: PixelBand, column: Int) {
    let columns = min(side, band.width - column)
    let rowBytes = side * 3
    for y in 0..<side {
      let target = pixels + y * rowBytes
      guard y < band.rowCount else {
        target.update(from: pixels + (band.rowCount - 1) * rowBytes, count: rowBytes)
        continue
      }
      target.update(from: band.pixels + (y * band.width + column) * 3, count: columns * 3)
      let last = target + (columns - 1) * 3
      for x in columns..<max(columns, side) {
        for channel in 0..<3 { target[x * 3 + channel] = last[channel] }
      }
    }
  }

  /// Writes the means of 2 × 2 blocks, rounded half up, to the next level's band.
  ///
  /// - Parameters:
  ///   - band: The band, its first row that of this tile; must have room for 128 rows.
  ///   - column: The band's column at which the halved tile starts.
  func halve(into band: MutablePixelBand, column: Int) {
    let columns = min(side / 2, band.width - column)
    for y in 0..<(side / 2) {
      let upper = UnsafePointer(pixels + 2 * y * side * 3)
      let lower = upper + side * 3
      let target = band.pixels + (y * band.width + column) * 3
      for x in 0..<columns {
        let left = 6 * x
        for channel in 0..<3 {
          let sum =
            UInt32(upper[left + channel]) &+ UInt32(upper[left + 3 + channel])
            &+ UInt32(lower[left + channel]) &+ UInt32(lower[left + 3 + channel])
          target[3 * x + channel] = UInt8(truncatingIfNeeded: (sum &+ 2) >> 2)
        }
      }
    }
  }

  /// The mean colours of 8 × 8 blocks of 32 × 32 pixels, rounded down, row by row.
  func blockColors() -> [UInt8] {
    Self.blockColors(of: UnsafeRawBufferPointer(buffer))
  }

  /// The mean colours of the blocks of a tile's bytes.
  static func blockColors(of tile: UnsafeRawBufferPointer) -> [UInt8] {
    let blockSide = PyramidPlan.tileSide / blocksAcross
    var sums = [Int](repeating: 0, count: blocksAcross * blocksAcross * 3)
    for y in 0..<PyramidPlan.tileSide {
      for x in 0..<PyramidPlan.tileSide {
        let block = (y / blockSide * blocksAcross + x / blockSide) * 3
        let start = (y * PyramidPlan.tileSide + x) * 3
        for channel in 0..<3 { sums[block + channel] += Int(tile[start + channel]) }
      }
    }
    return sums.map { UInt8($0 / (blockSide * blockSide)) }
  }
}
