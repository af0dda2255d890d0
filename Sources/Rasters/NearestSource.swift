/// A raster at another pixel size whose pixels are those of a source, none of them mixed: for labels.
///
/// Output pixel `i` is the source pixel that its centre lies in, `⌊(i + ½) · ratio⌋`. A value depends on the
/// absolute index alone, never on the region asked for.
public struct NearestSource: PixelSource {
  /// Columns of the output.
  public let width: Int
  /// Rows of the output.
  public let height: Int
  private let source: any PixelSource

  /// Makes a view of a source that has so many pixels and shows all of it.
  ///
  /// - Parameters:
  ///   - source: What is read.
  ///   - width: Columns of the output, at least 1.
  ///   - height: Rows of the output, at least 1.
  public init(_ source: any PixelSource, width: Int, height: Int) {
    precondition(width > 0 && height > 0, "a raster of \(width) × \(height) pixels")
    self.source = source
    self.width = width
    self.height = height
  }

  /// Reads a region of the output; white outside.
  public func read(_ region: PixelRegion) throws -> RGBImage {
    let inside = region.intersection(PixelRegion(x: 0, y: 0, width: width, height: height))
    var result = RGBImage(width: region.width, height: region.height)
    guard !inside.isEmpty else { return result }
    let columns = (inside.x..<inside.maxX).map { Self.place($0, source.width, width) }
    let rows = (inside.y..<inside.maxY).map { Self.place($0, source.height, height) }
    let origin = (x: columns[0], y: rows[0])
    let image = try source.read(
      PixelRegion(
        x: origin.x, y: origin.y, width: columns[columns.count - 1] - origin.x + 1,
        height: rows[rows.count - 1] - origin.y + 1))
    result.pixels.withUnsafeMutableBufferPointer { target in
      image.pixels.withUnsafeBufferPointer { pixels in
        for (row, sourceRow) in rows.enumerated() {
          let start = (sourceRow - origin.y) * image.width
          var write = ((row + inside.y - region.y) * region.width + inside.x - region.x) * 3
          for column in columns {
            let read = (start + column - origin.x) * 3
            for channel in 0..<3 { target[write + channel] = pixels[read + channel] }
            write += 3
          }
        }
      }
    }
    return result
  }

  /// `⌊(2i + 1) · from / (2 · to)⌋`, in whole numbers.
  private static func place(_ index: Int, _ from: Int, _ to: Int) -> Int {
    min(from - 1, (2 * index + 1) * from / (2 * to))
  }
}
