import Foundation
import Pictures
public import Rasters
import Reporting
public import Stitching
import Tensors

/// The tiles of one split over one or several data sets, in a fixed order.
public struct TilePairs: Sendable {
  /// Edge of a tile, in pixels.
  public let tileSize: Int
  /// The pictures, data set by data set, by name.
  public let paths: [String]
  private let loaded: [RGBImage]

  /// How many pairs there are.
  public var count: Int { paths.count }

  /// Lists the pairs and loads as many as fit.
  ///
  /// - Parameters:
  ///   - paths: The pictures.
  ///   - tileSize: Edge of a tile.
  ///   - memoryBytes: Pictures beyond this are read each time they are needed.
  ///   - forEach: Runs independent work.
  /// - Throws: What reading a picture throws.
  init(paths: [String], tileSize: Int, memoryBytes: Int, forEach: ForEach) throws {
    self.paths = paths
    self.tileSize = tileSize
    let fitting = min(paths.count, memoryBytes / (tileSize * tileSize * 6))
    loaded = try collected(count: fitting, forEach: forEach) { index in
      try Self.read(paths[index], tileSize: tileSize)
    }
  }

  /// The picture of a pair: input on the left, target on the right.
  public func picture(_ index: Int) throws -> RGBImage {
    index < loaded.count
      ? loaded[index] : try Self.read(paths[index], tileSize: tileSize)
  }

  /// One pair as `[1, tileSize, tileSize, 3]` in [−1, 1], turned.
  ///
  /// - Parameters:
  ///   - index: Which pair.
  ///   - turn: One of the eight symmetries of the square; 0 leaves the pair as it is.
  /// - Returns: Both halves.
  /// - Throws: What reading a picture throws.
  func pair(_ index: Int, turn: Int = 0) throws -> (input: [Float], target: [Float]) {
    let image = try picture(index)
    return (
      Self.values(image, x: 0, size: tileSize, turn: turn),
      Self.values(image, x: tileSize, size: tileSize, turn: turn)
    )
  }

  /// Some pairs as one batch `[count, tileSize, tileSize, 3]` in [−1, 1].
  func batch(_ samples: [TileOrder.Sample]) throws -> (input: Tensor, target: Tensor) {
    var input: [Float] = []
    var target: [Float] = []
    let count = samples.count * tileSize * tileSize * 3
    input.reserveCapacity(count)
    target.reserveCapacity(count)
    for sample in samples {
      let pair = try pair(sample.index, turn: sample.turn)
      input += pair.input
      target += pair.target
    }
    let shape = [samples.count, tileSize, tileSize, 3]
    return (Tensor(shape: shape, values: input), Tensor(shape: shape, values: target))
  }

  private static func read(_ path: String, tileSize: Int) throws -> RGBImage {
    let image = try PictureFile.readPNG(path: path)
    guard image.width == 2 * tileSize, image.height == tileSize else {
      throw StainingError.malformedDataset(
        path: path, reason: "\(image.width) × \(image.height) pixels")
    }
    return image
  }

  /// `v / 127.5 − 1` of one half, mirrored where bit 2 of `turn` is set, then turned by its other bits.
  private static func values(_ image: RGBImage, x left: Int, size: Int, turn: Int) -> [Float] {
    let last = size - 1
    return [Float](unsafeUninitializedCapacity: size * size * 3) { values, count in
      image.pixels.withUnsafeBufferPointer { pixels in
        var write = 0
        for row in 0..<size {
          for column in 0..<size {
            var (x, y) =
              switch turn & 3 {
              case 0: (column, row)
              case 1: (row, last - column)
              case 2: (last - column, last - row)
              default: (last - row, column)
              }
            if turn & 4 != 0 { x = last - x }
            y = y * image.width + left + x
            for channel in 0..<3 {
              values[write] = Float(pixels[y * 3 + channel]) / 127.5 - 1
              write += 1
            }
          }
        }
      }
      count = size * size * 3
    }
  }
}

/// Which tile comes when, and how it is turned: a pure function of the seed and the number of the sample.
struct TileOrder: Sendable {
  struct Sample: Hashable, Sendable {
    let index: Int
    let turn: Int
  }

  private let count: Int
  private let seed: UInt64
  private let turns: CounterRandom
  private var epoch: Int?
  private var order: [Int] = []

  /// Streams of the seed, apart from those that other parts of training use.
  private static let turnStream: UInt64 = 0x7475_726E
  private static let orderStream: UInt64 = 0x6F72_6465_0000_0000

  init(count: Int, seed: UInt64) {
    self.count = count
    self.seed = seed
    turns = CounterRandom(seed: seed, stream: Self.turnStream)
  }

  /// The sample of a number, counted from 0 over all epochs.
  mutating func sample(_ number: Int) -> Sample {
    let wanted = number / count
    if epoch != wanted {
      let random = CounterRandom(seed: seed, stream: Self.orderStream | UInt64(wanted))
      let keys = (0..<count).map { random.bits(at: UInt64($0)) }
      order = (0..<count).sorted { (keys[$0], $0) < (keys[$1], $1) }
      epoch = wanted
    }
    return Sample(index: order[number % count], turn: Int(turns.bits(at: UInt64(number)) >> 29))
  }
}

/// Everything that a training reads: the training and the validation tiles of some data sets.
public struct TrainingData: Sendable {
  /// The tiles to learn from.
  public let train: TilePairs
  /// The tiles to choose by.
  public let validation: TilePairs
  /// Microns a pixel, the same in all data sets.
  public let pixelSizeMicrons: Double
  /// What the card says about each data set.
  public let descriptions: [ModelCard.Data]
  /// The classes, where the right halves of the tiles are labels.
  public let classes: [LabelClass]?
  let folders: [String]

  /// Opens data sets.
  ///
  /// - Parameters:
  ///   - folders: The data sets, each with its index.
  ///   - memoryBytes: Tiles beyond this are read each time they are needed.
  ///   - forEach: Runs independent work.
  /// - Throws: ``StainingError/missing(path:)``, ``StainingError/malformedDataset(path:reason:)``, or
  ///   ``StainingError/datasetConflict(path:problem:advice:)`` where pixel sizes or tiles differ, two are the
  ///   same, or one trains on tissue that another holds out.
  public init(folders: [String], memoryBytes: Int, forEach: ForEach) throws {
    var indices: [DatasetIndex] = []
    var names: [DatasetSplit: [String]] = [:]
    var descriptions: [ModelCard.Data] = []
    for folder in folders {
      guard FileManager.default.fileExists(atPath: folder) else {
        throw StainingError.missing(path: folder)
      }
      guard let index = try DatasetIndex.read(folder: folder) else {
        throw StainingError.malformedDataset(
          path: folder, reason: "there is no \(DatasetIndex.fileName)")
      }
      var hash = ContentHash()
      var counts: [DatasetSplit: Int] = [:]
      hash.update(try JSONText.document(index))
      for split in [DatasetSplit.train, .validation] {
        let tiles = try Self.tiles(folder: folder, split: split, index: index)
        for tile in tiles {
          hash.update(Array("\(split.rawValue)/\(tile.name) \(tile.size)\n".utf8))
        }
        counts[split] = tiles.count
        names[split, default: []] += tiles.map { "\(folder)/\(split.rawValue)/\($0.name)" }
      }
      descriptions.append(
        ModelCard.Data(
          hash: hash.hexadecimal(), cases: index.cases.map(\.name),
          trainTiles: counts[.train, default: 0],
          validationTiles: counts[.validation, default: 0]))
      indices.append(index)
    }
    guard let first = indices.first, let trainNames = names[.train], !trainNames.isEmpty else {
      throw StainingError.malformedDataset(
        path: folders.first ?? "", reason: "it has no training tile")
    }
    for (folder, index) in zip(folders, indices) {
      guard
        index.tileSize == first.tileSize,
        abs(index.pixelSizeMicrons / first.pixelSizeMicrons - 1) <= 0.005
      else {
        throw StainingError.datasetConflict(
          path: folder, problem: "has another pixel size or tile than \(folders[0])",
          advice: "train on data sets of one pixel size")
      }
      try index.requireKind(hasLabels: first.classes != nil, folder: folder)
      guard index.classes == first.classes else {
        throw StainingError.datasetConflict(
          path: folder, problem: "has other classes than \(folders[0])",
          advice: "make all with the same --classes")
      }
    }
    try DatasetOverlap.requireNone(
      folders: folders, indices: indices, hashes: descriptions.map(\.hash))
    pixelSizeMicrons = first.pixelSizeMicrons
    self.descriptions = descriptions
    self.folders = folders
    classes = first.classes
    // Validation is looked at again and again: it goes into memory first.
    let tileSize = first.tileSize
    validation = try TilePairs(
      paths: names[.validation] ?? [], tileSize: tileSize, memoryBytes: memoryBytes,
      forEach: forEach)
    let used = min(memoryBytes, validation.count * tileSize * tileSize * 6)
    train = try TilePairs(
      paths: trainNames, tileSize: tileSize, memoryBytes: memoryBytes - used, forEach: forEach)
  }

  private static func tiles(
    folder: String, split: DatasetSplit, index: DatasetIndex
  ) throws -> [(name: String, size: Int)] {
    let cases = Set(index.cases.map(\.name))
    let path = "\(folder)/\(split.rawValue)"
    let manager = FileManager.default
    guard manager.fileExists(atPath: path) else { return [] }
    return try manager.contentsOfDirectory(atPath: path).sorted().compactMap { name in
      guard let tile = TileName(name), cases.contains(tile.caseName) else { return nil }
      let size = try manager.attributesOfItem(atPath: "\(path)/\(name)")[.size] as? NSNumber
      return (name, size?.intValue ?? 0)
    }
  }
}
