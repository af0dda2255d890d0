import Rasters

/// What a file holds where the scanner took nothing: one exact colour up to straight edges.
///
/// Scanners leave out where they see no tissue, and whatever writes the file fills a rectangle up, often with a white
/// that is whiter than the glass, which then looks like pale tissue.
struct UnscannedArea {
  /// Whether each cell is filling, row by row.
  let cells: [Bool]

  /// A colour that fills a smaller share of the cells is left alone.
  private static let leastShare = 0.02
  /// Cells over which an edge has to run straight: 256 µm, which tissue hardly does.
  private static let straightRun = 8
  /// Of all edges, those that have to be straight: outlines of tissue have up to 0.4, filling after JPEG 0.84 and more.
  private static let leastStraight = 0.6

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
      if image.count(color, within: 0, in: region) == region.width * region.height {
        tally[color, default: 0] += 1
      }
    }
    var cells = [Bool](repeating: false, count: regions.count)
    for (color, count) in tally where Double(count) >= Self.leastShare * Double(regions.count) {
      // A codec spoils pixels of the filling near its edges, which frays them.
      var filled = regions.map {
        2 * image.count(color, within: 1, in: $0) >= $0.width * $0.height
      }
      filled = TissueMask.closed(filled, columns: columns, rows: rows, radius: 2)
      // Overexposed lumens may have the same colour.
      TissueMask.dropSmallParts(&filled, columns: columns, rows: rows)
      if Self.straightShare(of: filled, columns: columns, rows: rows) >= Self.leastStraight,
        color.sum < 3 * 170
          || Self.showsGlass(image, beside: color, filled, columns: columns, side: side)
      {
        cells = zip(cells, filled).map { $0 || $1 }
      }
    }
    self.cells = cells
  }

  /// The share of the edges between filled and other cells that belongs to straight runs; 0 without edges.
  private static func straightShare(of cells: [Bool], columns: Int, rows: Int) -> Double {
    var straight = 0
    var total = 0
    /// Follows one line between two rows or columns of cells.
    func follow(count: Int, _ pair: (Int) -> (Bool, Bool)) {
      var run = 0
      var side = false
      for place in 0...count {
        let (before, after) = place < count ? pair(place) : (false, false)
        if run > 0, before == after || before != side {
          total += run
          if run >= straightRun { straight += run }
          run = 0
        }
        if before != after {
          side = before
          run += 1
        }
      }
    }
    for row in 0..<max(0, rows - 1) {
      follow(count: columns) { (cells[row * columns + $0], cells[(row + 1) * columns + $0]) }
    }
    for column in 0..<max(0, columns - 1) {
      follow(count: rows) { (cells[$0 * columns + column], cells[$0 * columns + column + 1]) }
    }
    return total > 0 ? Double(straight) / Double(total) : 0
  }

  /// Whether what is not filled holds glass of its own; otherwise the colour itself is that of glass.
  private static func showsGlass(
    _ image: RGBImage, beside color: RGBColor, _ filled: [Bool], columns: Int, side: Int
  ) -> Bool {
    var scanned = Plane(width: image.width, height: image.height, filledWith: 1)
    scanned.clear(cells: filled, columns: columns, side: side)
    let white = WhitePoint(image, where: scanned)
    let levels = [
      (white.red, color.red), (white.green, color.green), (white.blue, color.blue),
    ]
    return white.standsOut && levels.contains { $0 + 2 < Double($1) }
  }
}

extension RGBImage {
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
