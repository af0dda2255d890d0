package import Rasters
import Registration
package import Slides
package import Stitching

extension Slide {
  /// The colours that fill what the scanner left out (``UnscannedArea``).
  ///
  /// - Parameters:
  ///   - option: The command-line option that the error for a missing pixel size names.
  ///   - forEach: Runs independent work; in turn unless given.
  /// - Returns: None for most slides.
  /// - Throws: ``SlideError``.
  package func fillings(
    option: String = "--slide-pixel-size",
    forEach: ForEach = { count, body in for index in 0..<count { body(index) } }
  ) throws -> [RGBColor] {
    let own = try requirePixelSize(option: option).mean
    // Coarser still, no pixel would lie wholly inside a narrow filling.
    let overview = try source(pixelSize: max(16, own), option: option)
    let (width, height, rows) = (overview.width, overview.height, Self.bandHeight)
    let bands = try collected(count: (height + rows - 1) / rows, forEach: forEach) { band in
      let y = band * rows
      return try overview.read(
        PixelRegion(x: 0, y: y, width: width, height: min(rows, height - y)))
    }
    return UnscannedArea(
      RGBImage(width: width, height: height, pixels: bands.flatMap(\.pixels)),
      pixelSize: overview.pixelSize.mean
    ).colors
  }

  /// Rows of the overview that are read at once.
  private static let bandHeight = 32
}
