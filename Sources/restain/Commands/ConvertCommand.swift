import CommandLineKit
import Foundation
import Networks
import Pictures
import Pipeline
import Pyramids
import Rasters
import Reporting
import Staining
import Slides
import Stitching
import Tensors

/// `restain convert SLIDE --model M -o OUT.tif`: a virtual stain of a whole slide.
enum ConvertCommand: Command {
  static let model = Option<String>.required(
    "model", .path("M"), "model that train or model import wrote")
  static let output = Option<String>.required(
    "output", short: "o", .path("OUT.tif"), "pyramid to write")
  static let overlap = Option<Int>.value(
    "overlap", .integer("PX", in: 0...TilePlan.standardTileSize / 2), default: "64",
    "pixels that neighbouring tiles share; 0 is the plain grid")
  static let allTiles = Option.flag("all-tiles", "convert background, too")
  static let normalization = Option<NormalizationMode?>.optional(
    "normalization", .choice(), "statistics that normalise; the model card's if not given")
  static let dropout = Option.flag("dropout", "leave dropout on, as published test code does")
  static let steps = Option<Int?>.optional(
    "steps", .integer("NFE", in: 1...99_999),
    "evaluations of a bridge's network; the card's if not given, 1 is a quick preview")
  static let sampler = Option<BridgeSampler.Kind?>.optional(
    "sampler", .choice(), "how a bridge is walked; the card's way if not given")
  static let joint = Option.flag(
    "joint",
    "blend a bridge's estimates where tiles overlap at every step, so that all tiles walk as one")
  static let trajectory = Option<String?>.optional(
    "trajectory", .directory("DIR"),
    "also write the states between the two stains as state-00.png and so on; needs a small --region"
  )
  static let seed = Option<UInt64>.value(
    "seed", .seed, default: "1", "seed of what is random: a bridge's noise, dropout")
  static let region = Option<[Int]?>.optional(
    "region", .integers("X,Y,W,H", count: 4),
    "part to convert, in level-0 pixels; snapped outward to 256 pixels of the output")
  static let layout = Option<PyramidLayout>.value(
    "layout", .choice(), default: "universal", "how levels are stored")
  static let compression = Option<PyramidCompression>.value(
    "compression", .choice(), default: "jpeg", "how tiles are compressed")
  static let quality = Option<Int>.value(
    "quality", .integer("Q", in: 1...100), default: "90", "JPEG quality")

  static let description = CommandDescription(
    "convert", "convert a slide to another stain",
    discussion: """
      Converts the whole slide in its own frame, tile by tile, and blends the tiles. The output has \
      the model's pixel size. Tiles without tissue, open glass in the others, and what was not \
      scanned stay as they are, unless --all-tiles is given; with --overlap 0 a tile is what the \
      network gives. A slide with damaged tiles is converted all the same, with a warning and status 3. \
      An interrupted conversion leaves OUT.tif.partial and OUT.tif.progress; the same \
      command takes them up and ends in the same file.

      --normalization running uses the statistics kept from training; reference those of each tile, \
      as the public test code does, which shows seams; interpolated passes from each tile's to its \
      neighbours' and takes a second pass over the slide.

      A bridge (train i2sb) asks its network --steps times for each tile. Its noise belongs to the \
      slide's pixels, so tiles agree where they overlap; before it starts it says how long it will take. \
      With --joint the estimates of overlapping tiles are blended at every step, not the last states \
      alone; a --region then works on as many tiles around it as there are steps.
      """,
    operands: [Operand("SLIDE", "any slide that OpenSlide opens")],
    options: [
      model.entry, output.entry, overlap.entry, allTiles.entry, normalization.entry,
      steps.entry, sampler.entry, joint.entry, trajectory.entry, dropout.entry, seed.entry,
      region.entry,
      layout.entry,
      compression.entry, quality.entry,
      SharedOptions.slidePixelSize.entry, SharedOptions.force.entry, SharedOptions.dryRun.entry,
      SharedOptions.json.entry,
    ],
    examples: ["convert A12_Ki67.svs --model ki67.safetensors -o A12_Ki67.virtual-HE.tif"])

  private struct Result: Encodable {
    let output: String
    let tiles: Int
    let backgroundTiles: Int
    let seconds: Double
    let tilesPerSecond: Double
    let peakMib: Double?
    let seamScore: Double?
    let seam: SeamScore
    let width: Int
    let height: Int
    let pixelSizeMicrons: [Double]
    let region: [Int]
    let levels: Int
    let bytes: Int

    private enum CodingKeys: String, CodingKey {
      case output, tiles, seconds, seam, width, height, levels, bytes
      case backgroundTiles = "background_tiles"
      case tilesPerSecond = "tiles_per_second"
      case peakMib = "peak_mib"
      case seamScore = "seam_score"
      case pixelSizeMicrons = "pixel_size_um"
      case region = "region_px"
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(output, forKey: .output)
      try container.encode(tiles, forKey: .tiles)
      try container.encode(backgroundTiles, forKey: .backgroundTiles)
      try container.encode(seconds, forKey: .seconds)
      try container.encode(tilesPerSecond, forKey: .tilesPerSecond)
      try container.encode(peakMib, forKey: .peakMib)
      // A null, not a missing key, where no tissue crosses a tile border.
      try container.encode(seamScore, forKey: .seamScore)
      try container.encode(seam, forKey: .seam)
      try container.encode(width, forKey: .width)
      try container.encode(height, forKey: .height)
      try container.encode(pixelSizeMicrons, forKey: .pixelSizeMicrons)
      try container.encode(region, forKey: .region)
      try container.encode(levels, forKey: .levels)
      try container.encode(bytes, forKey: .bytes)
    }
  }

  private struct Plan: Encodable {
    let tiles: Int
    let tissueTiles: Int
    let width: Int
    let height: Int
    let pixelSizeMicrons: [Double]
    let region: [Int]
    let bytes: Int
    let memoryMib: Double
    let seconds: Double

    private enum CodingKeys: String, CodingKey {
      case tiles, width, height, bytes, seconds
      case tissueTiles = "tissue_tiles"
      case pixelSizeMicrons = "pixel_size_um"
      case region = "region_px"
      case memoryMib = "memory_mib"
    }
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let started = context.time.seconds
    let path = context.operands[0]
    let slide = try context.openSlide(path, pixelSize: SharedOptions.slidePixelSize)
    let target = context[output]
    if !context.isGiven(SharedOptions.dryRun) {
      try Files.requireFree(target, force: context.isForced)
      try Files.requireOther(path, context[model], output: target)
    }
    let stainModel = try StainModel(path: context[model])
    try checkOptions(stainModel, context)
    let conversion = try SlideConversion(
      slide: slide, model: stainModel, modelPath: context[model],
      options: try options(context), acceptsCoarse: context.isForced,
      restainVersion: VersionCommand.version, context: try context.computeContext())
    if context.isGiven(SharedOptions.dryRun) {
      try context.requireMachineMemory(conversion.predictedMemory, for: path)
      try printPlan(conversion, context)
      return .success
    }
    try context.requireMemory(conversion.predictedMemory, for: path)
    if let folder = context[trajectory] { try writeStates(of: conversion, to: folder, context) }
    if stainModel.card.architecture == .bridge { try announce(conversion, context) }
    let clock = CheckpointClock(time: context.time)
    let summary = try conversion.run(
      to: target, replaces: context.isForced,
      surroundings: SlideConversion.Surroundings(
        isCancelled: { context.isCancelled },
        isCheckpointDue: { clock.isDue() },
        started: { done, total in
          if done > 0 { context.note("\(target): going on after \(done) of \(total) tiles") }
          context.progress.begin(
            "stain", total: Double(total), unit: "tiles", done: Double(done))
        },
        progress: { context.progress.advance(to: Double($0)) }))
    context.progress.finish()
    context.addOutput(target)
    try report(summary, conversion, target, seconds: context.time.seconds - started, context)
    return context.status(
      damage: DamagedTile.summary(of: summary.damagedTiles), of: slide.path)
  }

  /// No picture of the formats that are read has a longer side.
  private static let largestPixel = 4_294_967_296.0

  private static func options(_ context: CommandContext) throws -> ConversionOptions {
    var options = ConversionOptions()
    options.overlap = context[overlap]
    options.convertsBackground = context.isGiven(allTiles)
    options.normalization = context[normalization]
    options.dropoutSeed = context.isGiven(dropout) ? context[seed] : nil
    options.bridge.evaluations = context[steps]
    options.bridge.sampler = context[sampler]
    options.bridge.seed = context[seed]
    options.bridge.isJoint = context.isGiven(joint)
    if let numbers = context[region] {
      guard numbers[2] > 0, numbers[3] > 0 else {
        throw UsageError.conflict(
          subject: "--region", problem: "the region is empty", advice: "pass X,Y,W,H in pixels")
      }
      guard numbers.allSatisfy({ abs(Double($0)) <= largestPixel }) else {
        throw UsageError.conflict(
          subject: "--region", problem: "no slide is that large",
          advice: "pass X,Y,W,H in level-0 pixels")
      }
      options.region = PixelRegion(
        x: numbers[0], y: numbers[1], width: numbers[2], height: numbers[3])
    }
    options.layout = context[layout]
    options.compression = context[compression]
    options.quality = context[quality]
    return options
  }

  /// An option that the model has no use for is a mistake.
  private static func checkOptions(
    _ model: StainModel, _ context: CommandContext
  ) throws(UsageError) {
    let isBridge = model.card.architecture == .bridge
    let useless =
      isBridge
      ? [
        (context.isGiven(normalization), "--normalization"),
        (context.isGiven(dropout), "--dropout"),
      ]
      : [
        (context.isGiven(steps), "--steps"), (context.isGiven(sampler), "--sampler"),
        (context.isGiven(joint), "--joint"),
        (context.isGiven(trajectory), "--trajectory"),
      ]
    if context.isGiven(joint), context.isGiven(trajectory), isBridge {
      throw .conflict(
        subject: "--trajectory", problem: "it shows the states of single tiles",
        advice: "leave --joint out")
    }
    guard let option = useless.first(where: { $0.0 })?.1 else { return }
    throw .conflict(
      subject: option,
      problem: "means nothing to a model of architecture \(model.card.architecture.rawValue)",
      advice: "leave it out")
  }

  private static func writeStates(
    of conversion: SlideConversion, to folder: String, _ context: CommandContext
  ) throws {
    func path(_ index: Int) -> String { String(format: "%@/state-%02d.png", folder, index) }
    for index in 0..<(conversion.stateCount ?? 0) {
      try Files.requireFree(path(index), force: context.isForced)
    }
    let states = try conversion.trajectory(isCancelled: { context.isCancelled })
    try Files.makeFolder(folder)
    for (index, state) in states.enumerated() {
      try PictureFile.writePNG(state, path: path(index))
      context.addOutput(path(index))
    }
  }

  /// Seconds of computing ahead, from a sample of the work.
  private static func predictedSeconds(
    _ conversion: SlideConversion, _ context: CommandContext
  ) throws -> (seconds: Double, tissueTiles: Int) {
    let tissue = try conversion.estimatedTissueTiles()
    // The first call lays weights and buffers out.
    _ = try conversion.convertSample()
    let begin = context.time.seconds
    let done = try conversion.convertSample()
    let tiles = Double(tissue) * conversion.tilesPerPlannedTile
    return ((context.time.seconds - begin) / done * tiles, tissue)
  }

  private static let longSeconds = 86_400.0

  /// Says how long it will take, before it starts.
  private static func announce(
    _ conversion: SlideConversion, _ context: CommandContext
  ) throws {
    let (seconds, tissue) = try predictedSeconds(conversion, context)
    if !warnIfLong(seconds, tissueTiles: tissue, context) {
      context.note(time(seconds, tissueTiles: tissue))
    }
  }

  private static func time(_ seconds: Double, tissueTiles: Int) -> String {
    "about \(HumanText.duration(seconds)) for \(tissueTiles) tiles with tissue"
  }

  /// Warns of work that takes more than a day; true if it did.
  @discardableResult
  private static func warnIfLong(
    _ seconds: Double, tissueTiles: Int, _ context: CommandContext
  ) -> Bool {
    guard seconds > longSeconds else { return false }
    context.warn(
      "\(context.operands[0]): \(time(seconds, tissueTiles: tissueTiles)); fewer --steps, a --region, "
        + "a model of a smaller preset or of a larger pixel size, or more --threads shorten it")
    return true
  }

  private static func printPlan(
    _ conversion: SlideConversion, _ context: CommandContext
  ) throws {
    let plan = conversion.plan
    let region = plan.region
    let (seconds, tissue) = try predictedSeconds(conversion, context)
    warnIfLong(seconds, tissueTiles: tissue, context)
    let bytes = PyramidPlan(width: region.width, height: region.height)
      .predictedByteCount(options: conversion.pyramidOptions)
    let result = Plan(
      tiles: plan.tileCount, tissueTiles: tissue, width: region.width, height: region.height,
      pixelSizeMicrons: [conversion.pixelSize.x, conversion.pixelSize.y],
      region: [region.x, region.y, region.width, region.height], bytes: bytes,
      memoryMib: Double(conversion.predictedMemory) / 1_048_576,
      seconds: seconds)
    if context.isJSON {
      try context.emit(json: result)
    } else {
      context.print(
        "\(region.width) × \(region.height) pixels of \(HumanText.number(conversion.pixelSize.x)) µm"
      )
      context.print("\(plan.tileCount) tiles, about \(tissue) with tissue")
      context.print("about \(HumanText.bytes(bytes)) on disk")
      context.print("about \(HumanText.bytes(conversion.predictedMemory)) of memory")
      context.print("about \(HumanText.duration(result.seconds)) of computing")
    }
  }

  private static func report(
    _ summary: ConversionSummary, _ conversion: SlideConversion, _ target: String,
    seconds: Double, _ context: CommandContext
  ) throws {
    let region = conversion.plan.region
    let rate = seconds > 0 ? Double(summary.convertedNow) / seconds : 0
    if context.isJSON {
      try context.emit(
        json: Result(
          output: target, tiles: summary.convertedCount,
          backgroundTiles: summary.tileCount - summary.convertedCount, seconds: seconds,
          tilesPerSecond: rate,
          peakMib: ProcessMemory.peakBytes().map { Double($0) / 1_048_576 },
          seamScore: summary.seam.score, seam: summary.seam, width: region.width,
          height: region.height,
          pixelSizeMicrons: [conversion.pixelSize.x, conversion.pixelSize.y],
          region: [region.x, region.y, region.width, region.height],
          levels: summary.pyramid.levels.count, bytes: summary.pyramid.byteCount))
      return
    }
    let seam =
      summary.seam.score.map { String(format: "seam score %.3f", $0) } ?? "no seam to score"
    context.print(
      "\(target)  \(region.width) × \(region.height), \(summary.pyramid.levels.count) levels, "
        + "\(summary.convertedCount) of \(summary.tileCount) tiles converted, \(seam)")
  }
}
