public import Rasters

/// What a file holds where the scanner took nothing: one exact colour up to straight edges.
///
/// Scanners leave out where they see no tissue, and whatever writes the file fills a rectangle up, often with a white
/// that is whiter than the glass, which then looks like pale tissue.
public struct UnscannedArea {
  /// The colours that fill what was left out, from white to black.
  public let colors: [RGBColor]
  /// Whether the scanner took nothing there, for every pixel of the picture, row by row.
  let pixels: [Bool]

  /// Levels by which a codec changes the filling near its edges.
  private static let fraying = 6
  /// A colour that fills a smaller share of the cells is left alone.
  private static let leastShare = 0.02

  /// Looks a slide through.
  ///
  /// - Parameters:
  ///   - image: The whole slide.
  ///   - pixelSize: Microns a pixel, at most 32.
  public init(_ image: RGBImage, pixelSize: Double) {
    let side = Self.cellSide(pixelSize: pixelSize)
    let columns = (image.width + side - 1) / side
    let rows = (image.height + side - 1) / side
    let regions = (0..<columns * rows).map { index in
      let (x, y) = (index % columns * side, index / columns * side)
      return PixelRegion(
        x: x, y: y, width: min(side, image.width - x), height: min(side, image.height - y))
    }
    var tally: [RGBColor: Int] = [:]
    for region in regions {
      let color = image[region.x, region.y]
      if image.isFilled(with: color, region) { tally[color, default: 0] += 1 }
    }
    var pixels = [Bool](repeating: false, count: image.width * image.height)
    var colors: [RGBColor] = []
    // From white to black: glass that is as even as a filling is none for having a white filling beside it.
    let candidates = tally.keys.filter {
      $0.isGrey && Double(tally[$0] ?? 0) >= Self.leastShare * Double(regions.count)
    }.sorted { ($0.sum, $0.red, $0.green) > ($1.sum, $1.red, $1.green) }
    var taken = [Bool](repeating: false, count: regions.count)
    for color in candidates {
      // A codec spoils pixels of the filling near its edges, which frays them.
      var filled = regions.map {
        2 * image.count(of: color, within: 1, in: $0) >= $0.width * $0.height
      }
      filled = TissueMask.closed(filled, columns: columns, rows: rows, radius: 2)
      // Overexposed lumens may have the same colour.
      TissueMask.dropSmallParts(&filled, columns: columns, rows: rows)
      let reached = TissueMask.spread(
        filled, columns: columns, rows: rows, radius: 1, value: true)
      let takenWithIt = zip(taken, reached).map { $0 || $1 }
      guard
        color.isDark
          || Self.showsGlass(
            image, beside: color, outside: takenWithIt, columns: columns, side: side),
        CellOutline(of: filled, columns: columns, rows: rows).isStraight
      else { continue }
      colors.append(color)
      taken = takenWithIt
      for (region, isReached) in zip(regions, reached) where isReached {
        for y in region.y..<region.maxY {
          for x in region.x..<region.maxX
          where image[x, y].distance(to: color) <= Self.fraying {
            pixels[y * image.width + x] = true
          }
        }
      }
    }
    self.pixels = pixels
    self.colors = colors
  }

  /// Pixels along a cell of 32 µm; the last ones of rows and columns may be cut.
  static func cellSide(pixelSize: Double) -> Int { max(1, Int((32 / pixelSize).rounded())) }

  /// Whether a pixel has the colour of a filling, as a codec may have changed it.
  public static func isFilling(_ color: RGBColor, of fillings: [RGBColor]) -> Bool {
    fillings.contains { $0.distance(to: color) <= fraying }
  }

  /// Whether cells that no filling reaches hold glass of another colour; otherwise the colour itself is that of glass.
  private static func showsGlass(
    _ image: RGBImage, beside color: RGBColor, outside cells: [Bool], columns: Int, side: Int
  ) -> Bool {
    var scanned = Plane(width: image.width, height: image.height, filledWith: 1)
    scanned.clear(cells: cells, columns: columns, side: side)
    let white = WhitePoint(image, where: scanned)
    let levels = [
      (white.red, color.red), (white.green, color.green), (white.blue, color.blue),
    ]
    return white.standsOut && levels.contains { abs($0 - Double($1)) > 2 }
  }
}

extension RGBImage {
  /// Whether all pixels of a region have exactly a colour.
  fileprivate func isFilled(with color: RGBColor, _ region: PixelRegion) -> Bool {
    (region.y..<region.maxY).allSatisfy { y in
      (region.x..<region.maxX).allSatisfy { self[$0, y] == color }
    }
  }
}

extension RGBColor {
  /// Whether it is no stain's.
  fileprivate var isGrey: Bool { max(red, green, blue) - min(red, green, blue) < 24 }

  fileprivate var sum: Int { Int(red) + Int(green) + Int(blue) }

  /// Whether it is not that of glass.
  fileprivate var isDark: Bool { sum < 3 * 170 }
}
