import CommandLineKit
import Evaluation
import Networks
import Rasters
import Registration
import Reporting
import Slides
import Staining

/// What `evaluate conversion --segmenter` adds: how alike one segmenter reads the slides.
struct SegmenterEvaluation {
  static let model = Option<String?>.optional(
    "segmenter", .path("M"),
    "model of train segmenter: compare the classes of tissue that it sees in both, as F1")
  static let labels = Option<String?>.optional(
    "labels", .path("MAP"),
    "classes that somebody drew on the whole real slide: the segmenter's own F1 on it, a ceiling; needs "
      + "--segmenter")
  static let classes = Option<String?>.optional(
    "classes", .path("FILE"),
    "names and colours of the labels, or a phantom's truth.json; the segmenter's colours if not given"
  )

  static let entries = [model.entry, labels.entry, classes.entry]

  /// The files that the options name, where they are given.
  static func inputs(_ context: CommandContext) -> [String?] {
    [context[model], context[labels], context[classes]]
  }

  private let segmenter: SlideSegmenter
  private let modelPath: String
  private let classes: [LabelClass]
  private let pixelSizeMicrons: Double
  private let labels: LabelMap?
  private let drawn: [LabelClass]

  /// Reads what the options name; nothing without `--segmenter`.
  init?(_ context: CommandContext) throws {
    for (option, needed, isThere) in [
      ("--labels", "--segmenter", context[Self.labels] == nil || context[Self.model] != nil),
      ("--classes", "--labels", context[Self.classes] == nil || context[Self.labels] != nil),
    ] where !isThere {
      throw UsageError.conflict(
        subject: option, problem: "it means nothing alone", advice: "pass \(needed) too")
    }
    guard let path = context[Self.model] else { return nil }
    modelPath = path
    let stored = try StainModel(path: path)
    let (network, classes) = try stored.segmenter(path: path)
    let compute = try context.computeContext()
    segmenter = SlideSegmenter(
      predictor: network.prepared(context: compute), names: classes.map(\.name), context: compute)
    self.classes = classes
    pixelSizeMicrons = stored.card.pixelSizeMicrons
    drawn = try context[Self.classes].map { try LabelClasses.read(path: $0).learned } ?? classes
    guard let place = context[Self.labels] else {
      labels = nil
      return
    }
    try Files.requireInput(place)
    labels = try LabelMap(path: place)
    let names = classes.map(\.name)
    guard drawn.contains(where: { names.contains($0.name) }) else {
      throw StainingError.unusableLabels(
        path: context[Self.classes] ?? place,
        problem: "names none of the segmenter's classes (\(names.joined(separator: ", ")))",
        advice: "name them alike")
    }
  }

  /// The frame of the comparison at the segmenter's pixel size.
  func frame(_ frame: ComparisonFrame, _ context: CommandContext) throws -> SegmenterFrame {
    for (slide, size) in [
      (frame.real.slide, frame.realPixelSize), (frame.generated, frame.generatedPixelSize),
    ] where size.mean > 1.1 * pixelSizeMicrons && !context.isForced {
      throw StainingError.tooCoarse(
        path: slide.path, slideMicrons: size.mean, modelMicrons: pixelSizeMicrons)
    }
    try labels?.requireExtent(of: frame.real.slide, pixelSize: frame.realPixelSize)
    return try SegmenterFrame(frame, microns: pixelSizeMicrons, context)
  }

  /// F1 of a raster in the generated slide's own frame against the real slide.
  func scores(
    of source: any PixelSource, pixelSize: PixelSize, named name: String, in frame: SegmenterFrame,
    _ context: CommandContext
  ) throws -> SegmentationScores {
    let comparison = try frame.comparison(with: frame.fitted(source, pixelSize: pixelSize))
    return try withProgress("segment \(name)", comparison, context) {
      try comparison.classScores(by: segmenter, progress: $0)
    }
  }

  /// F1 of the real slide against the labels; nothing without `--labels`.
  func ceiling(
    in frame: SegmenterFrame, _ context: CommandContext
  ) throws -> SegmentationScores? {
    guard let labels else { return nil }
    let map = labels.source(width: frame.real.width, height: frame.real.height)
    let lookup = LabelLookup(drawn)
    let names = classes.map(\.name)
    // A class that the segmenter does not know is no truth to hold it to.
    let numbers = drawn.map { entry in names.firstIndex(of: entry.name).map { UInt8($0) } }
    let comparison = try frame.comparison(with: frame.real)
    do {
      return try withProgress("segment real", comparison, context) { progress in
        try comparison.ceilingScores(
          of: segmenter,
          labels: { region in
            lookup.labels(of: try map.read(region)).map {
              $0 == LabelLookup.unlabelled ? nil : numbers[Int($0)]
            }
          }, progress: progress)
      }
    } catch EvaluationError.nothingToCompare {
      throw StainingError.unusableLabels(
        path: labels.path, problem: "shows no class of the segmenter where there is tissue",
        advice: "name its classes with --classes, as model info does")
    }
  }

  private func withProgress<Result>(
    _ name: String, _ comparison: ConversionComparison, _ context: CommandContext,
    _ body: ((Int) throws -> Void) throws -> Result
  ) throws -> Result {
    context.progress.begin(name, total: Double(comparison.tileCount), unit: "tiles")
    defer { context.progress.finish() }
    do {
      return try body { tileCount in
        try context.checkCancellation()
        context.progress.advance(by: Double(tileCount))
      }
    } catch NetworkError.notFinite {
      throw StainingError.malformedModel(
        path: modelPath, reason: "it gives numbers that are not finite")
    }
  }
}

/// The slides of a comparison at a segmenter's pixel size, in the frame of the real one.
struct SegmenterFrame {
  let real: any PixelSource
  private let pixelSize: PixelSize
  private let mask: (any PixelSource)?
  private let frame: ComparisonFrame

  init(_ frame: ComparisonFrame, microns: Double, _ context: CommandContext) throws {
    self.frame = frame
    let realSlide = frame.real.slide
    if frame.transform != nil {
      let source = try realSlide.source(pixelSize: microns)
      (real, pixelSize) = (source, source.pixelSize)
    } else {
      // Both slides are made from their finest level alike: equal slides stay equal.
      let own = frame.realPixelSize
      let isSame =
        max(abs(own.x / microns - 1), abs(own.y / microns - 1)) <= ComparisonFrame.equalTolerance
      pixelSize = isSame ? own : PixelSize(microns)
      real =
        isSame
        ? realSlide.level0Source
        : Self.resampled(
          realSlide.level0Source,
          width: Int((Double(realSlide.width) * own.x / microns).rounded()),
          height: Int((Double(realSlide.height) * own.y / microns).rounded()))
    }
    mask = try context[EvaluateConversionCommand.mask].map { [real] path in
      try ComparisonFrame.mask(path, width: real.width, height: real.height)
    }
  }

  /// A raster in the generated slide's own frame as it lies over the real one.
  func fitted(_ source: any PixelSource, pixelSize own: PixelSize) -> any PixelSource {
    guard let transform = frame.transform else {
      return Self.resampled(source, width: real.width, height: real.height)
    }
    let isFiner = pixelSize.x / own.x > 1 + ComparisonFrame.equalTolerance
    let size = isFiner ? pixelSize : own
    let raster =
      isFiner
      ? Self.resampled(
        source, width: Int((Double(source.width) * own.x / size.x).rounded()),
        height: Int((Double(source.height) * own.y / size.y).rounded())) : source
    return WarpedSource(
      raster, movingPixelSize: size, transform: transform, pixelSize: pixelSize,
      width: real.width, height: real.height)
  }

  /// What is compared, with the rule for tissue and places not imaged that the other figures have.
  func comparison(with generated: any PixelSource) throws -> ConversionComparison {
    try ConversionComparison(
      real: real, generated: generated, pixelSize: pixelSize, mask: mask,
      fillings: frame.fillings, isImaged: frame.isImaged(pixelSize: pixelSize))
  }

  private static func resampled(
    _ source: any PixelSource, width: Int, height: Int
  ) -> any PixelSource {
    guard source.width != width || source.height != height else { return source }
    let (columns, rows) = (max(1, width), max(1, height))
    return ResampledSource(
      source,
      ratio: (Double(source.width) / Double(columns), Double(source.height) / Double(rows)),
      width: columns, height: rows)
  }
}
