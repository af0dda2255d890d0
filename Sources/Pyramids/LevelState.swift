/// One level while it grows: its finished tiles and the rows that wait for a full row of tiles.
final class LevelState {
  /// The level's size.
  let level: PyramidLevel
  /// The places of the finished tiles, row by row.
  var tiles: [TilePlace] = []
  /// Rows that wait.
  var pendingRowCount = 0
  private var storage: UnsafeMutablePointer<UInt8>?

  /// Starts a level without rows.
  init(level: PyramidLevel) { self.level = level }

  deinit { storage?.deallocate() }

  /// Bytes of one row.
  var rowByteCount: Int { level.width * 3 }

  /// Rows of the row of tiles that is next to be written: 256, fewer at the bottom.
  var rowsWanted: Int {
    let done = tiles.count / level.tilesAcross * PyramidPlan.tileSide
    return min(PyramidPlan.tileSide, level.height - done)
  }

  /// The waiting rows, with room for a whole row of tiles; taken from the system on first use.
  var pending: UnsafeMutablePointer<UInt8> {
    if let storage { return storage }
    let new = UnsafeMutablePointer<UInt8>.allocate(
      capacity: rowByteCount * PyramidPlan.tileSide)
    storage = new
    return new
  }

  /// Where rows that come next are put.
  var pendingEnd: UnsafeMutablePointer<UInt8> { pending + pendingRowCount * rowByteCount }

  /// The bytes of the waiting rows.
  var pendingBytes: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: pending, count: pendingRowCount * rowByteCount)
  }
}
