import Rasters
import Slides

/// A whole slide as a small picture.
enum SlideOverview {
  /// Reads the slide by area from the coarsest level that is not coarser than the picture.
  ///
  /// - Parameters:
  ///   - slide: The slide; it needs no pixel size.
  ///   - longSide: The longer side of the picture in pixels; a smaller slide keeps its size.
  /// - Returns: The whole of level 0.
  /// - Throws: `SlideError`.
  static func picture(of slide: Slide, longSide: Int) throws -> RGBImage {
    let ratio = max(1, Double(max(slide.width, slide.height)) / Double(longSide))
    let index = slide.coarsestLevel { $0.downsample <= ratio }
    let level = slide.levels[index]
    let width = max(1, Int(Double(slide.width) / ratio))
    let height = max(1, Int(Double(slide.height) / ratio))
    return try ResampledSource(
      LevelSource(slide: slide, level: index),
      ratio: (ratio / level.downsampleX, ratio / level.downsampleY), width: width, height: height
    ).read(PixelRegion(x: 0, y: 0, width: width, height: height))
  }
}
