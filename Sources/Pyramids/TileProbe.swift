/// A tile that is compared with what was written once the file is complete.
struct TileProbe: Hashable, Codable {
  /// The level's index.
  var level: Int
  /// The tile's index on its level.
  var tile: Int
  /// ``TilePixels/blockColors()`` of its pixels before compression.
  var colors: [UInt8]
  /// ``Checksum`` of its compressed bytes.
  var checksum: UInt64

  /// The tiles of a level that are looked at: the first, the middle one, the last.
  static func indices(of level: PyramidLevel) -> Set<Int> {
    let middle = level.tilesDown / 2 * level.tilesAcross + level.tilesAcross / 2
    return [0, middle, level.tileCount - 1]
  }
}

/// FNV-1a, 64 bits: finds damage, not malice.
///
/// Reference: Fowler, Noll, Vo, http://www.isthe.com/chongo/tech/comp/fnv
enum Checksum {
  static func of(_ bytes: some Sequence<UInt8>) -> UInt64 {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return value
  }
}
