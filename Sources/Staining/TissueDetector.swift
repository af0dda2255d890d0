public import Rasters
import Registration

/// Tells tissue from glass in a raster, from a tile's own pixels and the glass of the whole slide.
///
/// A block of 8 × 8 pixels is tissue where a channel of its mean is darker than glass by more than
/// ``colorDistance`` levels, or where its luminance varies by more than ``texture`` levels (standard
/// deviation), which finds unstained tissue, all edges and no colour. What the scanner left out is neither.
public struct TissueDetector: Hashable, Sendable {
  /// The colour of clear glass: red, green, blue, 0…255.
  public let glass: [Double]
  /// The colours that fill what the scanner left out.
  public let fillings: [RGBColor]

  /// Edge of a block, in pixels.
  public static let blockSize = 8
  /// Levels below glass from which a block is tissue: beyond uneven illumination (3 % of 245).
  public static let colorDistance = 12.0
  /// Deviation of luminance from which a block is tissue: beyond noise and JPEG (1 to 2 levels).
  public static let texture = 4.5

  /// Takes known colours of glass and of what was left out.
  ///
  /// - Precondition: Three channels.
  public init(glass: [Double], fillings: [RGBColor] = []) {
    precondition(glass.count == 3, "\(glass.count) channels of glass")
    self.glass = glass
    self.fillings = fillings
  }

  /// Finds the colour of glass in a raster.
  ///
  /// Reads at most 8 × 8 patches of 256 pixels on an even grid over the whole raster, whatever region of
  /// it is wanted later. Glass is the brightest level that at least a hundredth of the flat blocks share;
  /// where no flat block is bright, white paper (245).
  ///
  /// - Parameters:
  ///   - source: The whole raster.
  ///   - fillings: The colours that fill what the scanner left out.
  /// - Throws: What the source throws.
  public init(sampling source: some PixelSource, fillings: [RGBColor] = []) throws {
    let patch = 256
    let columns = min(8, (source.width + patch - 1) / patch)
    let rows = min(8, (source.height + patch - 1) / patch)
    var flat: [Block] = []
    for row in 0..<rows {
      for column in 0..<columns {
        let x = columns == 1 ? 0 : column * max(0, source.width - patch) / (columns - 1)
        let y = rows == 1 ? 0 : row * max(0, source.height - patch) / (rows - 1)
        let image = try source.read(
          PixelRegion(
            x: x, y: y, width: min(patch, source.width), height: min(patch, source.height)))
        flat += Self.blocks(of: image, fillings: fillings).filter {
          $0.isScanned && $0.deviation < Self.flatness
        }
      }
    }
    self.init(glass: Self.glass(of: flat), fillings: fillings)
  }

  /// The share of a picture's whole blocks that are tissue, 0…1; 0 for a picture under one block.
  public func tissueShare(of image: RGBImage) -> Double {
    let map = tissueBlocks(of: image)
    guard !map.isEmpty else { return 0 }
    return Double(map.count { $0 }) / Double(map.count)
  }

  /// Whether each whole block of a picture is tissue, row by row.
  public func tissueBlocks(of image: RGBImage) -> [Bool] {
    blockContents(of: image).map { $0 == .tissue }
  }

  /// What a block holds.
  enum Content { case tissue, glass, unscanned }

  /// What each whole block of a picture holds, row by row.
  func blockContents(of image: RGBImage) -> [Content] {
    Self.blocks(of: image, fillings: fillings).map { block in
      guard block.isScanned else { return .unscanned }
      let isTissue =
        block.deviation > Self.texture || glass[0] - block.red > Self.colorDistance
        || glass[1] - block.green > Self.colorDistance
        || glass[2] - block.blue > Self.colorDistance
      return isTissue ? .tissue : .glass
    }
  }

  /// Deviation of luminance below which a block may be glass.
  private static let flatness = 3.0
  /// Flat blocks darker than this are not taken for glass, unless they are grey.
  private static let darkestGlass = 180.0
  /// Nor are grey ones darker than this: a slide scanned with little light.
  private static let darkestGreyGlass = 110.0
  /// Colours whose channels differ by less are grey.
  private static let greyRange = 15.0

  /// What glass looks like where a slide does not show any.
  private static let standardGlass = [245.0, 245.0, 245.0]

  private struct Block {
    var red: Double
    var green: Double
    var blue: Double
    var deviation: Double
    var isScanned: Bool
    var luminance: Double { 0.299 * red + 0.587 * green + 0.114 * blue }
  }

  private static func glass(of flat: [Block]) -> [Double] {
    var histogram = [Int](repeating: 0, count: 256)
    for block in flat { histogram[min(255, Int(block.luminance))] += 1 }
    let least = max(1, flat.count / 100)
    guard let level = histogram.lastIndex(where: { $0 >= least }),
      Double(level) >= darkestGreyGlass
    else { return standardGlass }
    // The shared level and what noise spreads around it.
    let shared = flat.filter { abs($0.luminance - Double(level)) <= 4 }
    let count = Double(shared.count)
    let color = [
      shared.reduce(0) { $0 + $1.red } / count, shared.reduce(0) { $0 + $1.green } / count,
      shared.reduce(0) { $0 + $1.blue } / count,
    ]
    let range = (color.max() ?? 0) - (color.min() ?? 0)
    return Double(level) >= darkestGlass || range < greyRange ? color : standardGlass
  }

  /// Whether a quarter of a block's pixels or more have a colour that fills what was left out.
  private static func isFilled(
    _ image: RGBImage, x: Int, y: Int, with fillings: [RGBColor]
  ) -> Bool {
    let block = PixelRegion(x: x, y: y, width: blockSize, height: blockSize)
    return fillings.contains {
      4 * image.count(of: $0, within: 1, in: block) >= blockSize * blockSize
    }
  }

  private static func blocks(of image: RGBImage, fillings: [RGBColor]) -> [Block] {
    let columns = image.width / blockSize
    let rows = image.height / blockSize
    let pixelCount = Double(blockSize * blockSize)
    var blocks: [Block] = []
    blocks.reserveCapacity(columns * rows)
    image.pixels.withUnsafeBufferPointer { pixels in
      for row in 0..<rows {
        for column in 0..<columns {
          var (red, green, blue, luminance, square) = (0, 0, 0, 0, 0)
          for y in (row * blockSize)..<((row + 1) * blockSize) {
            var index = (y * image.width + column * blockSize) * 3
            for _ in 0..<blockSize {
              let (r, g, b) = (Int(pixels[index]), Int(pixels[index + 1]), Int(pixels[index + 2]))
              red += r
              green += g
              blue += b
              // BT.601 in 256ths keeps the sums whole numbers.
              let value = 77 * r + 150 * g + 29 * b
              luminance += value
              square += value * value
              index += 3
            }
          }
          let mean = Double(luminance) / pixelCount
          let variance = max(0, Double(square) / pixelCount - mean * mean)
          blocks.append(
            Block(
              red: Double(red) / pixelCount, green: Double(green) / pixelCount,
              blue: Double(blue) / pixelCount, deviation: variance.squareRoot() / 256,
              isScanned: !isFilled(
                image, x: column * blockSize, y: row * blockSize, with: fillings)))
        }
      }
    }
    return blocks
  }
}

/// Where a slide has tissue, in blocks of some 30 µm, for choosing squares.
public struct TissueMap: Sendable {
  /// Microns a block.
  public let blockMicrons: Double
  private let columns: Int
  private let rows: Int
  /// `[rows + 1, columns + 1]`: tissue blocks above and left of each corner.
  private let sums: [Int]

  /// Microns a pixel at which a slide is looked through: blocks of 8 pixels are 32 µm.
  public static let pixelSize = 4.0

  /// Looks a raster through in bands.
  ///
  /// - Parameters:
  ///   - source: The whole fixed slide, at ``pixelSize`` or its own if that is coarser.
  ///   - pixelSize: Microns a pixel of the source.
  ///   - fillings: The colours that fill what the scanner left out.
  /// - Throws: What the source throws.
  public init(of source: some PixelSource, pixelSize: Double, fillings: [RGBColor] = []) throws {
    let detector = try TissueDetector(sampling: source, fillings: fillings)
    let size = TissueDetector.blockSize
    columns = source.width / size
    rows = source.height / size
    blockMicrons = Double(size) * pixelSize
    var sums = [Int](repeating: 0, count: columns + 1)
    let bandRows = 32
    for first in stride(from: 0, to: rows, by: bandRows) {
      let count = min(bandRows, rows - first)
      let band = try source.read(
        PixelRegion(x: 0, y: first * size, width: columns * size, height: count * size))
      let blocks = detector.tissueBlocks(of: band)
      for row in 0..<count {
        var line = 0
        let above = (first + row) * (columns + 1)
        sums.append(0)
        for column in 0..<columns {
          line += blocks[row * columns + column] ? 1 : 0
          sums.append(sums[above + column + 1] + line)
        }
      }
    }
    self.sums = sums
  }

  /// The share of a rectangle that is tissue, 0…1, by the blocks whose centres lie inside.
  ///
  /// - Parameters:
  ///   - origin: The rectangle's first corner, in microns.
  ///   - size: Its size in microns.
  /// - Returns: The share; 0 where no block's centre lies inside.
  public func tissueShare(origin: MicronPoint, size: MicronPoint) -> Double {
    func index(_ microns: Double, _ count: Int) -> Int {
      min(count, max(0, Int((microns / blockMicrons + 0.5).rounded(.down))))
    }
    let (left, right) = (index(origin.x, columns), index(origin.x + size.x, columns))
    let (top, bottom) = (index(origin.y, rows), index(origin.y + size.y, rows))
    guard right > left, bottom > top else { return 0 }
    let width = columns + 1
    let count =
      sums[bottom * width + right] - sums[top * width + right] - sums[bottom * width + left]
      + sums[top * width + left]
    return Double(count) / Double((right - left) * (bottom - top))
  }
}
