import CommandLineKit
import Foundation
import Reporting
import Staining
import Synchronization
import Tensors

/// What all trainings have in common on the command line.
enum TrainingRun {
  static let data = Option<[String]>.repeated(
    "data", .directory("DATASET"), isRequired: true, "data set that tiles made")
  static let output = Option<String>.required(
    "output", short: "o", .path("MODEL"), "model to write; .safetensors is added")
  static let steps = Option<Int?>.optional(
    "steps", .integer(in: 1...100_000_000),
    "steps of the schedule: constant for half, then linear to 0; the preset's if not given")
  static let time = Option<Double?>.optional(
    "time", .duration, "stop early after this time; --resume goes on")
  static let patience = Option<Int?>.optional(
    "patience", .integer("VALIDATIONS", in: 1...100_000),
    "stop early after so many validations in a row without a better model")
  static let validationInterval = Option<Int?>.optional(
    "validate-every", .integer("STEPS", in: 1...10_000_000),
    "steps between validations; an epoch, but 200 to 2000 steps")
  static let fromStain = Option<String>.value(
    "from", .text("STAIN"), default: "ihc", "kind of the moving sections, for the card")
  static let toStain = Option<String>.value(
    "to", .text("STAIN"), default: "he", "kind of the fixed sections, for the card")
  static let seed = Option<UInt64>.value(
    "seed", .seed, default: "1", "seed of weights, order, turns and whatever else is drawn")
  static let resume = Option.flag(
    "resume", "go on from the last checkpoint; start if there is none")

  /// Tiles are kept in memory up to this share of the limit, or of 2 GiB.
  private static let standardMemory = 2 << 30
  /// Seconds between two checkpoints, at least.
  private static let checkpointSeconds = 60.0
  /// A checkpoint that took long is not written again before this many times its time went by.
  private static let checkpointPatience = 30.0

  private struct Result: Encodable {
    let model: String
    let step: Int
    let isComplete: Bool
    let isStalled: Bool
    let bestStep: Int?
    let validation: ModelFigures?
    let seconds: Double
    let peakMib: Double?

    private enum CodingKeys: String, CodingKey {
      case model, step, validation, seconds
      case isComplete = "complete"
      case isStalled = "stalled"
      case bestStep = "best_step"
      case peakMib = "peak_mib"
    }
  }

  /// Trains, and tells how it goes.
  static func run<Engine: TrainingEngine>(
    _: Engine.Type, options: Engine.Options, _ context: CommandContext
  ) throws -> ExitStatus {
    try run(Engine.self, context) { _ in options }
  }

  /// Trains with options that depend on the data, and tells how it goes.
  static func run<Engine: TrainingEngine>(
    _: Engine.Type, _ context: CommandContext, options: (TrainingData) throws -> Engine.Options
  ) throws -> ExitStatus {
    let files = TrainingFiles(model: context[output])
    try requireFree(files, context)
    let compute = try context.computeContext()
    let started = context.time.seconds
    let tiles = try TrainingData(
      folders: context[data], memoryBytes: (try context.memoryLimit ?? standardMemory * 2) / 2,
      forEach: { count, body in compute.parallelism.forEach(count: count, body) })
    let options = try options(tiles)
    // The folder of samples is the training's own, unlike the model's.
    try Files.makeFolder(files.samples)
    return try FolderLock(path: files.samples).whileHeld {
      // Another training may have ended since.
      try requireFree(files, context)
      let training = try PairedTraining<Engine>(
        data: tiles, options: options, files: files, resumes: context.isGiven(resume),
        restainVersion: VersionCommand.version, context: compute,
        surroundings: surroundings(context, started: started, names: Engine.lossNames))
      return try train(
        training, tiles, options: options, files: files, started: started, context)
    }
  }

  /// Nothing is replaced but by force, or by the training that goes on from its checkpoint.
  private static func requireFree(_ files: TrainingFiles, _ context: CommandContext) throws {
    let exists = FileManager.default.fileExists(atPath: files.checkpoint)
    guard !(context.isGiven(resume) && exists) else { return }
    try Files.requireFree(files.model, force: context.isForced)
    try Files.requireFree(files.checkpoint, force: context.isForced)
  }

  private static func train<Engine: TrainingEngine>(
    _ start: PairedTraining<Engine>, _ tiles: TrainingData, options: Engine.Options,
    files: TrainingFiles, started: Double, _ context: CommandContext
  ) throws -> ExitStatus {
    var training = start
    if tiles.validation.count == 0 {
      context.warn("\(context[data][0]): no validation tile; the last model is kept")
    }
    context.note(
      "\(tiles.train.count) training and \(tiles.validation.count) validation tiles; "
        + "validation every \(training.validationInterval) steps")
    if training.startStep > 0 { context.note("going on from step \(training.startStep)") }
    context.progress.begin(
      "train", total: Double(options.totalSteps), unit: "steps", done: Double(training.startStep))
    let summary = try training.run(patience: context[patience])
    context.progress.finish()
    try context.checkCancellation()
    if summary.bestStep != nil { context.addOutput(files.model) }
    context.addOutput(files.table)
    try report(summary, files, seconds: context.time.seconds - started, context)
    return .success
  }

  private static func surroundings(
    _ context: CommandContext, started: Double, names: [String]
  ) -> TrainingSurroundings {
    let limit = context[time]
    let clock = CheckpointClock(start: context.time.seconds)
    return TrainingSurroundings(
      shouldStop: {
        context.isCancelled || limit.map { context.time.seconds - started >= $0 } ?? false
      },
      isHurried: { context.isCancelled },
      isCheckpointDue: { _ in clock.isDue(now: context.time.seconds) },
      report: { event in
        switch event {
        case .step(let step):
          context.progress.advance(to: Double(step))
        case .row(let row):
          let losses = zip(names, row.losses).map { "\($0) \(number($1))" }
          context.detail("step \(row.step): " + losses.joined(separator: ", "))
        case .validated(let step, let figures, let isBest):
          if let figures {
            context.note(
              "step \(step): validation \(text(figures))" + (isBest ? ", best so far" : ""))
          }
        case .checkpoint:
          clock.written(now: context.time.seconds)
        }
      })
  }

  private static func text(_ figures: ModelFigures) -> String {
    switch figures {
    case .pictures(let figures):
      "L1 \(number(figures.l1)), PSNR \(number(figures.peakSignalToNoise)) dB, "
        + "SSIM \(number(figures.structuralSimilarity))"
    case .classes(let figures):
      "macro F1 \(number(figures.macroScore)), micro F1 \(number(figures.microScore))"
    }
  }

  private static func number(_ value: Double) -> String { String(format: "%.4g", value) }

  private static func report(
    _ summary: TrainingSummary, _ files: TrainingFiles, seconds: Double,
    _ context: CommandContext
  ) throws {
    if context.isJSON {
      try context.emit(
        json: Result(
          model: files.model, step: summary.step, isComplete: summary.isComplete,
          isStalled: summary.isStalled, bestStep: summary.bestStep, validation: summary.best,
          seconds: seconds,
          peakMib: ProcessMemory.peakBytes().map { Double($0) / 1_048_576 }))
      return
    }
    let state =
      summary.isComplete
      ? "done after \(summary.step) steps"
      : summary.isStalled
        ? "stopped after \(summary.step) steps, no better model for \(context[patience] ?? 0) validations"
        : "stopped after \(summary.step) steps; --resume goes on"
    guard let best = summary.bestStep else {
      context.print("\(files.checkpoint)  \(state); no model yet")
      return
    }
    let figures =
      summary.best.map { ", validation \(text($0))" } ?? ""
    context.print("\(files.model)  \(state); best at step \(best)\(figures)")
  }

  /// Spaces checkpoints by their cost.
  private final class CheckpointClock: Sendable {
    private struct Times {
      var last: Double
      var asked: Double
      var cost = 0.0
    }
    private let times: Mutex<Times>

    init(start: Double) { times = Mutex(Times(last: start, asked: start)) }

    func isDue(now: Double) -> Bool {
      times.withLock {
        $0.asked = now
        return now - $0.last >= max(checkpointSeconds, checkpointPatience * $0.cost)
      }
    }

    func written(now: Double) {
      times.withLock {
        $0.cost = now - $0.asked
        $0.last = now
      }
    }
  }
}
