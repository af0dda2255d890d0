package import Rasters
import Registration
package import Slides

extension Slide {
  /// The colours that fill what the scanner left out (``UnscannedArea``).
  ///
  /// - Parameter option: The command-line option that the error for a missing pixel size names.
  /// - Returns: None for most slides.
  /// - Throws: ``SlideError``.
  package func fillings(option: String = "--slide-pixel-size") throws -> [RGBColor] {
    let own = try requirePixelSize(option: option).mean
    // Coarser still, no pixel would lie wholly inside a narrow filling.
    let overview = try source(pixelSize: max(16, own), option: option)
    return UnscannedArea(
      try overview.read(PixelRegion(x: 0, y: 0, width: overview.width, height: overview.height)),
      pixelSize: overview.pixelSize.mean
    ).colors
  }
}
