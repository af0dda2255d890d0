import Rasters

/// What a file holds where the scanner took nothing: one exact colour up to straight edges.
///
/// Scanners leave out where they see no tissue, and whatever writes the file fills a rectangle up, often with a white
/// that is whiter than the glass, which then looks like pale tissue.
struct UnscannedArea {
  /// Whether the scanner took nothing there, for every pixel of the picture, row by row.
  let pixels: [Bool]

  /// A colour that fills a smaller share of the cells is left alone.
  private static let leastShare = 0.02
  /// Levels by which a codec changes the filling near its edges.
  private static let fraying = 6

  /// - Parameters:
  ///   - image: The whole slide.
  ///   - side: Pixels along a cell of 32 µm; the last ones of rows and columns may be cut.
  init(_ image: RGBImage, cell side: Int) {
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
    for (color, count) in tally where Double(count) >= Self.leastShare * Double(regions.count) {
      // A codec spoils pixels of the filling near its edges, which frays them.
      var filled = regions.map {
        2 * image.count(color, within: 1, in: $0) >= $0.width * $0.height
      }
      filled = TissueMask.closed(filled, columns: columns, rows: rows, radius: 2)
      // Overexposed lumens may have the same colour.
      TissueMask.dropSmallParts(&filled, columns: columns, rows: rows)
      let reached = TissueMask.spread(
        filled, columns: columns, rows: rows, radius: 1, value: true)
      guard
        color.sum < 3 * 170
          || Self.showsGlass(image, beside: color, reached, columns: columns, side: side),
        CellOutline(of: filled, columns: columns, rows: rows).isStraight
      else { continue }
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
  }

  /// Whether cells that the filling does not reach hold glass of their own; otherwise the colour itself is that of glass.
  private static func showsGlass(
    _ image: RGBImage, beside color: RGBColor, _ reached: [Bool], columns: Int, side: Int
  ) -> Bool {
    var scanned = Plane(width: image.width, height: image.height, filledWith: 1)
    scanned.clear(cells: reached, columns: columns, side: side)
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

  /// How many pixels of a region have a colour, each channel to within some levels.
  fileprivate func count(_ color: RGBColor, within reach: Int, in region: PixelRegion) -> Int {
    var count = 0
    for y in region.y..<region.maxY {
      for x in region.x..<region.maxX where self[x, y].distance(to: color) <= reach { count += 1 }
    }
    return count
  }
}

extension RGBColor {
  fileprivate var sum: Int { Int(red) + Int(green) + Int(blue) }

  /// Levels by which the most unlike channel differs.
  fileprivate func distance(to other: RGBColor) -> Int {
    max(
      abs(Int(red) - Int(other.red)), abs(Int(green) - Int(other.green)),
      abs(Int(blue) - Int(other.blue)))
  }
}
