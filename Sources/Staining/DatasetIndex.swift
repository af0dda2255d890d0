import Foundation

/// The index of a data set of paired tiles, `dataset.json`.
public struct DatasetIndex: Codable, Equatable, Sendable {
  /// Tells the file from other JSON.
  public private(set) var format = Self.formatName
  /// The version of the file's form.
  public private(set) var version = Self.currentVersion
  /// Microns a pixel of every tile.
  public let pixelSizeMicrons: Double
  /// Edge of a tile, in pixels.
  public let tileSize: Int
  /// What the tiles are divided by.
  public let splitUnit: SplitUnit
  /// The shares of the splits.
  public let shares: SplitShares
  /// The classes, where the right halves of the tiles are labels; nothing where they are a stain.
  public let classes: [LabelClass]?
  /// The fixed slides with their squares.
  public var fixedSlides: [FixedSlide]
  /// The cases in the order in which they were added.
  public var cases: [Case]

  static let formatName = "restain-dataset"
  static let currentVersion = 1
  /// The name of the index inside the data set's folder.
  public static let fileName = "dataset.json"

  /// Makes the index of an empty data set.
  public init(
    pixelSizeMicrons: Double, tileSize: Int, splitUnit: SplitUnit, shares: SplitShares,
    classes: [LabelClass]? = nil
  ) {
    self.classes = classes
    self.pixelSizeMicrons = pixelSizeMicrons
    self.tileSize = tileSize
    self.splitUnit = splitUnit
    self.shares = shares
    fixedSlides = []
    cases = []
  }

  /// A fixed slide that is divided by squares.
  public struct FixedSlide: Codable, Equatable, Sendable {
    /// The file's name.
    public let file: String
    /// SHA-256 of the file's size, first and last MiB.
    public let hash: String
    /// Edge of its squares, in pixels of the data set.
    public let squareEdge: Int
    /// Its squares that hold tissue.
    public let squares: [SplitSquare]

    private enum CodingKeys: String, CodingKey {
      case file, hash
      case squareEdge = "square_px"
      case squares
    }
  }

  /// A file that went into a case.
  public struct Input: Codable, Equatable, Sendable {
    /// The file's name.
    public let file: String
    /// SHA-256 of the file's size, first and last MiB.
    public let hash: String

    /// Names a file and its hash.
    public init(file: String, hash: String) {
      self.file = file
      self.hash = hash
    }
  }

  /// One pair of sections, or one section and its labels.
  public struct Case: Codable, Equatable, Sendable {
    /// The name that its tiles start with.
    public let name: String
    /// The H&E slide.
    public let fixed: Input
    /// The slide that was warped; nothing beside labels.
    public let moving: Input?
    /// The transform file; nothing beside labels.
    public let transform: Input?
    /// The label picture, where there is one.
    public let labels: Input?
    /// How the registration ended.
    public let status: String
    /// Median residual of the registration, in microns, where it was measured.
    public let medianResidualMicrons: Double?
    /// Tiles whose residual is larger were left out, in microns; nothing beside labels.
    public let maxResidualMicrons: Double?
    /// Pixels that neighbouring tiles share.
    public let overlap: Int
    /// The case's one split, where the data set is divided by case.
    public let split: DatasetSplit?
    /// Tiles written, by split.
    public let kept: [String: Int]
    /// Tiles left out, by reason.
    public let leftOut: LeftOut

    /// Describes a case.
    public init(
      name: String, fixed: Input, moving: Input? = nil, transform: Input? = nil,
      labels: Input? = nil, status: String, medianResidualMicrons: Double? = nil,
      maxResidualMicrons: Double? = nil, overlap: Int,
      split: DatasetSplit?, kept: [String: Int], leftOut: LeftOut
    ) {
      self.name = name
      self.fixed = fixed
      self.moving = moving
      self.transform = transform
      self.labels = labels
      self.status = status
      self.medianResidualMicrons = medianResidualMicrons
      self.maxResidualMicrons = maxResidualMicrons
      self.overlap = overlap
      self.split = split
      self.kept = kept
      self.leftOut = leftOut
    }

    private enum CodingKeys: String, CodingKey {
      case name, fixed, moving, transform, labels, status, overlap, split, kept
      case medianResidualMicrons = "median_residual_um"
      case maxResidualMicrons = "max_residual_um"
      case leftOut = "left_out"
    }

    /// Tiles written to one split.
    public func keptCount(_ split: DatasetSplit) -> Int { kept[split.rawValue, default: 0] }
  }

  /// Tiles that were left out.
  public struct LeftOut: Codable, Equatable, Sendable {
    /// Too little tissue in one of the sections.
    public var background = 0
    /// Beyond the moving slide.
    public var outside = 0
    /// Registered worse than allowed, or nowhere near a block whose registration could be measured.
    public var misregistered = 0
    /// Without a pixel that has a class; nothing where the tiles have no labels.
    public var unlabelled: Int?
    /// With pixels of a damaged tile of a slide; nothing where there are none.
    public var damaged: Int?

    /// Counts nothing yet.
    public init() {}

    /// What messages say.
    public var summary: String {
      let end = damaged.map { ", \($0) on damaged parts" } ?? ""
      if let unlabelled { return "\(background) background, \(unlabelled) without labels\(end)" }
      return "\(background) background, \(outside) outside the moving slide, "
        + "\(misregistered) badly registered\(end)"
    }
  }

  private enum CodingKeys: String, CodingKey {
    case format, version, shares, classes, cases
    case pixelSizeMicrons = "pixel_size_um"
    case tileSize = "tile"
    case splitUnit = "split_by"
    case fixedSlides = "fixed_slides"
  }

  /// Tiles of a split over all cases.
  public func tileCount(_ split: DatasetSplit) -> Int {
    cases.reduce(0) { $0 + $1.keptCount(split) }
  }

  /// Reads the index of a data set.
  ///
  /// - Parameter folder: The data set.
  /// - Returns: The index; nothing where the folder has none.
  /// - Throws: ``StainingError/malformedDataset(path:reason:)``.
  public static func read(folder: String) throws(StainingError) -> DatasetIndex? {
    let url = URL(fileURLWithPath: folder).appendingPathComponent(fileName)
    guard FileManager.default.fileExists(atPath: url.path) else { return nil }
    let index: DatasetIndex
    do {
      index = try JSONDecoder().decode(DatasetIndex.self, from: Data(contentsOf: url))
    } catch {
      throw .malformedDataset(path: folder, reason: "\(fileName) is not as expected")
    }
    guard index.format == formatName, index.version <= currentVersion else {
      throw .malformedDataset(path: folder, reason: "\(fileName) is of another form or version")
    }
    if let problem = index.problem {
      throw .malformedDataset(path: folder, reason: "\(fileName) has \(problem)")
    }
    return index
  }
}
