public import Rasters
import Synchronization
public import Tensors

/// Compares a generated slide with the real one, pixel by pixel on aligned truth.
///
/// Both are read tile by tile; memory does not grow with the slides. The result does not depend on the
/// number of threads.
public struct ConversionComparison: Sendable {
  let real: any PixelSource
  let generated: any PixelSource
  private let mask: (any PixelSource)?
  private let fillings: [RGBColor]
  let pixelSize: PixelSize
  let isImaged: (@Sendable (PixelRegion) -> Bool)?
  private let network = RandomConvolutionFeatures()

  /// The side of the tiles that are read, in pixels; a whole number of blocks.
  static let tile = 8 * BlockGrid.side

  /// How far a window of the structural similarity reaches beyond its centre.
  private static let apron = 5

  /// A block of the real slide is tissue where at least this share of its pixels has a mean of red, green
  /// and blue below ``tissueLimit``: glass between fibres counts, dust on glass does not.
  static let tissueShare = 0.1

  /// Pixels at and above this mean are glass, as in the seam score.
  static let tissueLimit = 225

  /// Plans a comparison.
  ///
  /// - Parameters:
  ///   - real: The real stain.
  ///   - generated: The generated stain in the frame of `real`.
  ///   - pixelSize: Microns a pixel of both.
  ///   - mask: What is compared: every pixel that is not black, in the frame of `real`. Where none is
  ///     given, the blocks of 64 × 64 pixels in which the real slide shows tissue.
  ///   - fillings: The colours that fill what was not scanned of the real slide; no block with a
  ///     sixty-fourth of a dark one is compared where there is no mask; bright ones are glass.
  ///   - isImaged: Whether every part of a region was imaged for `generated`; blocks of 64 × 64 pixels that
  ///     were not are left out and counted, also under a mask. Every block was unless given.
  /// - Throws: ``EvaluationError/sizeMismatch(real:generated:)``.
  public init(
    real: any PixelSource, generated: any PixelSource, pixelSize: PixelSize,
    mask: (any PixelSource)? = nil, fillings: [RGBColor] = [],
    isImaged: (@Sendable (PixelRegion) -> Bool)? = nil
  ) throws(EvaluationError) {
    for other in [generated, mask].compactMap(\.self)
    where other.width != real.width || other.height != real.height {
      throw .sizeMismatch(
        real: PixelRegion(x: 0, y: 0, width: real.width, height: real.height),
        generated: PixelRegion(x: 0, y: 0, width: other.width, height: other.height))
    }
    self.real = real
    self.generated = generated
    self.pixelSize = pixelSize
    self.mask = mask
    self.isImaged = isImaged
    self.fillings = fillings.filter {
      Int($0.red) + Int($0.green) + Int($0.blue) < 3 * Self.tissueLimit
    }
  }

  /// How many tiles are read, the total of the progress.
  public var tileCount: Int { columnCount * rowCount }

  var columnCount: Int { (real.width + Self.tile - 1) / Self.tile }
  var rowCount: Int { (real.height + Self.tile - 1) / Self.tile }

  /// Reads both and compares them.
  ///
  /// - Parameters:
  ///   - parallelism: How many threads read and compute; the result is the same for any.
  ///   - progress: Told the number of tiles after each row of tiles; may throw to stop.
  /// - Returns: The figures over the tissue.
  /// - Throws: ``EvaluationError/nothingToCompare``, what the sources throw, what `progress` throws.
  public func measured(
    parallelism: Parallelism = .serial, progress: (_ tileCount: Int) throws -> Void = { _ in }
  ) throws -> ConversionQuality {
    var grid = BlockGrid(width: real.width, height: real.height)
    var features = FeatureComparison()
    var outsideBlockCount = 0
    for row in 0..<rowCount {
      let results = Mutex([Result<TileSums, any Error>?](repeating: nil, count: columnCount))
      let blockColumns = grid.columnCount
      parallelism.forEach(count: columnCount) { column in
        let result = Result { try tileSums(column: column, row: row, blockColumns: blockColumns) }
        results.withLock { $0[column] = result }
      }
      for result in results.withLock({ $0 }) {
        guard let tile = try result?.get() else { continue }
        for (block, sums) in tile.blocks { grid.blocks[block] = sums }
        for pair in tile.features { features.add(pair) }
        outsideBlockCount += tile.outsideBlockCount
      }
      try progress(columnCount)
    }
    guard grid.total.squaredError.count > 0 else { throw EvaluationError.nothingToCompare }
    var quality = ConversionQuality(grid, pixelSizeMicrons: pixelSize.mean)
    quality.randomConvolutionFrechet = features.figure
    quality.outsideBlockCount = outsideBlockCount
    return quality
  }

  /// What one tile adds: the sums of its blocks, by their index in the grid, and the features of the blocks.
  private struct TileSums {
    var blocks: [Int: BlockSums] = [:]
    var features: [FeatureComparison.Pair] = []
    /// Blocks that would count, had they been imaged for the generated slide.
    var outsideBlockCount = 0
  }

  private func tileSums(
    column: Int, row: Int, blockColumns: Int
  ) throws -> TileSums {
    let bounds = PixelRegion(x: 0, y: 0, width: real.width, height: real.height)
    let tile = PixelRegion(
      x: column * Self.tile, y: row * Self.tile, width: Self.tile, height: Self.tile
    ).intersection(bounds)
    let region = tile.expanded(by: Self.apron).intersection(bounds)
    let truth = try real.read(region)
    var flags = try self.flags(tile, truth: truth, at: region)
    var result = TileSums()
    result.outsideBlockCount = clearOutside(&flags, of: tile)
    guard flags.contains(true) else { return result }
    let picture = try generated.read(region)
    let map = ImageQuality.structuralSimilarityMap(truth, picture)
    for y in stride(from: 0, to: tile.height, by: BlockGrid.side) {
      for x in stride(from: 0, to: tile.width, by: BlockGrid.side) {
        let block = PixelRegion(
          x: tile.x + x, y: tile.y + y, width: BlockGrid.side, height: BlockGrid.side
        ).intersection(tile)
        let index = block.y / BlockGrid.side * blockColumns + block.x / BlockGrid.side
        let sums = sums(
          block, flags: flags, tile: tile, truth: truth, picture: picture, region: region, map: map)
        result.blocks[index] = sums
        // Whole blocks alone: a part of one would be a picture of another size.
        guard block.width == BlockGrid.side, block.height == BlockGrid.side,
          sums.squaredError.count > 0
        else { continue }
        let local = block.translated(x: -region.x, y: -region.y)
        result.features.append(
          FeatureComparison.Pair(
            block: index, real: network.features(of: truth.cropped(to: local)),
            generated: network.features(of: picture.cropped(to: local))))
      }
    }
    return result
  }

  private func sums(
    _ block: PixelRegion, flags: [Bool], tile: PixelRegion, truth: RGBImage, picture: RGBImage,
    region: PixelRegion, map: Plane
  ) -> BlockSums {
    var sums = BlockSums()
    let local = block.translated(x: -region.x, y: -region.y)
    let blockFlags = (block.y..<block.maxY).flatMap { y in
      (block.x..<block.maxX).map { flags[(y - tile.y) * tile.width + $0 - tile.x] }
    }
    guard blockFlags.contains(true) else { return sums }
    sums.squaredError = ImageQuality.squaredError(
      truth.cropped(to: local), picture.cropped(to: local), mask: blockFlags)
    for y in 0..<block.height {
      for x in 0..<block.width where blockFlags[y * block.width + x] {
        // Window centre (x, y) of the region stands at (x − 5, y − 5) of the map, where one fits.
        let mapX = local.x + x - Self.apron
        let mapY = local.y + y - Self.apron
        guard mapX >= 0, mapY >= 0, mapX < map.width, mapY < map.height else { continue }
        sums.similarity += Double(map[mapX, mapY])
        sums.windowCount += 1
      }
    }
    return sums
  }

  /// Which pixels of a tile are compared.
  func flags(
    _ tile: PixelRegion, truth: RGBImage, at region: PixelRegion
  ) throws -> [Bool] {
    if let mask {
      let picture = try mask.read(tile)
      return (0..<(tile.width * tile.height)).map { pixel in
        picture.pixels[(pixel * 3)..<(pixel * 3 + 3)].contains { $0 > 0 }
      }
    }
    let picture = truth.cropped(to: tile.translated(x: -region.x, y: -region.y))
    var flags = [Bool](repeating: false, count: tile.width * tile.height)
    for y in stride(from: 0, to: tile.height, by: BlockGrid.side) {
      for x in stride(from: 0, to: tile.width, by: BlockGrid.side) {
        let block = PixelRegion(x: x, y: y, width: BlockGrid.side, height: BlockGrid.side)
          .intersection(picture.bounds)
        guard isTissue(picture, block) else { continue }
        for row in block.y..<block.maxY {
          for column in block.x..<block.maxX { flags[row * tile.width + column] = true }
        }
      }
    }
    return flags
  }

  /// Takes blocks that were not imaged for the generated slide out of the flags of a tile; how many there were.
  func clearOutside(_ flags: inout [Bool], of tile: PixelRegion) -> Int {
    guard let isImaged else { return 0 }
    var count = 0
    for y in stride(from: 0, to: tile.height, by: BlockGrid.side) {
      for x in stride(from: 0, to: tile.width, by: BlockGrid.side) {
        let block = PixelRegion(
          x: tile.x + x, y: tile.y + y, width: BlockGrid.side, height: BlockGrid.side
        ).intersection(tile)
        let places = (y..<(y + block.height)).map { row in
          (row * tile.width + x)..<(row * tile.width + x + block.width)
        }
        guard places.contains(where: { flags[$0].contains(true) }), !isImaged(block) else {
          continue
        }
        count += 1
        for place in places { for index in place { flags[index] = false } }
      }
    }
    return count
  }

  private func isTissue(_ image: RGBImage, _ block: PixelRegion) -> Bool {
    let pixelCount = block.width * block.height
    let isFilled = fillings.contains {
      64 * image.count(of: $0, within: 1, in: block) >= pixelCount
    }
    guard !isFilled else { return false }
    var count = 0
    for y in block.y..<block.maxY {
      for x in block.x..<block.maxX {
        let start = (y * image.width + x) * 3
        let sum =
          Int(image.pixels[start]) + Int(image.pixels[start + 1]) + Int(image.pixels[start + 2])
        if sum < 3 * Self.tissueLimit { count += 1 }
      }
    }
    return Double(count) >= Self.tissueShare * Double(pixelCount)
  }
}
