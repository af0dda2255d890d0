/// One level of a pyramid.
public struct PyramidLevel: Hashable, Codable, Sendable {
  /// Columns.
  public var width: Int
  /// Rows.
  public var height: Int

  /// Makes a level from its size.
  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// Tiles from left to right.
  var tilesAcross: Int { (width + PyramidPlan.tileSide - 1) / PyramidPlan.tileSide }
  /// Tiles from top to bottom.
  var tilesDown: Int { (height + PyramidPlan.tileSide - 1) / PyramidPlan.tileSide }
  /// All tiles.
  var tileCount: Int { tilesAcross * tilesDown }
}

/// The levels of a picture and the space that they take.
public struct PyramidPlan: Hashable, Sendable {
  /// Pixels along a side of every tile.
  public static let tileSide = 256

  /// Finest first; each half as large as the one before, rounded up.
  public let levels: [PyramidLevel]

  /// Plans the levels of a picture: none but the first is narrower or lower than one tile.
  ///
  /// OpenSlide 3.4.1 reads lossless levels narrower than a tile as garbage.
  ///
  /// - Precondition: Both sides are in 1…2³¹ − 1.
  public init(width: Int, height: Int) {
    let sides = 1...Int(Int32.max)
    precondition(
      sides.contains(width) && sides.contains(height), "a pyramid of \(width) × \(height) pixels")
    var levels = [PyramidLevel(width: width, height: height)]
    var next = PyramidLevel(width: (width + 1) / 2, height: (height + 1) / 2)
    while min(next.width, next.height) >= Self.tileSide {
      levels.append(next)
      next = PyramidLevel(width: (next.width + 1) / 2, height: (next.height + 1) / 2)
    }
    self.levels = levels
  }

  /// Tiles of all levels.
  public var tileCount: Int { levels.reduce(0) { $0 + $1.tileCount } }

  /// The bytes of one tile's pixels.
  static let tileByteCount = tileSide * tileSide * 3

  /// The size that a file of these options probably has, in bytes; exact to the directories for
  /// ``PyramidCompression/none``.
  public func predictedByteCount(options: PyramidOptions) -> Int {
    let share: Double =
      switch options.compression {
      case .none: 1
      // The same section as for JPEG.
      case .lzw: 0.78
      case .deflate: 0.66
      case .jpeg: Self.jpegShare(quality: options.quality)
      }
    return Int(Double(tileCount * Self.tileByteCount) * share)
      + directoryByteCount(options: options)
  }

  /// Whether the file needs the 64-bit offsets of BigTIFF: decided from the sum of all levels, as if
  /// every tile were the worst that its compression can meet.
  func needsBigTIFF(options: PyramidOptions) -> Bool {
    let worst: Double =
      switch options.compression {
      case .none: 1
      // A code of at most 12 bits for every byte.
      case .lzw: 1.5
      // Five bytes a stored block of 16 KiB.
      case .deflate: 1.01
      // 16 + 10 bits for every one of 1.5 samples a pixel, against 24 bits a pixel.
      case .jpeg: 1.7
      }
    let bytes =
      Double(tileCount * Self.tileByteCount) * worst
      + Double(directoryByteCount(options: options))
    return bytes >= Double(UInt32.max)
  }

  /// An upper bound of what stands in the file beside the levels' tiles.
  private func directoryByteCount(options: PyramidOptions) -> Int {
    let texts = options.description.provenance.reduce(4096 + options.description.name.utf8.count) {
      $0 + 6 * ($1.key.utf8.count + $1.value.utf8.count) + 32
    }
    let profile = options.iccProfile?.count ?? 0
    var count = tileCount * 12 + texts + levels.count * (2048 + profile)
    if options.layout.hasThumbnail {
      let size = Thumbnail.size(of: levels[levels.count - 1])
      count += 2048 + profile + size.width * size.height * 3
    }
    return count
  }

  /// JPEG bytes a pixel byte by quality, on tissue without background.
  private static func jpegShare(quality: Int) -> Double {
    // A DAB section at 0.5 µm/px without background, 2026-11-22; H&E at the same size takes half.
    // From 90 up 1.4 times what halved chroma took: 1.26 on a phantom's DAB, 1.48 on a real H&E.
    let knots: [(quality: Double, share: Double)] = [
      (1, 0.010), (30, 0.036), (50, 0.050), (75, 0.074), (85, 0.099), (89, 0.120),
      (90, 0.175), (95, 0.246), (100, 0.445),
    ]
    let quality = Double(quality)
    for (low, high) in zip(knots, knots.dropFirst()) where quality <= high.quality {
      let position = (quality - low.quality) / (high.quality - low.quality)
      return low.share + position * (high.share - low.share)
    }
    return 1
  }
}
