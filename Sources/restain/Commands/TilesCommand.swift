import CommandLineKit
import Foundation
import Registration
import Reporting
import Settings
import Staining
import Tensors

/// `restain tiles --fixed HE --moving IHC --transform T -o DATASET`: registered pairs of tiles, or, with
/// `--labels MAP`, tiles and their labels.
enum TilesCommand: Command {
  static let fixed = Option<String>.required("fixed", .path("HE"), "the H&E slide, which stays")
  static let moving = Option<String?>.optional("moving", .path("IHC"), "the slide that is warped")
  static let transform = Option<String?>.optional(
    "transform", .path("T"), "transform that register wrote")
  static let labels = Option<String?>.optional(
    "labels", .path("MAP"),
    "in place of --moving and --transform: a picture of the whole fixed slide whose colours are classes"
  )
  static let classes = Option<String?>.optional(
    "classes", .path("FILE"),
    "names and colours of the classes, or a phantom's truth.json; each colour of the labels if not given"
  )
  static let output = Option<String>.required(
    "output", short: "o", .directory("DATASET"), "data set to make or to add to")
  static let caseName = Option<String?>.optional(
    "case", .text("NAME"),
    "name of the case; from the moving, or the labelled, slide's name if not given")
  static let tile = Option<Int?>.optional(
    "tile", .integer("PX", in: DatasetIndex.tileSizes), "edge of a tile; 256, or the data set's own"
  )
  static let overlap = Option<Int?>.optional(
    "overlap", .integer("PX", in: 0...2048),
    "pixels that neighbouring tiles share inside a square; 64, but a quarter of a smaller tile")
  static let pixelSize = Option<Double?>.optional(
    "pixel-size", .pixelSize,
    "pixel size of the tiles; the coarsest of 0.5 and the slides', or the data set's own")
  static let split = Option<[Double]?>.optional(
    "split", .numbers("TRAIN,VAL,TEST", count: 3), "shares; 0.8,0.1,0.1, or the data set's own")
  static let splitBy = Option<SplitUnit?>.optional(
    "split-by", .choice(), "what is never divided; square, or the data set's own")
  static let maxResidual = Option<Double?>.optional(
    "max-residual", .number("UM", in: 0...10_000),
    "leave out tiles registered worse; the larger of 10 µm and 8 px")

  static let description = CommandDescription(
    "tiles", "cut two registered sections, or one and its labels, into pairs of training tiles",
    discussion: """
      Writes DATASET/{train,val,test}/CASE_X_Y.png, the moving section on the left and the fixed one \
      on the right, and dataset.json. A further call adds its case. Tiles are divided by squares of \
      the fixed slide of 1 mm, smaller where that gives fewer than ten, never by tile. Tiles without \
      tissue, beyond the moving slide, badly registered or on damaged parts of a slide are left out and \
      counted. With --labels the fixed section is on the left and the labels, read without mixing \
      colours, on the right, for train segmenter; FILE is a JSON array such as \
      [{"name": "stroma", "color": [240, 150, 190]}]. Colours of no class, and classes named ignore or \
      unlabelled, are not learnt. A slide with damaged tiles gives a warning and status 3.
      """,
    options: [
      fixed.entry, moving.entry, transform.entry, labels.entry, classes.entry, output.entry,
      caseName.entry, tile.entry,
      overlap.entry, pixelSize.entry, split.entry, splitBy.entry, maxResidual.entry,
      SharedOptions.fixedPixelSize.entry, SharedOptions.movingPixelSize.entry,
      SharedOptions.force.entry, SharedOptions.json.entry,
    ],
    examples: [
      "tiles --fixed A_HE.svs --moving A_Ki67.svs --transform A_Ki67.transform.json -o tiles",
      "tiles --fixed A_HE.svs --labels A_labels.png --classes classes.json -o labelled",
    ])

  private struct Result: Encodable {
    let dataset: String
    let added: DatasetIndex.Case
    let tiles: [String: Int]
    let pixelSizeMicrons: Double

    private enum CodingKeys: String, CodingKey {
      case dataset, tiles
      case added = "case"
      case pixelSizeMicrons = "pixel_size_um"
    }
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let options = try options(context)
    let inputs = try TileInputs(context)
    let parallelism = try context.computeContext().parallelism
    let folder = context[output]
    try Files.makeFolder(folder)
    let maker = PairedDatasetMaker(
      folder: folder, options: options,
      forEach: { count, body in parallelism.forEach(count: count, body) })
    var isBegun = false
    let (index, added) = try inputs.add(with: maker) { done, total in
      try context.checkCancellation()
      if !isBegun { context.progress.begin("tiles", total: Double(total), unit: "tiles") }
      isBegun = true
      context.progress.advance(to: Double(done))
    }
    context.progress.finish()
    context.addOutput(folder)
    let counts = Dictionary(
      uniqueKeysWithValues: DatasetSplit.allCases.map { ($0.rawValue, index.tileCount($0)) })
    if context.isJSON {
      try context.emit(
        json: Result(
          dataset: folder, added: added, tiles: counts, pixelSizeMicrons: index.pixelSizeMicrons))
    } else {
      report(folder, added, counts, context)
    }
    return context.status(reading: inputs.slides)
  }

  private static func options(_ context: CommandContext) throws -> PairedDatasetMaker.Options {
    var options = PairedDatasetMaker.Options(caseName: try caseName(context))
    options.tileSize = context[tile]
    options.overlap = context[overlap]
    options.pixelSizeMicrons = context[pixelSize]
    if let shares = context[split] {
      guard SplitShares.areValid(shares) else {
        throw UsageError.conflict(
          subject: "--split", problem: "the shares do not sum to 1 or leave none for training",
          advice: "pass three shares such as 0.8,0.1,0.1")
      }
      options.shares = SplitShares(shares)
    }
    options.splitUnit = context[splitBy]
    options.maxResidualMicrons = context[maxResidual]
    options.isForced = context.isForced
    return options
  }

  /// `--case`, else the block in the name of the moving slide, or of the labelled one, else its folder, else
  /// its stem.
  private static func caseName(_ context: CommandContext) throws -> String {
    if let name = context[caseName] { return name }
    let url = URL(fileURLWithPath: context[moving] ?? context[fixed]).standardizedFileURL
    let stem = url.deletingPathExtension().lastPathComponent
    let configuration = try Configurations.configuration(context)
    if let parts = configuration.namePattern?.parts(ofStem: stem) { return parts.block }
    let folder = url.deletingLastPathComponent().lastPathComponent
    return folder.isEmpty || folder == "/" ? stem : folder
  }

  private static func report(
    _ folder: String, _ added: DatasetIndex.Case, _ counts: [String: Int],
    _ context: CommandContext
  ) {
    let kept = DatasetSplit.allCases.map { "\(added.keptCount($0)) \($0.rawValue)" }
    context.print("\(folder)  case \(added.name): \(kept.joined(separator: ", "))")
    context.print("left out: \(added.leftOut.summary)")
    let all = DatasetSplit.allCases.map { "\(counts[$0.rawValue, default: 0]) \($0.rawValue)" }
    context.print("in all: \(all.joined(separator: ", "))")
  }
}
