import Rasters
public import Slides
import Stitching

extension PairedDatasetMaker {
  /// What a case of labels is made from.
  public struct Labelled: Sendable {
    /// The H&E slide.
    public let fixed: Slide
    /// Its labels.
    public let labels: LabelMap
    /// The classes; the data set's own, or one for each colour of the picture, where nothing is given.
    public let classes: [LabelClass]?

    /// Names what a case is made from.
    public init(fixed: Slide, labels: LabelMap, classes: [LabelClass]?) {
      self.fixed = fixed
      self.labels = labels
      self.classes = classes
    }
  }

  /// Cuts and adds a case of labels; nobody else adds one to the data set meanwhile.
  ///
  /// The squares are those of the H&E slide, as for pairs of sections.
  ///
  /// - Parameters:
  ///   - labelled: The slide and its labels.
  ///   - progress: Called with tiles looked at and tiles in all; throws to stop.
  /// - Returns: The index after the call and the case that was added.
  /// - Throws: As ``add(_:progress:)`` for sections.
  public func add(
    _ labelled: Labelled, progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> (index: DatasetIndex, added: DatasetIndex.Case) {
    let pixelSize = try labelled.fixed.requirePixelSize(option: "--fixed-pixel-size")
    try labelled.labels.requireExtent(of: labelled.fixed, pixelSize: pixelSize)
    return try added(
      fixed: labelled.fixed, progress: progress,
      index: {
        let own = try DatasetIndex.read(folder: folder)
        try own?.requireKind(hasLabels: true, folder: folder)
        if let own = own?.classes, let given = labelled.classes, given != own {
          throw StainingError.datasetConflict(
            path: folder, problem: "was made with other classes",
            advice: "leave --classes out or make a new data set")
        }
        let classes =
          try labelled.classes ?? own?.classes ?? labelled.labels.classesByColor()
        return try openIndex(classes: classes) { [pixelSize.mean] }
      },
      source: { index in
        try LabelledSection(
          labelled, classes: index.classes ?? [], pixelSizeMicrons: index.pixelSizeMicrons,
          forEach: forEach)
      },
      describe: { cut in
        var leftOut = cut.leftOut
        leftOut.unlabelled = leftOut.unlabelled ?? 0
        guard !cut.kept.isEmpty || leftOut.unlabelled == 0 else {
          throw StainingError.unusableLabels(
            path: labelled.labels.path, problem: "shows no class where there is tissue",
            advice: "check the colours of --classes")
        }
        return DatasetIndex.Case(
          name: options.caseName, fixed: cut.fixed,
          labels: try Self.input(labelled.labels.path), status: "ok", overlap: cut.overlap,
          split: cut.split, kept: cut.kept, leftOut: leftOut)
      })
  }
}

/// A section and its labels at the data set's pixel size.
struct LabelledSection: TileSource {
  let fixed: SlideSource
  let fixedFillings: [RGBColor]
  private let labels: any PixelSource
  private let lookup: LabelLookup
  private let detector: TissueDetector

  init(
    _ labelled: PairedDatasetMaker.Labelled, classes: [LabelClass], pixelSizeMicrons: Double,
    forEach: ForEach
  ) throws {
    fixed = try labelled.fixed.source(
      pixelSize: pixelSizeMicrons, option: "--fixed-pixel-size")
    labels = labelled.labels.source(width: fixed.width, height: fixed.height)
    lookup = LabelLookup(classes.learned)
    fixedFillings = try labelled.fixed.fillings(option: "--fixed-pixel-size", forEach: forEach)
    detector = try TissueDetector(sampling: fixed, fillings: fixedFillings)
  }

  func look(at tile: PixelRegion) throws -> TileOutcome {
    let picture = try fixed.read(tile)
    guard detector.tissueShare(of: picture) >= PairedDatasetMaker.leastTissueShare else {
      return .background
    }
    let colors = try labels.read(tile)
    guard lookup.labels(of: colors).contains(where: { $0 != LabelLookup.unlabelled }) else {
      return .unlabelled
    }
    return .kept(left: picture, right: colors)
  }

  func isDamaged(_ tile: PixelRegion) -> Bool { fixed.isDamaged(in: tile) }
}

extension DatasetIndex {
  /// Throws unless the right halves of the tiles are labels, or a stain, as they have to be.
  ///
  /// - Parameters:
  ///   - hasLabels: Whether labels are wanted.
  ///   - folder: What messages call the data set.
  /// - Throws: ``StainingError/datasetConflict(path:problem:advice:)``.
  public func requireKind(hasLabels: Bool, folder: String) throws(StainingError) {
    try Self.requireKind(of: classes, hasLabels: hasLabels, folder: folder)
  }

  /// The same for the classes of a data set, or none.
  static func requireKind(
    of classes: [LabelClass]?, hasLabels: Bool, folder: String
  ) throws(StainingError) {
    guard hasLabels != (classes != nil) else { return }
    throw hasLabels
      ? .datasetConflict(
        path: folder, problem: "holds pairs of stains, no labels",
        advice: "name a data set that tiles --labels made")
      : .datasetConflict(
        path: folder, problem: "holds labels, no pairs of stains",
        advice: "name a data set that tiles --moving made")
  }
}
