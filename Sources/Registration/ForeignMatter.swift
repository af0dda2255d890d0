import Rasters

/// Pen, black edges and whatever else is no tissue although it is dark, and what the scanner left out.
enum ForeignMatter {
  /// 1 where a pixel may be trusted.
  ///
  /// Dark: luminance below 20 (STAR, arXiv 2509.02952), or below 70 without colour, as print and black pen
  /// are; stains that dark have a colour. Pen: green or blue that neither haematoxylin nor a
  /// brown or red stain makes, since those absorb at least as much green as red. A cell of 32 µm is foreign
  /// when a quarter of it is; foreign cells grow by one. What was not scanned (``UnscannedArea``) is
  /// left out to the pixel.
  static func validPixels(_ image: RGBImage, pixelSize: Double) -> Plane {
    let cell = UnscannedArea.cellSide(pixelSize: pixelSize)
    let columns = (image.width + cell - 1) / cell
    let rows = (image.height + cell - 1) / cell
    let unscanned = UnscannedArea(image, pixelSize: pixelSize).pixels
    var counts = [Int](repeating: 0, count: columns * rows)
    image.pixels.withUnsafeBufferPointer { pixels in
      for y in 0..<image.height {
        for x in 0..<image.width where !unscanned[y * image.width + x] {
          let start = (y * image.width + x) * 3
          let red = Int(pixels[start])
          let green = Int(pixels[start + 1])
          let blue = Int(pixels[start + 2])
          let luminance = 299 * red + 587 * green + 114 * blue
          let isGrey = max(red, green, blue) - min(red, green, blue) < 20
          let isBlack = luminance < 20_000 || (luminance < 70_000 && isGrey)
          let isGreen = green > red + 30 && green > blue + 15
          let isBlue = green > red + 30 && blue > red + 60
          if isBlack || isGreen || isBlue { counts[(y / cell) * columns + x / cell] += 1 }
        }
      }
    }
    let isForeign = TissueMask.spread(
      counts.map { $0 * 4 > cell * cell }, columns: columns, rows: rows, radius: 1, value: true)
    var plane = Plane(
      width: image.width, height: image.height, values: unscanned.map { $0 ? 0 : 1 })
    plane.clear(cells: isForeign, columns: columns, side: cell)
    return plane
  }
}

extension Plane {
  /// Puts 0 into square cells.
  ///
  /// - Parameters:
  ///   - cells: Whether each cell is meant, row by row; the last ones of rows and columns may be cut.
  ///   - columns: Cells in a row.
  ///   - side: Pixels along a cell.
  mutating func clear(cells: [Bool], columns: Int, side: Int) {
    for (index, isMeant) in cells.enumerated() where isMeant {
      let (left, top) = (index % columns * side, index / columns * side)
      for y in top..<min(height, top + side) {
        for x in left..<min(width, left + side) { self[x, y] = 0 }
      }
    }
  }
}
