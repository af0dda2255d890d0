public import Rasters
import Reporting

/// One square of the fixed frame and the split that all its tiles belong to.
public struct SplitSquare: Codable, Hashable, Sendable {
  /// The first column, in pixels of the fixed frame at the data set's pixel size.
  public let x: Int
  /// The first row.
  public let y: Int
  /// Columns; fewer than the edge of a square at the slide's right border.
  public let width: Int
  /// Rows; fewer than the edge of a square at the slide's lower border.
  public let height: Int
  /// What its tiles are for.
  public let split: DatasetSplit

  /// Makes a square.
  public init(x: Int, y: Int, width: Int, height: Int, split: DatasetSplit) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
    self.split = split
  }

  /// Its pixels.
  public var region: PixelRegion { PixelRegion(x: x, y: y, width: width, height: height) }

  /// The tiles inside: a grid that starts at the square's corner and does not leave it.
  public func tiles(tileSize: Int, overlap: Int) -> [PixelRegion] {
    let step = tileSize - overlap
    var tiles: [PixelRegion] = []
    for top in stride(from: 0, through: height - tileSize, by: step) {
      for left in stride(from: 0, through: width - tileSize, by: step) {
        tiles.append(PixelRegion(x: x + left, y: y + top, width: tileSize, height: tileSize))
      }
    }
    return tiles
  }
}

/// Divides the tissue of a fixed slide into squares, from that slide alone, so that every moving section
/// of it agrees and a later call moves nothing.
enum SplitSquares {
  /// Edge of a square where there is tissue enough, in microns.
  static let edgeMicrons = 1000.0
  /// Squares are made smaller until at least so many hold tissue.
  static let wantedCount = 10
  /// Fewer squares cannot be divided.
  static let leastCount = 3
  /// Step in which the edge is tried, in pixels.
  private static let edgeStep = 16

  /// The edge of the squares and the squares that hold tissue, row by row.
  ///
  /// - Parameters:
  ///   - tissue: The fixed slide's tissue.
  ///   - width: Columns of the fixed frame at the data set's pixel size.
  ///   - height: Rows.
  ///   - pixelSize: Microns a pixel of that frame.
  ///   - tileSize: Edge of a tile; no square is smaller.
  /// - Returns: Pixels of an edge, and the squares.
  static func tissueSquares(
    tissue: TissueMap, width: Int, height: Int, pixelSize: PixelSize, tileSize: Int
  ) -> (edge: Int, squares: [PixelRegion]) {
    var edge = max(tileSize, Int(edgeMicrons / pixelSize.mean))
    while true {
      let squares = grid(width: width, height: height, edge: edge, tileSize: tileSize)
        .filter { holdsTissue($0, tissue: tissue, pixelSize: pixelSize) }
      if squares.count >= wantedCount || edge == tileSize { return (edge, squares) }
      edge = max(tileSize, edge - edgeStep)
    }
  }

  /// Gives each square its split: the order is that of the hash of (slide, square), cut at the shares.
  ///
  /// - Parameters:
  ///   - squares: The squares with tissue.
  ///   - slideHash: The fixed slide's content hash.
  ///   - shares: The shares of the splits.
  /// - Returns: The squares in their own order.
  static func divided(
    _ squares: [PixelRegion], slideHash: String, shares: SplitShares
  ) -> [SplitSquare] {
    let keys = squares.map { ContentHash.hexadecimal(of: "\(slideHash) \($0.x) \($0.y)".utf8) }
    let order = squares.indices.sorted { keys[$0] < keys[$1] }
    let counts = shares.counts(of: squares.count)
    var splits = [DatasetSplit](repeating: .train, count: squares.count)
    var next = counts[.train, default: 0]
    for split in [DatasetSplit.validation, .test] {
      let end = next + counts[split, default: 0]
      for position in next..<end { splits[order[position]] = split }
      next = end
    }
    return zip(squares, splits).map { square, split in
      SplitSquare(
        x: square.x, y: square.y, width: square.width, height: square.height, split: split)
    }
  }

  /// All squares of a frame; those at the right and lower border are cut there, and kept where at least
  /// half an edge and a tile are left, so that no split is made of slivers.
  static func grid(width: Int, height: Int, edge: Int, tileSize: Int) -> [PixelRegion] {
    var squares: [PixelRegion] = []
    for y in stride(from: 0, to: height, by: edge) {
      for x in stride(from: 0, to: width, by: edge) {
        let square = PixelRegion(
          x: x, y: y, width: min(edge, width - x), height: min(edge, height - y))
        let least = max(tileSize, edge / 2)
        if square.width >= least, square.height >= least { squares.append(square) }
      }
    }
    return squares
  }

  /// Whether as large a share of a square is tissue as a tile needs: no split is then made of squares
  /// whose tissue is a rim that no tile fits.
  private static func holdsTissue(
    _ square: PixelRegion, tissue: TissueMap, pixelSize: PixelSize
  ) -> Bool {
    let origin = MicronPoint(
      x: Double(square.x) * pixelSize.x, y: Double(square.y) * pixelSize.y)
    let size = MicronPoint(
      x: Double(square.width) * pixelSize.x, y: Double(square.height) * pixelSize.y)
    return tissue.tissueShare(origin: origin, size: size) >= PairedDatasetMaker.leastTissueShare
  }
}
