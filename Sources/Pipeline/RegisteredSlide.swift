public import Pyramids
public import Rasters
public import Registration
public import Slides

/// The moving slide, or a conversion of it, as a pyramid in the fixed slide's frame.
public struct RegisteredSlide: Sendable {
  /// The raster in the fixed frame, the whole fixed slide from (0, 0).
  public let source: WarpedSource
  /// Microns a pixel: those of the coarser of the two slides.
  public let pixelSize: PixelSize
  /// The colour profile of a scan; a virtual stain carries none.
  public let iccProfile: [UInt8]?
  /// What the file says about itself; a virtual stain stays marked as one.
  public let description: PyramidDescription

  /// Plans the warp: one cubic interpolation from the slide's pixels.
  ///
  /// - Parameters:
  ///   - moving: The moving slide or a conversion of it; its extent must be the recorded one.
  ///   - transform: Fixed to moving.
  ///   - option: The option that a message names where the slide has no pixel size.
  /// - Throws: `SlideError`, or `RegistrationError` where the slide is not the one that was registered.
  public init(moving: Slide, transform: SectionTransform, option: String) throws {
    let frame = try PairRegistration.frame(of: moving, option: option)
    try transform.moving.requireSameExtent(as: frame)
    let fixedSize = transform.fixed.pixelSize
    pixelSize = fixedSize.mean >= frame.pixelSize.mean ? fixedSize : frame.pixelSize
    let slideSource = try moving.source(pixelSize: pixelSize.mean, option: option)
    source = WarpedSource(
      slideSource, movingPixelSize: slideSource.pixelSize, transform: transform,
      pixelSize: pixelSize)
    let isVirtualStain = moving.isVirtualStain
    iccProfile = isVirtualStain ? nil : moving.iccProfile()
    description = PyramidDescription(
      name: FileNames.stem(moving.path), isVirtualStain: isVirtualStain,
      provenance: [
        "moving": frame.name, "fixed": transform.fixed.name,
        "registration": transform.status.rawValue,
      ])
  }
}
