import CommandLineKit
import Pipeline
import Registration
import Reporting

/// `restain register --fixed HE --moving IHC -o DIR`: where one section lies on the other.
enum RegisterCommand: Command {
  static let fixed = Option<String>.required("fixed", .path("HE"), "the slide that stays")
  static let moving = Option<String>.required("moving", .path("IHC"), "the slide that is warped")
  static let output = Option<String>.required(
    "output", short: "o", .directory("DIR"), "folder for transform, overlay and report")
  static let fine = Option.flag(
    "fine", "bend further at 2 µm a pixel after 4, tile by tile; kept where blocks say it is better"
  )
  static let finePixelSize = Option<Double>.value(
    "fine-pixel-size", .number("UM", in: 0.9...2), default: "2",
    "with --fine, the last pixel size: 2, or 1 for another step")

  static let similarity = Option<RegistrationOptions.Similarity>.value(
    "similarity", .choice(), default: "combined", "what is maximised after the start")

  static let description = CommandDescription(
    "register", "find where one serial section lies on another",
    discussion: """
      Writes MOVING.transform.json, MOVING.overlay.jpg (before, rigid, bent) and MOVING.register.json. \
      A pair that does not pass every gate ends with needs-review and status 3, and is written all \
      the same: look at the overlay before you use it. A slide with damaged tiles gives a warning and \
      status 3 as well.
      """,
    options: [
      fixed.entry, moving.entry, output.entry, fine.entry, finePixelSize.entry, similarity.entry,
      SharedOptions.fixedPixelSize.entry,
      SharedOptions.movingPixelSize.entry, SharedOptions.force.entry, SharedOptions.json.entry,
    ],
    examples: ["register --fixed A12_HE.svs --moving A12_Ki67.svs -o A12"])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let reference = try context.openSlide(
      context[fixed], pixelSize: SharedOptions.fixedPixelSize)
    let warped = try context.openSlide(
      context[moving], pixelSize: SharedOptions.movingPixelSize)
    let folder = context[output]
    let stem = FileNames.stem(context[moving])
    let paths = PairRegistration.paths(in: folder, stem: stem)
    for path in paths { try Files.requireFree(path, force: context.isForced) }
    try Files.makeFolder(folder)
    var options = RegistrationOptions(threadCount: try context.threadCount)
    options.similarity = context[similarity]
    try context.requireMemory(
      PairRegistration.predictedMemory(of: [
        PairRegistration.frame(of: reference, option: "--fixed-pixel-size"),
        PairRegistration.frame(of: warped, option: "--moving-pixel-size"),
      ]), for: context[moving])
    let pair = try PairRegistration(
      fixed: reference, moving: warped, options: options,
      finestPixelSize: context.isGiven(fine)
        ? context[finePixelSize] : RegistrationOptions.workingPixelSize,
      time: context.time, beforeEachBlock: { try context.checkCancellation() })
    try context.checkCancellation()
    try pair.write(to: folder, stem: stem)
    for path in paths { context.addOutput(path) }
    let report = pair.result.report
    if context.isJSON {
      try context.emit(json: report)
    } else {
      for line in lines(report, paths: paths) { context.print(line) }
    }
    let read = context.status(reading: [reference, warped])
    return report.status == .ok ? read : .partial
  }

  private static func lines(_ report: RegistrationReport, paths: [String]) -> [String] {
    func text(_ value: Double, _ decimals: Int) -> String {
      HumanText.fixed(value, decimals: decimals)
    }
    let reasons = report.reasons.map(\.rawValue).joined(separator: ", ")
    let residual = report.blockResidualMicrons.map { "\(text($0, 1)) µm" } ?? "unknown"
    return [
      "status    \(report.status.rawValue)\(reasons.isEmpty ? "" : " (\(reasons))")",
      "kept      \(report.chosen.rawValue), rotation \(text(report.rotationDegrees, 1))°, "
        + "scale \(text(report.scale, 3))\(report.mirrored ? ", mirrored" : "")",
      "residual  \(residual), confidence \(text(report.confidence, 2)), "
        + "mask overlap \(text(report.maskDice, 2))",
    ] + paths.map { "wrote     \($0)" }
  }
}
