public import Rasters

/// A raster whose colours are mapped as it is read.
public struct ColorMappedSource: PixelSource {
  private let source: any PixelSource
  private let map: AffineColorMap

  /// Makes a view of a source through a colour map.
  public init(_ source: any PixelSource, map: AffineColorMap) {
    self.source = source
    self.map = map
  }

  /// Columns.
  public var width: Int { source.width }
  /// Rows.
  public var height: Int { source.height }

  /// Reads a region and maps its colours.
  public func read(_ region: PixelRegion) throws -> RGBImage {
    map.applied(to: try source.read(region))
  }
}
