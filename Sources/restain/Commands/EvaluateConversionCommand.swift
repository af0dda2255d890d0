import CommandLineKit
import Evaluation
import Networks
import Pictures
import Pipeline
import Rasters
import Reporting
import Slides
import Stitching
import Tensors

/// `restain evaluate conversion`: how near a generated slide is to the real one.
enum EvaluateConversionCommand: Command {
  static let real = Option<String>.required("real", .path("HE.tif"), "the real stain")
  static let generated = Option<String>.required(
    "generated", .path("OUT.tif"), "the generated stain")
  static let transform = Option<String?>.optional(
    "transform", .path("T"), "transform file, where the generated slide has its own frame")
  static let mask = Option<String?>.optional(
    "mask", .path("MASK"), "compare where this picture of the real slide is not black")
  static let input = Option<String?>.optional(
    "input", .path("IHC.tif"), "what was converted, to be compared in the same way")
  static let baseline = Option<String?>.optional(
    "baseline", .directory("DATASET"),
    "compare the best colour map of this data set's training tiles too; needs --input")
  static let picture = Option<String?>.optional(
    "picture", .path("OUT.jpg"),
    "draw input, generated and real side by side; all of one frame")
  static let overlap = Option<Int>.value(
    "overlap", .integer("PX", in: 0...128), default: "\(TilePlan.standardOverlap)",
    "overlap of the tiles that the generated slide was made of, for the seam score")
  static let realPixelSize = Option<Double?>.optional(
    "real-pixel-size", .pixelSize, "pixel size of the real slide; wins over what its file says")
  static let generatedPixelSize = Option<Double?>.optional(
    "generated-pixel-size", .pixelSize,
    "pixel size of the generated slide; wins over what its file says")
  static let inputPixelSize = Option<Double?>.optional(
    "input-pixel-size", .pixelSize, "pixel size of the input; wins over what its file says")

  static let inception = Option<String?>.optional(
    "inception", .path("W"),
    "weights that model import --architecture inception-fid wrote: FID, KID and Inception score too"
  )
  static let inceptionResize = Option<InceptionResize>.value(
    "inception-resize", .choice(), default: "pytorch-fid",
    "the published way in which tiles come to the network's size")

  static let description = CommandDescription(
    "evaluate conversion", "compare a generated stain with the real one",
    discussion: """
      Without --transform both slides show the same section and must have equal size and pixel size; \
      with it the generated slide is warped into the frame of the real one, and blocks of 64 pixels that \
      do not lie on it are left out and counted. PSNR and SSIM are taken \
      over the tissue, with the middle 95 % over resampled squares of at most 1 mm. The Fréchet distance is that of the \
      features of a fixed random convolution network on blocks of 64 pixels with tissue: for comparing \
      models on the same slides, not FID and not comparable with it. Beside it stands that of two \
      halves of the real blocks.

      --segmenter compares the classes of tissue that one network sees in both: F1 of each class over \
      pixels, their mean over the classes of the real slide (macro), over all pixels (micro) and weighted \
      by the classes' pixels.

      --inception gives FID, KID and the Inception score of the tiles of 256 pixels of which half shows \
      tissue, FID and KID beside those of two halves of the real tiles. Under 64 tiles there are none \
      unless --force is given, and the status is 3; under 2048, FID lies too high. \
      Figures of the two ways of --inception-resize compare with those of the program of that name only.

      A slide with damaged tiles is compared all the same, with a warning and status 3.
      """,
    options: [
      real.entry, generated.entry, transform.entry, mask.entry, input.entry, baseline.entry,
      picture.entry, overlap.entry, realPixelSize.entry, generatedPixelSize.entry,
      inputPixelSize.entry, inception.entry, inceptionResize.entry,
    ] + SegmenterEvaluation.entries + [
      SharedOptions.force.entry, SharedOptions.json.entry,
    ],
    examples: [
      "evaluate conversion --real truth_HE.tif --generated A12.virtual-HE.tif",
      "evaluate conversion --real HE.svs --generated A12.virtual-HE.tif --transform A12.transform.json",
      "evaluate conversion --real HE.svs --generated A12.virtual-HE.tif --segmenter tissue.safetensors",
    ])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    if context[baseline] != nil, context[input] == nil {
      throw UsageError.conflict(
        subject: "--baseline", problem: "it maps the colours of the input, and none is given",
        advice: "pass --input too")
    }
    if context.isGiven(inceptionResize), context[inception] == nil {
      throw UsageError.conflict(
        subject: "--inception-resize", problem: "it is for the network's tiles, and none is given",
        advice: "pass --inception too")
    }
    if let path = context[picture] {
      guard context[transform] == nil else {
        throw UsageError.conflict(
          subject: "--picture", problem: "the slides are of two frames with --transform",
          advice: "compare with a slide of the same frame")
      }
      try Files.requireFree(path, force: context.isForced)
      let inputs =
        [
          context[real], context[generated], context[mask], context[input], context[inception],
        ] + SegmenterEvaluation.inputs(context)
      for input in inputs.compactMap(\.self) {
        try Files.requireOther(input, output: path, option: "--picture")
      }
    }
    let segmenter = try SegmenterEvaluation(context)
    let frame = try ComparisonFrame(context)
    let classFrame = try segmenter?.frame(frame, context)
    let candidates = try candidates(frame, context)
    let inception = try InceptionMeasure.of(frame, context)
    func quality(_ candidate: Candidate) throws -> ConversionQuality {
      var quality = try measure(candidate, context)
      quality.inception = try inception?.figures(
        of: candidate.inFrame, named: candidate.name)
      if let segmenter, let classFrame {
        quality.segmentation = try segmenter.scores(
          of: candidate.source, pixelSize: candidate.pixelSize, named: candidate.name,
          in: classFrame, context)
      }
      return quality
    }
    var result = ConversionResult(frame: frame)
    result.quality = try quality(candidates.generated)
    if let classFrame { result.ceiling = try segmenter?.ceiling(in: classFrame, context) }
    result.input = try candidates.input.map(quality)
    result.baseline = try candidates.baseline.map(quality)
    result.seams = try seams(frame.generated, context)
    if let path = context[picture] {
      let slides = [context[input], context[generated], context[real]].compactMap { $0 }
      try PictureFile.writeJPEG(try ComparisonPicture.picture(of: slides), path: path)
      context.addOutput(path)
    }
    if context.isJSON {
      try context.emit(json: result)
    } else {
      for line in result.table { context.print(line) }
    }
    let compared = [candidates.generated, candidates.input].compactMap { $0?.slide }
    let read = context.status(reading: [frame.real.slide] + compared)
    // What was asked for and is not there.
    return context[Self.inception] != nil && inception == nil ? .partial : read
  }

  /// A raster that is compared with the real slide.
  private struct Candidate {
    let name: String
    /// What is read.
    let slide: Slide
    /// In the generated slide's own frame.
    let source: any PixelSource
    let pixelSize: PixelSize
    /// In the frame of the real slide.
    let inFrame: any PixelSource
    let comparison: ConversionComparison

    init(
      _ name: String, of slide: Slide, _ source: any PixelSource, _ pixelSize: PixelSize,
      inFrame: any PixelSource, _ frame: ComparisonFrame
    ) throws {
      (self.name, self.slide) = (name, slide)
      (self.source, self.pixelSize, self.inFrame) = (source, pixelSize, inFrame)
      comparison = try frame.comparison(with: inFrame)
    }
  }

  /// What is compared, opened and of fitting size before a network looks at slides for minutes.
  private static func candidates(
    _ frame: ComparisonFrame, _ context: CommandContext
  ) throws -> (generated: Candidate, input: Candidate?, baseline: Candidate?) {
    let generated = try Candidate(
      "generated", of: frame.generated, frame.generated.level0Source, frame.generatedPixelSize,
      inFrame: frame.generatedInFrame(), frame)
    guard let path = context[input] else { return (generated, nil, nil) }
    let slide = try context.openSlide(path, pixelSize: inputPixelSize)
    let source = try slide.source(
      pixelSize: frame.generatedPixelSize.mean, option: "--input-pixel-size")
    func candidate(_ name: String, _ source: any PixelSource, _ size: PixelSize) throws -> Candidate
    {
      try Candidate(
        name, of: slide, source, size, inFrame: frame.inFrame(source, pixelSize: size), frame)
    }
    let input = try candidate("input", source, source.pixelSize)
    let baseline = try context[baseline].map { dataset in
      let mapped = ColorMappedSource(source, map: try ColorBaseline.map(fittedTo: dataset))
      return try candidate("baseline", mapped, source.pixelSize)
    }
    return (generated, input, baseline)
  }

  private static func measure(
    _ candidate: Candidate, _ context: CommandContext
  ) throws -> ConversionQuality {
    let (name, comparison) = (candidate.name, candidate.comparison)
    context.progress.begin("compare \(name)", total: Double(comparison.tileCount), unit: "tiles")
    let quality = try comparison.measured(
      parallelism: Parallelism(threadCount: context.threadCount)
    ) { tileCount in
      try context.checkCancellation()
      context.progress.advance(by: Double(tileCount))
    }
    context.progress.finish()
    return quality
  }

  private static func seams(_ slide: Slide, _ context: CommandContext) throws -> SeamScore {
    let plan = TilePlan(
      width: slide.width, height: slide.height, overlap: context[overlap])
    return try SeamScore.measured(on: slide.level0Source, plan: plan)
  }
}
