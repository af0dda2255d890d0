public import Rasters

/// A raster continued beyond its borders by its mirror image: pixel −1 equals pixel 0, pixel `width`
/// equals pixel `width − 1`, and so on with period `2 · width`.
public struct ReflectedSource: PixelSource {
  private let source: any PixelSource

  /// Continues a source.
  public init(_ source: any PixelSource) { self.source = source }

  /// Columns of the source itself.
  public var width: Int { source.width }
  /// Rows of the source itself.
  public var height: Int { source.height }

  /// Reads a region, which may lie wherever it likes.
  public func read(_ region: PixelRegion) throws -> RGBImage {
    let inside = region.intersection(PixelRegion(x: 0, y: 0, width: width, height: height))
    if inside == region || region.isEmpty { return try source.read(region) }
    let columns = (region.x..<region.maxX).map { Self.reflected($0, length: width) }
    let rows = (region.y..<region.maxY).map { Self.reflected($0, length: height) }
    let left = columns.min() ?? 0
    let top = rows.min() ?? 0
    let needed = PixelRegion(
      x: left, y: top, width: (columns.max() ?? 0) - left + 1, height: (rows.max() ?? 0) - top + 1)
    let image = try source.read(needed)
    var result = RGBImage(width: region.width, height: region.height)
    result.pixels.withUnsafeMutableBufferPointer { target in
      image.pixels.withUnsafeBufferPointer { pixels in
        var write = 0
        for row in rows {
          let start = (row - top) * needed.width
          for column in columns {
            let from = (start + column - left) * 3
            target[write] = pixels[from]
            target[write + 1] = pixels[from + 1]
            target[write + 2] = pixels[from + 2]
            write += 3
          }
        }
      }
    }
    return result
  }

  /// The pixel of `0 ..< length` that stands for `index`.
  static func reflected(_ index: Int, length: Int) -> Int {
    let period = 2 * length
    let remainder = ((index % period) + period) % period
    return remainder < length ? remainder : period - 1 - remainder
  }
}
