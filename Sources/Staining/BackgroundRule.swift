import Rasters
import Registration
import Stitching

/// What a conversion leaves as it is: tiles without tissue, and open glass and what was not scanned in the others.
struct BackgroundRule: Sendable {
  private let detector: TissueDetector
  /// Whether converted tiles keep their glass, too.
  private let keepsPixels: Bool

  /// - Parameters:
  ///   - detector: Tells tissue from glass.
  ///   - overlap: Pixels that tiles share; where it is 0, a tile is what the network gives.
  init(detector: TissueDetector, overlap: Int) {
    self.detector = detector
    keepsPixels = overlap > 0
  }

  /// Whether a tile has tissue.
  func needsConversion(_ tile: SourceTile) -> Bool {
    detector.tissueShare(of: tile.image) >= ConversionOptions.leastTissueShare
  }

  /// The levels of a converted tile, with what it keeps of its source.
  func keeping(_ tile: SourceTile, in levels: consuming [Float]) -> [Float] {
    guard let kept = kept(tile) else { return levels }
    levels.withUnsafeMutableBufferPointer { levels in
      tile.image.pixels.withUnsafeBufferPointer { pixels in
        for (pixel, share) in kept.enumerated() where share > 0 {
          for index in pixel * 3..<pixel * 3 + 3 {
            levels[index] += share * (Float(pixels[index]) - levels[index])
          }
        }
      }
    }
    return levels
  }

  /// How much a tile with tissue keeps of its source, pixel by pixel, 0…1; nothing where that is nothing anywhere.
  ///
  /// Every square of ``openBlocks`` blocks without tissue stays as a tile without tissue does, as far as the tile shows
  /// it, and fades into the corners and clefts around it; lumens are the network's, dust is not. Tissue reaches one
  /// block further than it is seen, and the two cross over within another.
  func kept(_ tile: SourceTile) -> [Float]? {
    guard keepsPixels else { return nil }
    let (image, size) = (tile.image, TissueDetector.blockSize)
    let (columns, rows) = (image.width / size, image.height / size)
    let contents = detector.blockContents(of: image)
    func spread(_ blocks: [Bool], _ radius: Int) -> [Bool] {
      TissueMask.spread(blocks, columns: columns, rows: rows, radius: radius, value: true)
    }
    let isTissue = Self.withoutDust(contents.map { $0 == .tissue }, columns)
    let middles = spread(isTissue, Self.openBlocks / 2).map { !$0 }
    let isFree = spread(isTissue, 1).map { !$0 }
    let open = zip(spread(middles, Self.openBlocks / 2), isFree).map { $0 && $1 }
    let shares =
      open.contains(true)
      ? interpolated(
        Self.fading(open, among: isFree, columns), columns: columns, width: image.width,
        height: image.height) : nil
    guard contents.contains(.unscanned) else { return shares }
    let filled = fillings(
      in: image, blocks: spread(contents.map { $0 == .unscanned }, 1), columns: columns)
    return shares.map { zip($0, filled).map(max) } ?? filled
  }

  /// Blocks along a square of glass that no lumen holds: 68 µm at the usual 0.5 µm a pixel.
  private static let openBlocks = 17
  /// Blocks into which squares reach whole, and those over which they fade: 64 µm into a cleft together.
  private static let (reaching, fading): (Int, Int) = (4, 12)

  /// Tissue but for specks: fewer than five blocks within 44 µm (at 0.5 µm a pixel), as few as a tile of dust holds.
  ///
  /// What lies so near the tile's edges that more may follow beyond stays tissue.
  private static func withoutDust(_ tissue: [Bool], _ columns: Int) -> [Bool] {
    let rows = tissue.count / columns
    let reach = 5
    return tissue.indices.map { block in
      let (x, y) = (block % columns, block / columns)
      guard tissue[block], (reach..<columns - reach).contains(x), (reach..<rows - reach).contains(y)
      else { return tissue[block] }
      var count = 0
      for row in y - reach...y + reach {
        for column in x - reach...x + reach where tissue[row * columns + column] { count += 1 }
        if count >= 5 { return true }
      }
      return false
    }
  }

  /// 1 in some blocks, fading along the way to others without crossing what is not glass.
  private static func fading(_ blocks: [Bool], among glass: [Bool], _ columns: Int) -> [Float] {
    let rows = blocks.count / columns
    var shares: [Float] = blocks.map { $0 ? 1 : 0 }
    var front = blocks.indices.filter { blocks[$0] }
    for step in 1..<reaching + fading where !front.isEmpty {
      let share = min(1, 1 - Float(step - reaching) / Float(fading))
      // Edges and corners in turn make the way about as long in every direction.
      let isDiagonal = step.isMultiple(of: 2)
      var next: [Int] = []
      for block in front {
        let (x, y) = (block % columns, block / columns)
        for row in max(0, y - 1)...min(rows - 1, y + 1) {
          for column in max(0, x - 1)...min(columns - 1, x + 1)
          where isDiagonal || row == y || column == x {
            let neighbour = row * columns + column
            guard glass[neighbour], shares[neighbour] == 0 else { continue }
            shares[neighbour] = share
            next.append(neighbour)
          }
        }
      }
      // Corners that a step over edges left out are reached from where it started.
      front = isDiagonal ? next : front + next
    }
    return shares
  }

  /// Between the middles of blocks; as at the middle beyond those of the outer ones.
  private func interpolated(
    _ blocks: [Float], columns: Int, width: Int, height: Int
  ) -> [Float] {
    let size = TissueDetector.blockSize
    /// The blocks on both sides of a pixel, and the share of the second.
    func place(_ position: Int, count: Int) -> (first: Int, second: Int, share: Float) {
      let exact = (Float(position) + 0.5) / Float(size) - 0.5
      let first = Int(exact.rounded(.down))
      return (
        min(max(first, 0), count - 1), min(max(first + 1, 0), count - 1), exact - Float(first)
      )
    }
    let across = (0..<width).map { place($0, count: columns) }
    return [Float](unsafeUninitializedCapacity: width * height) { pixels, filled in
      var line = [Float](repeating: 0, count: columns)
      for y in 0..<height {
        let down = place(y, count: blocks.count / columns)
        for column in 0..<columns {
          let (upper, lower) = (
            blocks[down.first * columns + column], blocks[down.second * columns + column]
          )
          line[column] = upper + (lower - upper) * down.share
        }
        line.withUnsafeBufferPointer { line in
          for x in 0..<width {
            let (left, right, share) = across[x]
            pixels[y * width + x] = line[left] + (line[right] - line[left]) * share
          }
        }
      }
      filled = width * height
    }
  }

  /// 1 where a pixel in some blocks has the colour of a filling.
  private func fillings(in image: RGBImage, blocks: [Bool], columns: Int) -> [Float] {
    let size = TissueDetector.blockSize
    var flags = [Float](repeating: 0, count: image.width * image.height)
    for (block, isMeant) in blocks.enumerated() where isMeant {
      for y in block / columns * size..<(block / columns + 1) * size {
        for x in block % columns * size..<(block % columns + 1) * size
        where UnscannedArea.isFilling(image[x, y], of: detector.fillings) {
          flags[y * image.width + x] = 1
        }
      }
    }
    return flags
  }
}
