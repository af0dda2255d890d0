import Rasters

/// A stored tile that decodes, but not to what was once encoded.
public struct DamagedTile: Hashable, Codable, Sendable {
  /// The index of the level.
  public let level: Int
  /// The index of the tile in its level, row by row.
  public let tile: Int
  /// What the decoder says.
  public let reason: String
}

extension DamagedTile {
  /// What is to be told about some tiles, in one line; nothing where there are none.
  ///
  /// - Parameter tiles: In the order of the file.
  /// - Returns: Their number, and what is wrong with the first.
  public static func summary(of tiles: [DamagedTile]) -> String? {
    guard let first = tiles.first else { return nil }
    let number = tiles.count == 1 ? "1 tile is" : "\(tiles.count) tiles are"
    return "\(number) damaged, tile \(first.tile) of level \(first.level) first: \(first.reason)"
  }
}

extension DamagedTile {
  /// What is to be told of a result that was made from a damaged slide.
  ///
  /// - Parameters:
  ///   - damage: What ``summary(of:)`` says.
  ///   - path: The slide.
  /// - Returns: One line: the slide, the problem, the next step.
  public static func warning(_ damage: String, path: String) -> String {
    "\(path): \(damage); look at that place of the result"
  }
}

extension Slide {
  /// The tiles read so far whose data are damaged though they decode, in the order of the file.
  ///
  /// Known where levels are read tile by tile without OpenSlide, which does not tell, and as far as the
  /// decoder notices: of 30 single bits flipped in JPEG data it noticed 10.
  public var damagedTiles: [DamagedTile] { tiles?.damagedTiles ?? [] }

  /// Whether a part of a level has pixels of a damaged tile, of those read so far.
  ///
  /// - Parameters:
  ///   - region: In pixels of the level.
  ///   - level: The index of the level.
  /// - Returns: Whether it has.
  func isDamaged(in region: PixelRegion, level: Int) -> Bool {
    tiles?.isDamaged(in: region, level: level) ?? false
  }

  /// What is to be told about ``damagedTiles``, in one line; nothing where there are none.
  public var damage: String? { DamagedTile.summary(of: damagedTiles) }

  /// The side of the squares in which a check reads.
  private static let checkedSquare = 1024

  /// How many pixels all levels hold, the total of ``check(progress:)``.
  public var storedPixelCount: Int { levels.reduce(0) { $0 + $1.width * $1.height } }

  /// Reads every pixel of every level, coarsest level first, and keeps none.
  ///
  /// - Parameter progress: Told the pixels of each square that was read; may throw to stop.
  /// - Throws: ``SlideError/corrupt(path:reason:)`` at the first tile that cannot be decoded, and what
  ///   `progress` throws.
  /// - Complexity: One pass over the slide; allocates one square.
  public func check(progress: (_ pixelCount: Int) throws -> Void) throws {
    let side = Slide.checkedSquare
    for (index, level) in levels.enumerated().reversed() where !misreadLevels.contains(index) {
      for y in stride(from: 0, to: level.height, by: side) {
        for x in stride(from: 0, to: level.width, by: side) {
          let square = PixelRegion(x: x, y: y, width: side, height: side)
            .intersection(level.bounds)
          _ = try read(square, level: index)
          try progress(square.width * square.height)
        }
      }
    }
  }
}
