import CTIFF
import Rasters
import Synchronization

/// Reads the levels of a TIFF slide tile by tile through libtiff, without OpenSlide.
///
/// OpenSlide 3.4.1 interpolates levels whose downsample is no whole number, misreads lossless levels
/// smaller than one tile, and is three times slower. Where a level is plain 8-bit RGB in tiles, its pixels
/// are taken as they are stored; on all other levels both give equal bytes (tested).
///
/// Several threads may read at once: each borrows a handle of its own. Locks guard the idle handles and
/// the tiles that are kept.
final class TIFFTileReader: Sendable {
  private struct Key: Hashable, Comparable {
    let level: Int
    let tile: Int

    static func < (left: Key, right: Key) -> Bool {
      (left.level, left.tile) < (right.level, right.tile)
    }
  }

  /// Decoded tiles, the least recently used to be dropped first.
  private struct Cache {
    var tiles: [Key: (pixels: [UInt8], use: Int)] = [:]
    var byteCount = 0
    var useCount = 0
  }

  /// As much as OpenSlide keeps: two rows of 256-px tiles over a slide 20 000 px wide.
  private static let cacheByteCount = 32 << 20
  /// No slide has so many directories.
  private static let largestDirectoryCount = 64

  private let path: String
  /// For each level, the directory that stores it, where this reader can read it.
  private let directories: [(directory: Int, layout: TIFFTileLayout)?]
  private let idle = Mutex<[Int: [TIFFTileFile]]>([:])
  private let cache = Mutex(Cache())
  private let failure = Mutex<SlideError?>(nil)
  private let damage = Mutex<[Key: String]>([:])
  /// Levels that turned out to be stored other than their directory says.
  private let refused = Mutex<Set<Int>>([])

  /// Finds the directories of a slide's levels; nothing where none can be read here.
  init?(path: String, levels: [SlideLevel]) {
    TIFFTags.silenceLibrary()
    guard let file = TIFFOpen(path, "rm") else { return nil }
    defer { TIFFClose(file) }
    var layouts: [(directory: Int, layout: TIFFTileLayout)] = []
    var index = 0
    repeat {
      if let layout = TIFFTileLayout(file) { layouts.append((index, layout)) }
      index += 1
    } while index < Self.largestDirectoryCount && TIFFReadDirectory(file) == 1
    directories = levels.map { level in
      let matches = layouts.filter { _, layout in
        layout.width == level.width && layout.height == level.height
          && layout.tileWidth == level.tileWidth && layout.tileHeight == level.tileHeight
      }
      // Two directories of one size: only OpenSlide knows which is the level.
      return matches.count == 1 && matches[0].layout.isReadable ? matches[0] : nil
    }
    guard directories.contains(where: { $0 != nil }) else { return nil }
    self.path = path
  }

  /// The tiles whose data the decoder complained of, of those that were read; in the order of the file.
  var damagedTiles: [DamagedTile] {
    damage.withLock { damage in
      damage.sorted { $0.key < $1.key }.map {
        DamagedTile(level: $0.key.level, tile: $0.key.tile, reason: $0.value)
      }
    }
  }

  /// Whether a part of a level, in its pixels, has pixels of such a tile.
  func isDamaged(in region: PixelRegion, level: Int) -> Bool {
    guard let layout = directories[level]?.layout else { return false }
    let across = (layout.width + layout.tileWidth - 1) / layout.tileWidth
    return damage.withLock { damage in
      damage.keys.contains { key in
        let place = PixelRegion(
          x: key.tile % across * layout.tileWidth, y: key.tile / across * layout.tileHeight,
          width: layout.tileWidth, height: layout.tileHeight)
        return key.level == level && !place.intersection(region).isEmpty
      }
    }
  }

  /// Whether this reader reads a level.
  func reads(level: Int) -> Bool {
    directories[level] != nil && !refused.withLock { $0.contains(level) }
  }

  /// Fills the part of a picture that lies inside a level; the rest is left as it is.
  ///
  /// - Parameters:
  ///   - picture: What is filled.
  ///   - region: Where the picture lies in the level.
  ///   - level: A level that this reader reads.
  /// - Returns: Whether it has; if not, the level is not one that this reader reads, which shows only now.
  /// - Throws: ``SlideError/corrupt(path:reason:)``, or ``SlideError/missing(path:)`` where the slide has gone.
  func read(
    into picture: inout RGBImage, at region: PixelRegion, level: Int
  ) throws(SlideError) -> Bool {
    guard let (_, layout) = directories[level] else { return false }
    let inside = region.intersection(
      PixelRegion(x: 0, y: 0, width: layout.width, height: layout.height))
    guard !inside.isEmpty else { return true }
    if let error = failure.withLock({ $0 }) { throw error }
    let across = (layout.width + layout.tileWidth - 1) / layout.tileWidth
    let file = try borrow(level: level)
    for row in (inside.y / layout.tileHeight)...((inside.maxY - 1) / layout.tileHeight) {
      for column in (inside.x / layout.tileWidth)...((inside.maxX - 1) / layout.tileWidth) {
        guard let pixels = try tile(row * across + column, level: level, file: file) else {
          return false
        }
        let tile = PixelRegion(
          x: column * layout.tileWidth, y: row * layout.tileHeight, width: layout.tileWidth,
          height: layout.tileHeight)
        Self.copy(pixels, of: tile, to: &picture, at: region, limitedTo: inside)
      }
    }
    // Only a handle that did not fail is used again.
    idle.withLock { $0[level, default: []].append(file) }
    return true
  }

  private static func copy(
    _ pixels: [UInt8], of tile: PixelRegion, to picture: inout RGBImage, at region: PixelRegion,
    limitedTo inside: PixelRegion
  ) {
    let shared = tile.intersection(inside)
    picture.pixels.withUnsafeMutableBytes { target in
      pixels.withUnsafeBytes { source in
        for y in shared.y..<shared.maxY {
          let from = ((y - tile.y) * tile.width + shared.x - tile.x) * 3
          let to = ((y - region.y) * region.width + shared.x - region.x) * 3
          UnsafeMutableRawBufferPointer(rebasing: target[to..<(to + shared.width * 3)])
            .copyMemory(
              from: UnsafeRawBufferPointer(rebasing: source[from..<(from + shared.width * 3)]))
        }
      }
    }
  }

  private func tile(_ index: Int, level: Int, file: TIFFTileFile) throws(SlideError) -> [UInt8]? {
    let key = Key(level: level, tile: index)
    let kept = cache.withLock { cache -> [UInt8]? in
      cache.useCount += 1
      guard let pixels = cache.tiles[key]?.pixels else { return nil }
      cache.tiles[key]?.use = cache.useCount
      return pixels
    }
    if let kept { return kept }
    guard let (pixels, reason) = file.tile(index) else {
      if file.hasOtherSampling {
        refused.withLock { _ = $0.insert(level) }
        return nil
      }
      let error = SlideError.failedReading(
        path, "tile \(index) of level \(level) cannot be decoded")
      throw failure.withLock { first in
        first = first ?? error
        return first ?? error
      }
    }
    if let reason { damage.withLock { $0[key] = reason } }
    cache.withLock { cache in
      guard cache.tiles[key] == nil else { return }
      if cache.byteCount + pixels.count > Self.cacheByteCount { Self.dropOldHalf(&cache) }
      cache.tiles[key] = (pixels, cache.useCount)
      cache.byteCount += pixels.count
    }
    return pixels
  }

  private static func dropOldHalf(_ cache: inout Cache) {
    let uses = cache.tiles.values.map(\.use).sorted()
    guard !uses.isEmpty else { return }
    let middle = uses[uses.count / 2]
    cache.tiles = cache.tiles.filter { $0.value.use > middle }
    cache.byteCount = cache.tiles.values.reduce(0) { $0 + $1.pixels.count }
  }

  private func borrow(level: Int) throws(SlideError) -> TIFFTileFile {
    if let file = idle.withLock({ $0[level]?.popLast() }) { return file }
    guard let (directory, layout) = directories[level],
      let file = TIFFTileFile(path: path, directory: directory, layout: layout)
    else { throw .failedReading(path, "level \(level) cannot be opened again") }
    return file
  }
}
