import CommandLineKit
import Foundation
import Pipeline
import Pyramids
import Reporting
import Settings
import Slides

/// `restain run --moving IHC [--fixed HE]`: a whole case, once, resumed where an earlier run stopped.
enum RunCommand: Command {
  static let printsEvents = true

  static let moving = Option<String>.required("moving", .path("IHC"), "slide to convert")
  static let fixed = Option<String?>.optional("fixed", .path("HE"), "its serial H&E slide")
  static let model = Option<String?>.optional(
    "model", .path("M"), "model; without it the configuration's for the slide's kind of stain")
  static let output = Option<String>.required(
    "output", short: "o", .directory("DIR"), "folder that gets the case's folder")
  static let caseName = Option<String?>.optional(
    "case", .text("NAME"), "the case's name; the block of the file's name if not given")

  static let description = CommandDescription(
    "run", "register, convert and report one case",
    discussion: """
      Registers the moving section to the H&E section, converts it, places both in the H&E slide's \
      frame, and writes a report into DIR/<case>. A run that was interrupted is taken up by the same \
      command. A registration that needs review does not stop the conversion; the case then ends with \
      status 3, and nothing is placed in the H&E frame unless --force is given. A slide with damaged tiles \
      needs review, too, and stops nothing.
      """,
    operands: [],
    options: [
      moving.entry, fixed.entry, model.entry, output.entry, caseName.entry,
      SharedOptions.movingPixelSize.entry, SharedOptions.fixedPixelSize.entry,
      SharedOptions.force.entry, SharedOptions.json.entry,
    ],
    examples: ["run --fixed B12_HE.svs --moving B12_Ki67.svs --model ki67.safetensors -o out"])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let configuration = try Configurations.configuration(context)
    let moving = context[moving]
    try Files.requireInput(moving)
    if let fixed = context[fixed] { try Files.requireInput(fixed) }
    let names = CaseNames(path: moving, configuration: configuration)
    let modelPath = context[model] ?? names.kind.flatMap { configuration.modelPath(ofKind: $0) }
    if let modelPath { try Files.requireInput(modelPath) }
    let request = CaseRequest(
      caseName: try usable(context[caseName] ?? names.caseName), outputFolder: context[output],
      moving: moving, fixed: context[fixed], model: modelPath,
      movingPixelSize: context[SharedOptions.movingPixelSize],
      fixedPixelSize: context[SharedOptions.fixedPixelSize], configuration: configuration,
      program: VersionCommand.version, isForced: context.isForced)
    for name in FileNames.outputs(case: request.caseName, section: request.section) {
      for input in [moving, context[fixed], modelPath].compactMap(\.self) {
        try Files.requireOther(input, output: "\(request.folder)/\(name)")
      }
    }
    if modelPath == nil {
      guard context[fixed] != nil else {
        throw PipelineError.nothingToDo(path: moving, kind: names.kind)
      }
      context.warn("\(moving): no model for this slide, so nothing is converted; pass --model")
    }
    for path in [moving, context[fixed]].compactMap(\.self) {
      // The whole width is held in bands, whatever is done with the slide.
      try context.requireMemory(
        PyramidCopy.predictedMemory(
          width: Slide(path: path).width, threadCount: context.threadCount), for: path)
    }
    let runner = CaseRunner(
      request: request,
      environment: CaseEnvironment(
        time: context.time,
        peakMemoryMiB: { Double(ProcessMemory.peakBytes() ?? 0) / 1_048_576 },
        memoryLimit: try context.memoryLimit, isCancelled: { context.isCancelled },
        isTemporary: { [.temporary, .missingInput].contains(ErrorMapping.exitStatus($0)) },
        report: { tell($0, context) }),
      context: try context.computeContext())
    let outcome = try runner.run()
    return try report(outcome, request: request, context)
  }

  private static func tell(_ event: CaseEvent, _ context: CommandContext) {
    switch event {
    case .started(let step): context.progress.begin(step, total: 100, unit: "%")
    case .progress(_, let fraction): context.progress.advance(to: 100 * fraction)
    case .reused(let step): context.detail("\(step): done before")
    case .ended(_, _, let message):
      context.progress.finish()
      if let message { context.warn("\(message)") }
    }
  }

  private static func report(
    _ outcome: CaseRunner.Outcome, request: CaseRequest, _ context: CommandContext
  ) throws -> ExitStatus {
    for output in outcome.outputs {
      context.addOutput(output)
      if !context.isJSON { context.print(output) }
    }
    if context.isJSON {
      try context.emit(json: Result(request: request, outcome: outcome))
    }
    return outcome.failures.isEmpty && !outcome.needsReview ? .success : .partial
  }

  private struct Result: Encodable {
    let caseName: String
    let section: String
    let status: String
    let failures: [String]
    let outputs: [String]

    init(request: CaseRequest, outcome: CaseRunner.Outcome) {
      caseName = request.caseName
      section = request.section
      status =
        outcome.failures.isEmpty ? (outcome.needsReview ? "needs-review" : "ok") : "failed"
      failures = outcome.failures
      outputs = outcome.outputs
    }

    private enum CodingKeys: String, CodingKey {
      case caseName = "case"
      case section, status, failures, outputs
    }
  }

  private static func usable(_ name: String) throws -> String {
    let isUsable =
      !name.isEmpty && !name.hasPrefix(".")
      && !name.contains(where: { $0 == "/" || $0 == "\0" || $0.isNewline })
    guard isUsable else {
      throw UsageError.conflict(
        subject: "--case", problem: "\(name) cannot name a folder", advice: "pass a plain name")
    }
    return name
  }
}

/// What the configuration reads out of a slide's name.
struct CaseNames {
  /// The block, else the folder's name, else the file's stem.
  let caseName: String
  /// The kind of the stain, such as `ihc`.
  let kind: String?

  init(path: String, configuration: Configuration) {
    let stem = FileNames.stem(path)
    let parts = configuration.namePattern?.parts(ofStem: stem)
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().lastPathComponent
    caseName = parts?.block ?? (folder.isEmpty || folder == "/" ? stem : folder)
    kind = configuration.kind(ofStain: parts?.stain ?? stem)
  }
}
