public import Rasters
import Slides

/// Slides of one section side by side: the whole of each above, a part at full resolution below.
public enum ComparisonPicture {
  /// The side of each of the panels, in pixels.
  private static let side = 480
  private static let gap = 6

  /// Draws the slides in the order given, such as IHC | virtual H&E | true H&E.
  ///
  /// The part is the place with most contrast in the first slide, so that it shows cells.
  ///
  /// - Parameter paths: Slides that cover the same ground at about the same pixel size.
  /// - Returns: A row of overviews and a row of parts, on white.
  /// - Throws: `SlideError`.
  public static func picture(of paths: [String]) throws -> RGBImage {
    let slides = try paths.map { path throws(SlideError) in try Slide(path: path) }
    let overviews = try slides.map { try SlideOverview.picture(of: $0, longSide: side) }
    let step = side + gap
    var picture = RGBImage(width: slides.count * step - gap, height: 2 * side + gap)
    guard let first = slides.first, let overview = overviews.first else { return picture }
    let place = busiestPlace(of: overview, slide: first)
    for (index, slide) in slides.enumerated() {
      let x = index * step
      picture.paste(
        overviews[index], x: x + (side - overviews[index].width) / 2,
        y: (side - overviews[index].height) / 2)
      let centre = (
        x: place.x / Double(first.width) * Double(slide.width),
        y: place.y / Double(first.height) * Double(slide.height)
      )
      let part = PixelRegion(
        x: Int(centre.x) - side / 2, y: Int(centre.y) - side / 2, width: side, height: side)
      picture.paste(try slide.read(part, level: 0), x: x, y: step)
    }
    return picture
  }

  /// The centre of the part-sized square with the largest variance of luminance, in level-0 pixels.
  private static func busiestPlace(of overview: RGBImage, slide: Slide) -> Level0Point {
    let luminance = overview.luminance()
    let ratio =
      Double(max(slide.width, slide.height)) / Double(max(overview.width, overview.height))
    let window = max(1, min(Int(Double(side) / ratio), min(overview.width, overview.height)))
    var best = -1.0
    var place = (x: overview.width / 2, y: overview.height / 2)
    for top in stride(from: 0, through: overview.height - window, by: max(1, window / 3)) {
      for left in stride(from: 0, through: overview.width - window, by: max(1, window / 3)) {
        var sum = 0.0
        var squares = 0.0
        for y in top..<(top + window) {
          for x in left..<(left + window) {
            let value = Double(luminance[x, y])
            sum += value
            squares += value * value
          }
        }
        let count = Double(window * window)
        let variance = squares / count - (sum / count) * (sum / count)
        if variance > best {
          best = variance
          place = (left + window / 2, top + window / 2)
        }
      }
    }
    return Level0Point(x: (Double(place.x) + 0.5) * ratio, y: (Double(place.y) + 0.5) * ratio)
  }
}
