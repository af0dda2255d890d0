import CommandLineKit
import Foundation
import Pipeline
import Pyramids
import Rasters
import Reporting
import Slides

/// `restain pyramid SLIDE -o OUT.tif`: any slide as a pyramid.
enum PyramidCommand: Command {
  static let output = Option<String>.required(
    "output", short: "o", .path("OUT.tif"), "pyramid to write")
  static let layout = Option<PyramidLayout>.value(
    "layout", .choice(), default: "universal", "how levels are stored")
  static let compression = Option<PyramidCompression>.value(
    "compression", .choice(), default: "jpeg", "how tiles are compressed")
  static let quality = Option<Int>.value(
    "quality", .integer("Q", in: 1...100), default: "90", "JPEG quality")

  static let description = CommandDescription(
    "pyramid", "write a tiled pyramid of any slide",
    discussion: """
      The whole of level 0 is written with its pixel size and colour profile; lower levels are made \
      anew. The file appears under its name when it is complete and has been read again. A slide \
      without a pixel size gives a pyramid without one. One with damaged tiles is copied all the same, \
      with a warning and status 3.
      """,
    operands: [Operand("SLIDE", "any slide that OpenSlide opens")],
    options: [
      output.entry, layout.entry, compression.entry, quality.entry,
      SharedOptions.slidePixelSize.entry, SharedOptions.force.entry, SharedOptions.dryRun.entry,
      SharedOptions.json.entry,
    ],
    examples: ["pyramid A12.svs -o A12.tif", "pyramid A12.mrxs -o A12.ome.tif --layout ome"])

  private struct Result: Encodable {
    let output: String
    let levels: Int
    let width: Int
    let height: Int
    let bytes: Int
    let seconds: Double
    let megapixelsPerSecond: Double
    let peakMib: Double?

    private enum CodingKeys: String, CodingKey {
      case output, levels, width, height, bytes, seconds
      case megapixelsPerSecond = "megapixels_per_second"
      case peakMib = "peak_mib"
    }
  }

  private struct Plan: Encodable {
    let levels: Int
    let tiles: Int
    let bytes: Int
    let memoryMib: Double
    let seconds: Double

    private enum CodingKeys: String, CodingKey {
      case levels, tiles, bytes, seconds
      case memoryMib = "memory_mib"
    }
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let started = context.time.seconds
    let slide = try context.openSlide(
      context.operands[0], pixelSize: SharedOptions.slidePixelSize)
    let source = slide.level0Source
    let options = options(slide, context)
    guard !context.isGiven(SharedOptions.dryRun) else {
      try printPlan(source, options, context)
      return .success
    }
    let target = context[output]
    try Files.requireFree(target, force: context.isForced)
    try Files.requireOther(slide.path, output: target)
    if slide.pixelSize == nil {
      context.warn(
        "\(slide.path): no pixel size in the file; pass --slide-pixel-size MICRONS to store one")
    }
    try context.requireMemory(predictedMemory(source, context), for: slide.path)
    context.progress.begin("pyramid", total: Double(source.height), unit: "rows")
    let summary = try PyramidCopy.write(
      source: source, path: target, options: options, force: context.isForced,
      threadCount: try context.threadCount, isCancelled: { context.isCancelled },
      progress: { context.progress.advance(to: Double($0)) })
    context.progress.finish()
    context.addOutput(target)
    try report(summary, target, seconds: context.time.seconds - started, context)
    return context.status(reading: [slide])
  }

  private static func options(_ slide: Slide, _ context: CommandContext) -> PyramidOptions {
    let name = URL(fileURLWithPath: slide.path).lastPathComponent
    return PyramidOptions(
      layout: context[layout], compression: context[compression], quality: context[quality],
      pixelSize: slide.pixelSize, iccProfile: slide.iccProfile(),
      description: PyramidDescription(
        name: URL(fileURLWithPath: slide.path).deletingPathExtension().lastPathComponent,
        isVirtualStain: slide.isVirtualStain, provenance: ["source": name]),
      software: VersionCommand.line)
  }

  private static func report(
    _ summary: PyramidSummary, _ target: String, seconds: Double, _ context: CommandContext
  ) throws {
    let size = summary.levels[0]
    let megapixels = Double(size.width) * Double(size.height) / 1e6
    let rate = seconds > 0 ? megapixels / seconds : 0
    if context.isJSON {
      try context.emit(
        json: Result(
          output: target, levels: summary.levels.count, width: size.width, height: size.height,
          bytes: summary.byteCount, seconds: seconds, megapixelsPerSecond: rate,
          peakMib: ProcessMemory.peakBytes().map { Double($0) / 1_048_576 }))
    } else {
      context.print(
        "\(target)  \(size.width) × \(size.height), \(summary.levels.count) levels, "
          + "\(HumanText.bytes(summary.byteCount)) in \(HumanText.duration(seconds))")
    }
  }

  private static func printPlan(
    _ source: LevelSource, _ options: PyramidOptions, _ context: CommandContext
  ) throws {
    let plan = PyramidPlan(width: source.width, height: source.height)
    let memory = try predictedMemory(source, context)
    let result = Plan(
      levels: plan.levels.count, tiles: plan.tileCount,
      bytes: plan.predictedByteCount(options: options), memoryMib: Double(memory) / 1_048_576,
      seconds: try predictedSeconds(source, context))
    if context.isJSON {
      try context.emit(json: result)
      return
    }
    context.print("\(source.width) × \(source.height) pixels, \(result.levels) levels")
    context.print("\(result.tiles) tiles")
    context.print("about \(HumanText.bytes(result.bytes)) on disk")
    context.print("about \(HumanText.bytes(memory)) of memory")
    context.print("about \(HumanText.duration(result.seconds)) of reading and compressing")
  }

  private static func predictedMemory(
    _ source: LevelSource, _ context: CommandContext
  ) throws -> Int {
    PyramidCopy.predictedMemory(width: source.width, threadCount: try context.threadCount)
  }

  /// Times the reading of a few pieces along the diagonal, which decides how long the copy takes.
  private static func predictedSeconds(
    _ source: LevelSource, _ context: CommandContext
  ) throws -> Double {
    let side = 512
    let pieceCount = 8
    let started = context.time.seconds
    for piece in 0..<pieceCount {
      _ = try source.read(
        PixelRegion(
          x: max(0, (source.width - side) * piece / pieceCount),
          y: max(0, (source.height - side) * piece / pieceCount), width: side, height: side))
    }
    let seconds = context.time.seconds - started
    let share = Double(source.width) * Double(source.height) / Double(pieceCount * side * side)
    return seconds * share / Double(try context.threadCount)
  }
}
