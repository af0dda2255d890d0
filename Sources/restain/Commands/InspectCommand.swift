import CommandLineKit
import Rasters
import Reporting
import Slides

/// `restain inspect SLIDE...`: what a slide is, before anything is done with it.
enum InspectCommand: Command {
  static let check = Option.flag("check", "read every tile too, to see that the whole slide opens")

  static let description = CommandDescription(
    "inspect", "show levels, pixel size and oddities of slides",
    discussion: """
      A slide that cannot be opened gives one line on the error output, and the others are shown all \
      the same; the status is then 3, or that of the error if only one slide was named. --check also \
      reports JPEG data that decode, but at which the decoder stumbles, in plainly stored TIFF levels: a \
      problem, and status 3. It cannot see a change that leaves a valid stream.
      """,
    operands: [Operand("SLIDE", "any slide that OpenSlide opens", count: .oneOrMore)],
    options: [check.entry, SharedOptions.slidePixelSize.entry, SharedOptions.json.entry],
    examples: ["inspect A12_HE.svs", "inspect --check --json *.svs"])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    guard context.operands.count > 1 else {
      return try inspect(context.operands[0], context) ? .success : .partial
    }
    var status = ExitStatus.success
    for path in context.operands {
      do {
        if try !inspect(path, context) { status = .partial }
      } catch let error as SlideError {
        context.report(error)
        status = .partial
      }
      try context.checkCancellation()
    }
    return status
  }

  /// Shows a slide; false where it is damaged.
  private static func inspect(_ path: String, _ context: CommandContext) throws -> Bool {
    let slide = try context.openSlide(path, pixelSize: SharedOptions.slidePixelSize)
    if context.isGiven(check) { try readAll(slide, context) }
    if context.isJSON {
      try context.emit(json: SlideSummary(slide, isChecked: context.isGiven(check)))
    } else {
      for line in SlideSummary.table(slide) { context.print(line) }
    }
    return slide.damagedTiles.isEmpty
  }

  private static func readAll(_ slide: Slide, _ context: CommandContext) throws {
    let pixelsInMegapixel = 1e6
    context.progress.begin(
      "check", total: Double(slide.storedPixelCount) / pixelsInMegapixel, unit: "Mpx")
    try slide.check { pixelCount in
      try context.checkCancellation()
      context.progress.advance(by: Double(pixelCount) / pixelsInMegapixel)
    }
    context.progress.finish()
  }
}
