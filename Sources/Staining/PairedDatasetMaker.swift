import Foundation
import Pictures
import Rasters
public import Registration
import Reporting
public import Slides
public import Stitching

/// Cuts two registered sections, or a section and its labels, into pairs of tiles and adds them to a data set.
///
/// The left half of a picture (A) is the moving section in the fixed frame, the right half (B) the fixed
/// one; with labels, A is the fixed section and B its labels. Nothing of a case appears in the data set before
/// all of it is written.
public struct PairedDatasetMaker: Sendable {
  /// What the caller chose; nothing takes the data set's own value or the default.
  public struct Options: Sendable {
    /// The name that tiles start with.
    public var caseName: String
    /// Edge of a tile, in pixels.
    public var tileSize: Int?
    /// Pixels shared by neighbours, 0…tileSize / 2; 64 unless given, but a quarter of a smaller tile.
    public var overlap: Int?
    /// Microns a pixel.
    public var pixelSizeMicrons: Double?
    /// Shares of the splits.
    public var shares: SplitShares?
    /// What the tiles are divided by.
    public var splitUnit: SplitUnit?
    /// Largest residual, in microns; the larger of 10 µm and 8 pixels unless given.
    public var maxResidualMicrons: Double?
    /// Replaces a case of the same name and uses registrations that need review.
    public var isForced = false

    /// Takes the defaults for a case.
    public init(caseName: String) { self.caseName = caseName }
  }

  /// What a case is made from.
  public struct Sections: Sendable {
    /// The H&E slide.
    public let fixed: Slide
    /// The slide that is warped.
    public let moving: Slide
    /// Maps fixed to moving points.
    public let transform: SectionTransform
    /// The transform's file.
    public let transformPath: String

    /// Names what a case is made from.
    public init(fixed: Slide, moving: Slide, transform: SectionTransform, transformPath: String) {
      self.fixed = fixed
      self.moving = moving
      self.transform = transform
      self.transformPath = transformPath
    }
  }

  /// The share of a tile's blocks that has to be tissue, in both sections.
  public static let leastTissueShare = 0.25
  /// The finest default pixel size, in microns.
  public static let finestDefaultMicrons = 0.5

  let folder: String
  let options: Options
  let forEach: ForEach

  /// Makes a maker.
  ///
  /// - Parameters:
  ///   - folder: The data set; made if it is not there.
  ///   - options: What the caller chose.
  ///   - forEach: Runs independent work.
  public init(folder: String, options: Options, forEach: @escaping ForEach) {
    self.folder = folder
    self.options = options
    self.forEach = forEach
  }

  /// Cuts, checks and adds a case; nobody else adds one to the data set meanwhile.
  ///
  /// - Parameters:
  ///   - sections: The pair.
  ///   - progress: Called with tiles looked at and tiles in all; throws to stop.
  /// - Returns: The index after the call and the case that was added.
  /// - Throws: ``StainingError``, `FolderLockError.held` where another process adds a case, what the slides
  ///   throw, and what `progress` throws.
  public func add(
    _ sections: Sections, progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> (index: DatasetIndex, added: DatasetIndex.Case) {
    let transform = sections.transform
    return try added(
      fixed: sections.fixed, progress: progress,
      index: {
        guard transform.status == .ok || options.isForced else {
          throw StainingError.needsReview(
            path: sections.transformPath, reasons: transform.reasons.map(\.rawValue))
        }
        return try openIndex(classes: nil) {
          [
            try sections.fixed.requirePixelSize(option: "--fixed-pixel-size").mean,
            try sections.moving.requirePixelSize(option: "--moving-pixel-size").mean,
          ]
        }
      },
      source: { index in
        try PairedSections(
          sections, pixelSizeMicrons: index.pixelSizeMicrons,
          maxResidualMicrons: maxResidualMicrons(index), forEach: forEach)
      },
      describe: { cut in
        DatasetIndex.Case(
          name: options.caseName, fixed: cut.fixed,
          moving: try Self.input(sections.moving.path),
          transform: try Self.input(sections.transformPath), status: transform.status.rawValue,
          medianResidualMicrons: transform.residuals?.median,
          maxResidualMicrons: maxResidualMicrons(cut.index), overlap: cut.overlap,
          split: cut.split, kept: cut.kept, leftOut: cut.leftOut)
      })
  }

  private func maxResidualMicrons(_ index: DatasetIndex) -> Double {
    options.maxResidualMicrons ?? max(10, 8 * index.pixelSizeMicrons)
  }

  /// What cutting a case came to.
  struct Cut {
    let index: DatasetIndex
    let fixed: DatasetIndex.Input
    let overlap: Int
    let split: DatasetSplit?
    let kept: [String: Int]
    let leftOut: DatasetIndex.LeftOut
  }

  /// Cuts and adds a case of either kind while the data set is locked.
  ///
  /// `index` gives the data set's index or a new one, `source` what tiles are cut from, `describe` the case.
  func added(
    fixed: Slide, progress: (_ done: Int, _ total: Int) throws -> Void,
    index openIndex: () throws -> DatasetIndex,
    source: (DatasetIndex) throws -> any TileSource,
    describe: (Cut) throws -> DatasetIndex.Case
  ) throws -> (index: DatasetIndex, added: DatasetIndex.Case) {
    try checkName()
    try DurableFile.makeFolder(folder)
    return try FolderLock(path: folder).whileHeld {
      var index = try openIndex()
      let overlap = try overlap(tileSize: index.tileSize)
      let previous = index.cases.first { $0.name == options.caseName }
      guard previous == nil || options.isForced else {
        throw StainingError.caseExists(path: folder, name: options.caseName)
      }
      index.cases.removeAll { $0.name == options.caseName }
      let staging = URL(fileURLWithPath: folder).appendingPathComponent(
        ".\(options.caseName).partial")
      if previous == nil { try clearOrphans(staging: staging) }
      try? FileManager.default.removeItem(at: staging)  // Left by a run that was killed.
      let fixedInput = try Self.input(fixed.path)
      let source = try source(index)
      let squares = try squares(
        for: fixedInput, source: source, fixed: fixed, previous: previous, index: &index)
      let cutter = TileCutter(
        source: source, caseName: options.caseName, tileSize: index.tileSize, overlap: overlap,
        forEach: forEach)
      var isPublishing = false
      // Worthless by now; but beside tiles that no index counts yet it tells whose they are.
      defer { if !isPublishing { try? FileManager.default.removeItem(at: staging) } }
      let cut = try cutter.cut(squares, into: staging.path, progress: progress)
      let added = try describe(
        Cut(
          index: index, fixed: fixedInput, overlap: overlap,
          split: index.splitUnit == .case ? squares.first?.split : nil, kept: cut.kept,
          leftOut: cut.leftOut))
      index.cases.append(added)
      try requireTiles(in: index, added: added)
      isPublishing = true
      try publish(staging: staging, index: index)
      isPublishing = false
      return (index, added)
    }
  }

  // MARK: - The index

  private func checkName() throws(StainingError) {
    let isUsable =
      !options.caseName.isEmpty && options.caseName.count <= 100 && !options.caseName.hasPrefix(".")
      && options.caseName.unicodeScalars.allSatisfy {
        CharacterSet.alphanumerics.contains($0) || ".-_ +&()".unicodeScalars.contains($0)
      }
    guard isUsable else { throw .unusableCaseName(name: options.caseName) }
  }

  /// The data set's index, or that of a new one; choices that differ from a data set's own are refused.
  ///
  /// - Parameters:
  ///   - classes: The classes of a new data set of labels; nothing for one of stains.
  ///   - pixelSizes: Those of the slides, in microns; asked for a new data set alone.
  /// - Returns: The index, without the case.
  /// - Throws: ``StainingError``, or what `pixelSizes` throws.
  func openIndex(
    classes: [LabelClass]?, pixelSizes: () throws -> [Double]
  ) throws -> DatasetIndex {
    guard let index = try DatasetIndex.read(folder: folder) else {
      let own = try pixelSizes()
      return DatasetIndex(
        pixelSizeMicrons: options.pixelSizeMicrons
          ?? own.reduce(Self.finestDefaultMicrons, max),
        tileSize: options.tileSize ?? TilePlan.standardTileSize,
        splitUnit: options.splitUnit ?? .square, shares: options.shares ?? .standard,
        classes: classes)
    }
    try index.requireKind(hasLabels: classes != nil, folder: folder)
    func requireSame<Value: Equatable>(_ given: Value?, _ own: Value, _ name: String) throws {
      guard let given, given != own else { return }
      throw StainingError.datasetConflict(
        path: folder, problem: "was made with another \(name)",
        advice: "leave --\(name) out or make a new data set")
    }
    try requireSame(options.pixelSizeMicrons, index.pixelSizeMicrons, "pixel-size")
    try requireSame(options.tileSize, index.tileSize, "tile")
    try requireSame(options.splitUnit, index.splitUnit, "split-by")
    try requireSame(options.shares, index.shares, "split")
    if let coarsest = try pixelSizes().max(), !options.isForced,
      coarsest > ConversionOptions.coarsestFactor * index.pixelSizeMicrons
    {
      throw StainingError.datasetConflict(
        path: folder,
        problem: "has \(HumanText.fixed(index.pixelSizeMicrons, decimals: 2)) µm a pixel, "
          + "the slides have \(HumanText.fixed(coarsest, decimals: 2))",
        advice: "make a new data set, or pass --force to enlarge them")
    }
    return index
  }

  /// Pixels that the tiles of a data set share in this case.
  private func overlap(tileSize: Int) throws(StainingError) -> Int {
    let overlap = options.overlap ?? min(TilePlan.standardOverlap, tileSize / 4)
    guard 2 * overlap <= tileSize else {
      throw .unusableOverlap(overlap: overlap, tileSize: tileSize)
    }
    return overlap
  }

  private func requireTiles(
    in index: DatasetIndex, added: DatasetIndex.Case
  ) throws(StainingError) {
    let wanted: [DatasetSplit] =
      index.splitUnit == .square
      ? DatasetSplit.allCases.filter { index.shares[$0] > 0 } : [added.split ?? .train]
    for split in wanted where index.tileCount(split) == 0 {
      throw .emptySplit(path: folder, split: split.rawValue, leftOut: added.leftOut.summary)
    }
  }

  static func input(_ path: String) throws -> DatasetIndex.Input {
    DatasetIndex.Input(
      file: URL(fileURLWithPath: path).lastPathComponent,
      hash: try SlideFiles.hash(of: path))
  }
}
