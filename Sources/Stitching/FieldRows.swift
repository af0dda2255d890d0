import Rasters

/// Consecutive rows of a field of three numbers a pixel: appended below, dropped above.
struct FieldRows {
  /// The first column, in pixels of the raster.
  let x: Int
  let width: Int
  /// The first row that is kept, in pixels of the raster.
  private(set) var y: Int
  private let rasterWidth: Int
  private let rasterHeight: Int
  private var values: [Float] = []

  /// - Parameter plan: Its region is what the field covers, once all rows have come.
  init(plan: TilePlan) {
    (x, y, width) = (plan.region.x, plan.region.y, plan.region.width)
    (rasterWidth, rasterHeight) = (plan.width, plan.height)
  }

  /// The row after the last one.
  var endY: Int { y + values.count / (3 * width) }

  mutating func append(_ rows: [Float]) { values += rows }

  /// Forgets the rows above.
  mutating func drop(above row: Int) {
    let count = min(max(0, row - y), endY - y)
    values.removeFirst(count * width * 3)
    y += count
  }

  /// Reads a region; beyond the raster its mirror image, as ``ReflectedSource`` does.
  func read(_ region: PixelRegion) -> [Float] {
    let columns = (region.x..<region.maxX).map {
      (ReflectedSource.reflected($0, length: rasterWidth) - x) * 3
    }
    let isStraight = region.x >= 0 && region.maxX <= rasterWidth
    return [Float](unsafeUninitializedCapacity: region.width * region.height * 3) { target, count in
      values.withUnsafeBufferPointer { values in
        var write = 0
        for row in region.y..<region.maxY {
          let start = (ReflectedSource.reflected(row, length: rasterHeight) - y) * width * 3
          if isStraight {
            let from = start + (region.x - x) * 3
            for index in 0..<(region.width * 3) { target[write + index] = values[from + index] }
          } else {
            for (index, column) in columns.enumerated() {
              for channel in 0..<3 {
                target[write + 3 * index + channel] = values[start + column + channel]
              }
            }
          }
          write += region.width * 3
        }
      }
      count = region.width * region.height * 3
    }
  }
}

extension TilePlan {
  /// The rows of the raster that a row of tiles shows, its mirrored ones included.
  func shownRows(of row: Int) -> Range<Int> {
    Self.shown(row * stride..<row * stride + tileSize, of: height)
  }

  /// The part of the raster that the tiles show from a row on.
  func shownRegion(from row: Int) -> PixelRegion {
    let first = columns.lowerBound * stride
    let last = (columns.upperBound - 1) * stride
    // The last tiles, mirrored at the border, may reach back further than the first ones.
    let xs = [first, last].map { Self.shown($0..<$0 + tileSize, of: width) }
    let ys = [row, rows.upperBound - 1].map(shownRows)
    let (left, top) = (
      min(xs[0].lowerBound, xs[1].lowerBound), min(ys[0].lowerBound, ys[1].lowerBound)
    )
    return PixelRegion(
      x: left, y: top, width: xs[1].upperBound - left, height: ys[1].upperBound - top)
  }

  private static func shown(_ range: Range<Int>, of length: Int) -> Range<Int> {
    guard range.upperBound > length else { return range }
    let mirrored = 2 * length - range.upperBound
    return max(0, min(range.lowerBound, mirrored))..<length
  }
}
