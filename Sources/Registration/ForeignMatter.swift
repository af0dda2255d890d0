import Rasters

/// Pen, black edges and whatever else is no tissue although it is dark, and what the scanner left out.
enum ForeignMatter {
  /// 1 where a pixel may be trusted.
  ///
  /// Dark: luminance below 20 (STAR, arXiv 2509.02952), or below 70 without colour, as print and black pen
  /// are; stains that dark have a colour. Pen: green or blue that neither haematoxylin nor a
  /// brown or red stain makes, since those absorb at least as much green as red. A cell of 32 µm is foreign
  /// when a quarter of it is, or where nothing was scanned (``UnscannedArea``); foreign cells grow by one.
  static func validPixels(_ image: RGBImage, pixelSize: Double) -> Plane {
    let cell = max(1, Int((32 / pixelSize).rounded()))
    let columns = (image.width + cell - 1) / cell
    let rows = (image.height + cell - 1) / cell
    var counts = [Int](repeating: 0, count: columns * rows)
    image.pixels.withUnsafeBufferPointer { pixels in
      for y in 0..<image.height {
        for x in 0..<image.width {
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
    let unscanned = UnscannedArea(image, cell: cell).cells
    let isForeign = zip(counts, unscanned).map { $0 * 4 > cell * cell || $1 }
    var plane = Plane(width: image.width, height: image.height, filledWith: 1)
    plane.clear(cells: isForeign, columns: columns, side: cell)
    return plane
  }
}

extension Plane {
  /// Puts 0 into square cells and those next to them.
  ///
  /// - Parameters:
  ///   - cells: Whether each cell is meant, row by row; the last ones of rows and columns may be cut.
  ///   - columns: Cells in a row.
  ///   - side: Pixels along a cell.
  mutating func clear(cells: [Bool], columns: Int, side: Int) {
    guard cells.contains(true) else { return }
    let rows = cells.count / columns
    for row in 0..<rows {
      for column in 0..<columns {
        let isNear = (max(0, row - 1)...min(rows - 1, row + 1)).contains { near in
          (max(0, column - 1)...min(columns - 1, column + 1)).contains {
            cells[near * columns + $0]
          }
        }
        guard isNear else { continue }
        for y in row * side..<min(height, (row + 1) * side) {
          for x in column * side..<min(width, (column + 1) * side) { self[x, y] = 0 }
        }
      }
    }
  }
}
