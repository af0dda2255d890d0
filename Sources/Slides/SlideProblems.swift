import Rasters

/// What is odd about a slide that opens, in words for the user.
enum SlideProblems {
  /// Above this many pixels a slide without lower levels is slow to look at.
  private static let pixelsNeedingLevels = 4096 * 4096

  static func list(
    reader: PixelSizeReader, found: (size: PixelSize, source: PixelSizeSource)?,
    levels: [SlideLevel]
  ) -> [String] {
    var problems: [String] = []
    if let size = reader.tiffResolutionSize(), !size.isPlausible,
      found?.source != .openslide
    {
      problems.append(
        "the TIFF resolution of \(rounded(size.x)) µm a pixel is not plausible and is ignored")
    }
    if let size = reader.openSlideSize(), !size.isPlausible,
      found?.source != .option
    {
      problems.append(
        "the stated pixel size of \(rounded(size.x)) µm is not plausible and is ignored")
    }
    guard let found else {
      problems.append("no pixel size; pass --slide-pixel-size MICRONS")
      return problems + levelProblems(levels)
    }
    if !found.size.isSquare {
      problems.append(
        "pixels are not square: \(rounded(found.size.x)) × \(rounded(found.size.y)) µm")
    }
    return problems + levelProblems(levels)
  }

  private static func levelProblems(_ levels: [SlideLevel]) -> [String] {
    guard levels.count == 1, levels[0].width * levels[0].height > pixelsNeedingLevels else {
      return []
    }
    return ["one level only, so overviews are slow; `restain pyramid` adds the others"]
  }

  private static func rounded(_ microns: Double) -> String {
    let thousandths = (microns * 1000).rounded()
    return String(thousandths / 1000)
  }
}
