/// A raster that is read region by region: a slide level, a resampled slide, a converted slide, a phantom.
///
/// Reads of overlapping regions agree: a pixel's value depends on its place alone. A region may reach
/// beyond the raster; what lies outside is filled with the source's background.
public protocol PixelSource: Sendable {
  /// Columns.
  var width: Int { get }
  /// Rows.
  var height: Int { get }

  /// Reads a region, in pixels of this raster; may be called from several threads at once.
  func read(_ region: PixelRegion) throws -> RGBImage
}

extension RGBImage: PixelSource {
  /// Cuts the region out of the picture; white outside.
  public func read(_ region: PixelRegion) -> RGBImage { cropped(to: region) }
}
