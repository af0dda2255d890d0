import Foundation

/// The small picture of the whole slide that an Aperio file holds as its second directory, made from the rows
/// of the coarsest level while they pass.
///
/// Readers of the format take the second directory for it, whatever it holds: without it the second level
/// is lost.
struct Thumbnail: Codable {
  /// The longer side is at most this: what viewers show beside the label, at most 1.7 MB of plain bytes.
  static let largestSide = 768

  /// The level that it is made from.
  private let levelWidth: Int
  private let levelHeight: Int
  /// Pixels of the level for one of the thumbnail, each way.
  private let factor: Int
  /// The finished rows.
  private(set) var pixels = Data()
  /// The sums of the row under way, and how many rows of the level they hold.
  private var sums: [Int]
  private var summedRowCount = 0

  /// Its size.
  var size: PyramidLevel { Self.size(of: PyramidLevel(width: levelWidth, height: levelHeight)) }

  /// Starts the thumbnail of a pyramid.
  init(of plan: PyramidPlan) {
    let level = plan.levels[plan.levels.count - 1]
    (levelWidth, levelHeight) = (level.width, level.height)
    factor = Self.factor(of: level)
    sums = [Int](repeating: 0, count: Self.size(of: level).width * 3)
  }

  /// The size of the thumbnail that is made from a level.
  static func size(of level: PyramidLevel) -> PyramidLevel {
    let factor = factor(of: level)
    return PyramidLevel(
      width: (level.width + factor - 1) / factor, height: (level.height + factor - 1) / factor)
  }

  private static func factor(of level: PyramidLevel) -> Int {
    (max(level.width, level.height) + largestSide - 1) / largestSide
  }

  /// Takes the level's next rows: means of squares of its pixels, rounded half up.
  mutating func add(_ band: PixelBand) {
    for y in 0..<band.rowCount {
      let row = band.pixels + y * levelWidth * 3
      for x in 0..<levelWidth {
        for channel in 0..<3 { sums[x / factor * 3 + channel] += Int(row[x * 3 + channel]) }
      }
      summedRowCount += 1
      let isLast = pixels.count / (size.width * 3) == size.height - 1
      let wanted = isLast ? levelHeight - (size.height - 1) * factor : factor
      if summedRowCount == wanted { finishRow() }
    }
  }

  private mutating func finishRow() {
    let columnCount = size.width
    for column in 0..<columnCount {
      let count = min(factor, levelWidth - column * factor) * summedRowCount
      for channel in 0..<3 {
        pixels.append(UInt8((sums[column * 3 + channel] + count / 2) / count))
        sums[column * 3 + channel] = 0
      }
    }
    summedRowCount = 0
  }

  /// Whether it holds what follows from so many rows of the coarsest level.
  func isConsistent(with plan: PyramidPlan, rowCount: Int) -> Bool {
    let new = Thumbnail(of: plan)
    let isSame =
      levelWidth == new.levelWidth && levelHeight == new.levelHeight && factor == new.factor
      && sums.count == new.sums.count
    guard isSame else { return false }
    let isWhole = rowCount == levelHeight
    let finished = isWhole ? size.height : rowCount / factor
    return pixels.count == finished * size.width * 3
      && summedRowCount == (isWhole ? 0 : rowCount % factor)
  }
}
