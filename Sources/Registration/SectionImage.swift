public import Rasters

/// One section as registration sees it: the whole slide at a working pixel size.
public struct SectionImage: Sendable {
  /// The whole slide from (0, 0), resampled by area to square pixels.
  public let image: RGBImage
  /// Microns a pixel of `image`.
  public let pixelSize: Double
  /// The slide that it was read from.
  public let frame: SectionFrame

  /// Makes a section from its picture.
  ///
  /// - Parameters:
  ///   - image: The whole slide from (0, 0).
  ///   - pixelSize: Microns a pixel of `image`, greater than 0.
  ///   - frame: The slide's own size and pixel size.
  public init(image: RGBImage, pixelSize: Double, frame: SectionFrame) {
    precondition(pixelSize > 0, "a pixel size of \(pixelSize) µm")
    self.image = image
    self.pixelSize = pixelSize
    self.frame = frame
  }

  /// How many pixels a slide has at a working pixel size; the last pixel may reach beyond the slide.
  public static func size(of frame: SectionFrame, pixelSize: Double) -> (width: Int, height: Int) {
    (
      max(1, Int((frame.extent.x / pixelSize - 1e-6).rounded(.up))),
      max(1, Int((frame.extent.y / pixelSize - 1e-6).rounded(.up)))
    )
  }
}
