public import Rasters
public import Registration
public import Slides

/// The moving slide, or a conversion of it, as a pyramid in the fixed slide's frame.
public enum RegisteredSlide {
  /// A warped raster and the pixel size that it is written at.
  public struct Plan: Sendable {
    /// The raster in the fixed frame, the whole fixed slide from (0, 0).
    public let source: WarpedSource
    /// Microns a pixel: the coarser of the two slides'.
    public let pixelSize: PixelSize
  }

  /// Plans the warp: one cubic interpolation from the slide's pixels.
  ///
  /// - Parameters:
  ///   - moving: The moving slide or a conversion of it; its extent must be the recorded one.
  ///   - transform: Fixed to moving.
  /// - Returns: The raster to be written.
  /// - Throws: `SlideError`, or `RegistrationError` where the slide is not the one that was registered.
  public static func plan(moving: Slide, transform: SectionTransform) throws -> Plan {
    let frame = try PairRegistration.frame(of: moving, option: "--moving-pixel-size")
    try transform.moving.requireSameExtent(as: frame)
    let own = frame.pixelSize
    let pixelSize = PixelSize(
      x: max(own.x, transform.fixed.pixelSize.x), y: max(own.y, transform.fixed.pixelSize.y))
    let source = try moving.source(pixelSize: max(pixelSize.x, pixelSize.y))
    return Plan(
      source: WarpedSource(
        source, movingPixelSize: source.pixelSize, transform: transform, pixelSize: pixelSize),
      pixelSize: pixelSize)
  }
}
