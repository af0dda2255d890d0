import Foundation
import Rasters
public import Registration
public import Reporting
public import Slides

/// A folder of serial sections registered to one of them, with everything that is written about it.
public struct SeriesRegistration: Sendable {
  /// A slide of the folder, or why it is none.
  public struct Entry: Sendable {
    /// The file's name.
    public let name: String
    /// The opened slide, with a pixel size, or what is wrong with it.
    public let slide: Result<Slide, any Error>

    /// Gathers both.
    public init(name: String, slide: Result<Slide, any Error>) {
      self.name = name
      self.slide = slide
    }
  }

  /// What became of one section: a row of the table, an object of the result.
  public struct Row: Encodable, Sendable {
    /// The file's name.
    public let section: String
    /// The section that it was registered to on the way to the reference.
    public var neighbour: String?
    /// `reference`, `ok`, `needs-review` or `failed`.
    public var status: String
    /// Reason codes.
    public var reasons: [String] = []
    /// Whether the map by way of the neighbour was kept.
    public var isChained: Bool?
    /// What the registration says, missing where there was none.
    public var report: RegistrationReport?
    /// The transform's path.
    public var transform: String?
    /// Why it failed.
    public var message: String?

    private enum CodingKeys: String, CodingKey {
      case section, neighbour, status, reasons, report, transform, message
      case isChained = "chained"
    }

    static let columns = [
      "section", "neighbour", "status", "reasons", "chained", "rotation_deg", "scale", "mirrored",
      "confidence", "mask_dice", "block_residual_um", "min_jacobian", "max_displacement_um",
      "chosen",
      "seconds", "message",
    ]

    var fields: [String] {
      let numbers = report.map { report in
        [
          FigureText.plain(report.rotationDegrees), FigureText.plain(report.scale),
          String(report.mirrored), FigureText.plain(report.confidence),
          FigureText.plain(report.maskDice),
          report.blockResidualMicrons.map(FigureText.plain) ?? "",
          FigureText.plain(report.minJacobian), FigureText.plain(report.maxDisplacementMicrons),
          report.chosen.rawValue, FigureText.plain(report.seconds),
        ]
      }
      return [
        section, neighbour ?? "", status, reasons.joined(separator: " "),
        isChained.map { String($0) } ?? "",
      ] + (numbers ?? [String](repeating: "", count: 10)) + [message ?? ""]
    }
  }

  private let entries: [Entry]
  private let reference: Int
  private let options: RegistrationOptions
  private let finestPixelSize: Double
  private let time: any TimeSource

  /// Prepares a series.
  ///
  /// - Parameters:
  ///   - entries: The folder's slides.
  ///   - reference: The index of the slide that stays; it could be opened.
  ///   - options: How pairs are registered.
  ///   - finestPixelSize: Where it is below the working pixel size, each map is bent further, as that of a pair is.
  ///   - time: The clock that `seconds` is read from.
  public init(
    entries: [Entry], reference: Int, options: RegistrationOptions,
    finestPixelSize: Double = RegistrationOptions.workingPixelSize, time: any TimeSource
  ) {
    self.entries = entries
    self.reference = reference
    self.options = options
    self.finestPixelSize = finestPixelSize
    self.time = time
  }

  /// The table's path.
  public static func summaryPath(in folder: String) -> String {
    URL(fileURLWithPath: folder).appendingPathComponent("summary.csv").path
  }

  /// Every path that ``run(to:order:beforeEachStep:finished:)`` may write.
  public func paths(in folder: String) -> [String] {
    entries.indices.filter { $0 != reference }.flatMap {
      PairRegistration.paths(in: folder, stem: FileNames.stem(entries[$0].name))
    } + [Self.summaryPath(in: folder)]
  }

  /// Registers the series and writes transforms, overlays, reports and the table.
  ///
  /// - Parameters:
  ///   - folder: Where to; it exists.
  ///   - order: Indices of the entries as the block was cut; found where nil.
  ///   - beforeEachStep: Called often; throws to stop. The table is written last.
  ///   - finished: Called with each row.
  /// - Returns: A row for each entry, the reference first.
  /// - Throws: What reading the reference, writing or `beforeEachStep` throws.
  public func run(
    to folder: String, order: [Int]?, beforeEachStep: @Sendable () throws -> Void,
    finished: (Row) -> Void
  ) throws -> [Row] {
    var rows = [Row(section: entries[reference].name, status: "reference")]
    finished(rows[0])
    var images: [SectionImage] = []
    var indices: [Int] = []
    for index in entries.indices {
      do {
        images.append(
          try PairRegistration.image(
            try entries[index].slide.get(), option: "--slide-pixel-size",
            pixelSize: RegistrationOptions.workingPixelSize, threadCount: options.threadCount,
            beforeEachStep))
        indices.append(index)
      } catch let error as SlideError where index != reference {
        rows.append(
          Row(section: entries[index].name, status: "failed", message: error.description))
        finished(rows[rows.count - 1])
      }
    }
    guard let place = indices.firstIndex(of: reference) else { return rows }
    let series = SectionSeries(sections: images, reference: place, options: options)
    let plan: [(section: Int, neighbours: [Int])]
    if let order {
      plan = series.chain(order: order.compactMap { indices.firstIndex(of: $0) })
    } else {
      plan = try series.tree(beforeEachPair: beforeEachStep)
    }
    var start = time.seconds
    func fine(_ section: Int) throws -> FineSections {
      func slide(_ member: Int) throws -> (Slide, SectionFrame) {
        (try entries[indices[member]].slide.get(), images[member].frame)
      }
      return PairRegistration.fineSections(
        fixed: try slide(place), moving: try slide(section), finestPixelSize: finestPixelSize)
    }
    _ = try series.members(plan: plan, fine: fine) { member in
      try beforeEachStep()
      var result = member.result
      result.report.seconds = time.seconds - start
      result.report.peakMebibytes = Double(ProcessMemory.peakBytes() ?? 0) / 1_048_576
      start = time.seconds
      let name = entries[indices[member.section]].name
      let stem = FileNames.stem(name)
      let overlay = RegistrationOverlay.picture(
        fixed: images[place], moving: images[member.section], result: result,
        threadCount: options.threadCount)
      try PairRegistration.write(result, overlay: overlay, to: folder, stem: stem)
      rows.append(
        Row(
          section: name, neighbour: entries[indices[member.neighbour]].name,
          status: result.report.status.rawValue, reasons: result.report.reasons.map(\.rawValue),
          isChained: member.isChained, report: result.report,
          transform: PairRegistration.paths(in: folder, stem: stem)[0]))
      finished(rows[rows.count - 1])
    }
    let lines = [Row.columns] + rows.map(\.fields)
    let text = lines.map { $0.map(CaseSummary.quoted).joined(separator: ",") + "\n" }.joined()
    try DurableFile.write(Data(text.utf8), to: Self.summaryPath(in: folder))
    return rows
  }
}
