/// A rectangle of whole pixels in the raster that it is handed to: `x ..< x + width`, `y ..< y + height`.
public struct PixelRegion: Hashable, Codable, Sendable {
  /// The first column.
  public var x: Int
  /// The first row.
  public var y: Int
  /// Columns; 0 for an empty region.
  public var width: Int
  /// Rows; 0 for an empty region.
  public var height: Int

  /// Makes a region from its first pixel and its size.
  ///
  /// - Precondition: `width` and `height` are not negative.
  public init(x: Int, y: Int, width: Int, height: Int) {
    precondition(width >= 0 && height >= 0, "a region of \(width) × \(height) pixels")
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }

  /// One past the last column.
  public var maxX: Int { x + width }
  /// One past the last row.
  public var maxY: Int { y + height }
  /// Whether the region holds no pixel.
  public var isEmpty: Bool { width == 0 || height == 0 }

  /// The part that two regions share; empty at `self`'s corner where they share none.
  public func intersection(_ other: PixelRegion) -> PixelRegion {
    let left = max(x, other.x)
    let top = max(y, other.y)
    let right = min(maxX, other.maxX)
    let bottom = min(maxY, other.maxY)
    guard right > left, bottom > top else { return PixelRegion(x: x, y: y, width: 0, height: 0) }
    return PixelRegion(x: left, y: top, width: right - left, height: bottom - top)
  }

  /// The region grown by `margin` pixels on every side.
  public func expanded(by margin: Int) -> PixelRegion {
    PixelRegion(
      x: x - margin, y: y - margin, width: width + 2 * margin, height: height + 2 * margin)
  }

  /// The region moved by whole pixels.
  public func translated(x deltaX: Int, y deltaY: Int) -> PixelRegion {
    PixelRegion(x: x + deltaX, y: y + deltaY, width: width, height: height)
  }
}
