import CommandLineKit
import Foundation
import Pipeline
import Pyramids
import Rasters
import Registration
import Reporting
import Slides

/// Reads the transform files that verbs name.
enum TransformInputs {
  /// The transform in a file.
  static func transform(_ path: String) throws -> SectionTransform {
    try SectionTransform(data: Files.data(path), name: path)
  }
}

/// `restain transform points --transform T IN -o OUT`: points from one section's frame to the other's.
enum TransformPointsCommand: Command {
  static let transform = Option<String>.required(
    "transform", .path("T"), "transform that register wrote")
  static let output = Option<String>.required(
    "output", short: "o", .path("OUT"), "file to write, of the same kind")
  static let inverse = Option.flag("inverse", "from the fixed frame to the moving one")

  static let description = CommandDescription(
    "transform points", "move points from one section's frame to the other's",
    discussion: """
      Takes points of the moving slide to the fixed slide, with --inverse the other way; both in \
      level-0 pixels. CSV, with commas, semicolons or tabs, needs columns x and y; GeoJSON, as QuPath \
      writes it, may hold any geometry. Everything else in the file is kept.
      """,
    operands: [Operand("IN", "CSV or GeoJSON of points")],
    options: [
      transform.entry, output.entry, inverse.entry, SharedOptions.force.entry,
      SharedOptions.json.entry,
    ],
    examples: [
      "transform points --transform A12_Ki67.transform.json cells.geojson -o cells_HE.geojson"
    ])

  private struct Result: Encodable {
    let output: String
    let points: Int
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let map = try TransformInputs.transform(context[transform])
    let path = context.operands[0]
    let isInverse = context.isGiven(inverse)
    try Files.requireInput(path)
    try Files.requireFree(context[output], force: context.isForced)
    try Files.requireOther(path, context[transform], output: context[output])
    var count = 0
    let move: (Level0Point) -> Level0Point = { point in
      count += 1
      return isInverse
        ? map.movingPoint(for: point.microns(pixelSize: map.fixed.pixelSize))
          .level0(pixelSize: map.moving.pixelSize)
        : map.fixedPoint(for: point.microns(pixelSize: map.moving.pixelSize))
          .level0(pixelSize: map.fixed.pixelSize)
    }
    let ending = URL(fileURLWithPath: path).pathExtension.lowercased()
    let data: Data
    if ["geojson", "json"].contains(ending) {
      let file = try GeometryFile(data: Files.data(path), name: path)
      data = try file.mapped(move).data()
    } else {
      let table = try PointTable(data: Files.data(path), name: path)
      data = Data(table.mapped(move).text.utf8)
    }
    try DurableFile.write(data, to: context[output])
    context.addOutput(context[output])
    if context.isJSON {
      try context.emit(json: Result(output: context[output], points: count))
    } else {
      context.print("\(context[output])  \(count) points")
    }
    return .success
  }
}

/// `restain transform slide --transform T MOVING -o OUT.tif`: a moving slide in the fixed frame.
enum TransformSlideCommand: Command {
  static let transform = Option<String>.required(
    "transform", .path("T"), "transform that register wrote")
  static let output = Option<String>.required(
    "output", short: "o", .path("OUT.tif"), "pyramid to write")

  static let description = CommandDescription(
    "transform slide", "resample a moving slide into the fixed slide's frame",
    discussion: """
      Writes the whole fixed frame at the coarser of the two pixel sizes. The slide may be the moving \
      slide or a conversion of it at another pixel size. One with damaged tiles is taken all the same, \
      with a warning and status 3. A transform that needs review is used with \
      --force only.
      """,
    operands: [Operand("MOVING", "the moving slide, or a conversion of it")],
    options: [
      transform.entry, output.entry, SharedOptions.slidePixelSize.entry, SharedOptions.force.entry,
      SharedOptions.json.entry,
    ],
    examples: [
      "transform slide --transform A12_Ki67.transform.json A12_Ki67.svs -o A12_Ki67.registered.tif"
    ])

  private struct Result: Encodable {
    let output: String
    let levels: Int
    let width: Int
    let height: Int
    let pixelSize: Double
    let seconds: Double

    enum CodingKeys: String, CodingKey {
      case output, levels, width, height, seconds
      case pixelSize = "pixel_size_um"
    }
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let start = context.time.seconds
    let path = context[transform]
    let map = try TransformInputs.transform(path)
    guard map.status == .ok || context.isForced else {
      throw CommandError.needsReview(path: path, reasons: map.reasons.map(\.rawValue))
    }
    let slide = try context.openSlide(
      context.operands[0], pixelSize: SharedOptions.slidePixelSize)
    try Files.requireFree(context[output], force: context.isForced)
    try Files.requireOther(slide.path, path, output: context[output])
    let registered = try RegisteredSlide(
      moving: slide, transform: map, option: "--slide-pixel-size")
    let options = PyramidOptions(
      pixelSize: registered.pixelSize, iccProfile: registered.iccProfile,
      description: registered.description, software: VersionCommand.line)
    let threadCount = try context.threadCount
    try context.requireMemory(
      PyramidCopy.predictedMemory(width: registered.source.width, threadCount: threadCount),
      for: slide.path)
    context.progress.begin(
      "transform slide", total: Double(registered.source.height), unit: "rows")
    let summary = try PyramidCopy.write(
      source: registered.source, path: context[output], options: options, force: context.isForced,
      threadCount: threadCount, isCancelled: { context.isCancelled },
      progress: { context.progress.advance(to: Double($0)) })
    context.progress.finish()
    context.addOutput(context[output])
    if context.isJSON {
      try context.emit(
        json: Result(
          output: context[output], levels: summary.levels.count, width: registered.source.width,
          height: registered.source.height, pixelSize: registered.pixelSize.mean,
          seconds: context.time.seconds - start))
    } else {
      context.print("\(context[output])  \(summary.levels.count) levels")
    }
    return context.status(reading: [slide])
  }
}
