import CommandLineKit
import Phantoms
import Reporting
import Tensors

/// `restain phantom -o DIR`: two synthetic serial sections of one tissue, with exact truth.
enum PhantomCommand: Command {
  /// What `--from` names.
  enum Kind: String, CaseIterable {
    case ihc, unstained

    var stain: PhantomStain { self == .ihc ? .immunohistochemistry : .unstained }
  }

  static let output = Option<String>.required(
    "output", short: "o", .directory("DIR"), "folder for the phantom")
  static let size = Option<Int>.value(
    "size", .integer("PX", in: 256...100_000), default: "4096", "pixels along each side")
  static let seed = Option<UInt64>.value("seed", .seed, default: "1", "seed of everything")
  static let kind = Option<Kind>.value(
    "from", .choice(), default: "ihc", "how the moving section is stained")
  static let pixelSize = Option<Double>.value(
    "pixel-size", .number("UM", in: 0.1...4), default: "0.5", "microns a pixel")
  static let rotation = Option<Double?>.optional(
    "rotation", .number("DEG"),
    "turn of the moving section, counter-clockwise on the screen; drawn if not given")
  static let shift = Option<[Double]?>.optional(
    "shift", .numbers("UM,UM", count: 2),
    "its shift to the right and down; drawn if not given")
  static let warp = Option<Double?>.optional(
    "warp", .number("UM", in: 0...10_000),
    "largest displacement of its smooth warp; drawn if not given")
  static let mirror = Option.flag("mirror", "lay the moving section on its other face")
  static let missing = Option<Double>.value(
    "missing", .number("FRACTION", in: 0...0.9), default: "0",
    "share of the tissue that the moving section has lost")

  static let description = CommandDescription(
    "phantom", "make two synthetic serial sections with exact truth",
    discussion: """
      Writes phantom_HE.tif (fixed), phantom_IHC.tif or phantom_US.tif (moving), truth_HE.tif (the \
      moving section in H&E, in its own frame), landmarks_fixed.csv and landmarks_moving.csv, \
      tissue_map.tif (the moving section's tissue classes as colours, lossless) and truth.json. The \
      same options give the same files.
      """,
    options: [
      output.entry, size.entry, seed.entry, kind.entry, pixelSize.entry, rotation.entry,
      shift.entry, warp.entry, mirror.entry, missing.entry, SharedOptions.force.entry,
      SharedOptions.json.entry,
    ],
    examples: ["phantom -o phantom --seed 7", "phantom -o us --from unstained --rotation 30"])

  private struct Result: Encodable {
    let files: [String]
    let truth: PhantomTruth
    let seconds: Double
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let start = context.time.seconds
    let phantom = try SerialSections(options(context))
    let folder = context[output]
    try Files.makeFolder(folder)
    let parallelism = try context.computeContext().parallelism
    let files = PhantomFiles(
      phantom, folder: folder, isForced: context.isForced, threadCount: parallelism.threadCount,
      forEach: { count, body in parallelism.forEach(count: count, body) })
    for path in files.paths { try Files.requireFree(path, force: context.isForced) }
    let rowCount = 2 * phantom.options.size
    context.progress.begin("phantom", total: Double(rowCount), unit: "rows")
    let truth = try files.write(
      writeFile: { data, path in try DurableFile.write(data, to: path) },
      progress: { done, _ in
        try context.checkCancellation()
        context.progress.advance(to: Double(done))
      })
    context.progress.finish()
    for path in files.paths { context.addOutput(path) }
    if context.isJSON {
      try context.emit(
        json: Result(
          files: files.paths, truth: truth, seconds: context.time.seconds - start))
    } else {
      report(files, truth, context)
    }
    return .success
  }

  private static func options(_ context: CommandContext) throws(PhantomError) -> PhantomOptions {
    let options = PhantomOptions(
      size: context[size], seed: context[seed], stain: context[kind].stain,
      pixelSize: context[pixelSize], rotationDegrees: context[rotation],
      shift: context[shift].map { (x: $0[0], y: $0[1]) }, warpMicrons: context[warp],
      isMirrored: context[mirror], missingShare: context[missing])
    try options.validate()
    return options
  }

  private static func report(
    _ files: PhantomFiles, _ truth: PhantomTruth, _ context: CommandContext
  ) {
    let names = [
      "fixed, H&E", "moving", "moving in H&E", "tissue map", "landmarks", "landmarks", "truth",
    ]
    for (path, name) in zip(files.paths, names) { context.print("\(path)  \(name)") }
    let turn = HumanText.fixed(truth.rotationDegrees, decimals: 1)
    let warp = HumanText.fixed(truth.warpMicrons, decimals: 1)
    context.print(
      "turned \(turn)° counter-clockwise\(truth.isMirrored ? ", mirrored" : ""), "
        + "warped by up to \(warp) µm, \(truth.landmarkCount) landmarks")
  }
}
