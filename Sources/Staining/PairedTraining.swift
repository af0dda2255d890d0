import Foundation
import Networks
import Pictures
import Reporting
import Stitching
public import Tensors

/// What happens while training.
public enum TrainingEvent: Sendable {
  /// So many steps are done.
  case step(Int)
  /// A row of the table was written.
  case row(TrainingRow)
  /// The model was looked at; the flag says whether it is the best so far and was kept.
  case validated(step: Int, figures: ModelFigures?, isBest: Bool)
  /// Everything needed to go on was written.
  case checkpoint(step: Int)
}

/// How a training ended.
public struct TrainingSummary: Sendable {
  /// Steps done.
  public let step: Int
  /// Whether the schedule is done, or the training was stopped and can go on.
  public let isComplete: Bool
  /// Whether it was stopped because validation found nothing better for too long.
  public let isStalled: Bool
  /// The step of the model that was kept; nothing where it was stopped before its first step, or in a hurry.
  public let bestStep: Int?
  /// The figures of the model that was kept.
  public let best: ModelFigures?
}

/// What the world decides, asked once a step.
public struct TrainingSurroundings: Sendable {
  /// Whether to write a checkpoint and stop.
  public var shouldStop: @Sendable () -> Bool
  /// Whether a stop is to write the checkpoint alone, where no model was kept yet.
  public var isHurried: @Sendable () -> Bool
  /// Whether a checkpoint is due, given the steps since the last one; called after each step.
  public var isCheckpointDue: @Sendable (_ stepsSinceLast: Int) -> Bool
  /// Told of everything.
  public var report: @Sendable (TrainingEvent) -> Void

  /// Never stops, writes a checkpoint every 1000 steps and tells nobody, unless set otherwise.
  public init(
    shouldStop: @escaping @Sendable () -> Bool = { false },
    isHurried: @escaping @Sendable () -> Bool = { false },
    isCheckpointDue: @escaping @Sendable (Int) -> Bool = { $0 >= 1000 },
    report: @escaping @Sendable (TrainingEvent) -> Void = { _ in }
  ) {
    self.shouldStop = shouldStop
    self.isHurried = isHurried
    self.isCheckpointDue = isCheckpointDue
    self.report = report
  }
}

/// Trains a model on paired tiles, with checkpoints.
///
/// The weights, the order of the tiles, their turns and everything else that is random are pure functions of
/// the seed and the number of the step, and all sums are formed in one order: an interrupted and resumed
/// training writes the same bytes as one that was not, with any number of threads.
public struct PairedTraining<Engine: TrainingEngine> {
  /// Kept beside the trainer's own state in a checkpoint.
  private struct Record: Codable {
    var options: Engine.Options
    var data: [ModelCard.Data]
    var best: ModelFigures?
    var bestStep: Int?
    /// Validations since the best one; missing in checkpoints of restain 0.1.
    var validationsSinceBest: Int?
    /// What computed it; missing in checkpoints of restain 0.1, and then not compared.
    var kernels: KernelFamily?
    var sums: [Double]
    var sumCount: Int
    var rowCount: Int
  }

  private static var recordKey: String { "restain.training" }

  private let data: TrainingData
  private let options: Engine.Options
  private let files: TrainingFiles
  private let restainVersion: String
  private let context: ComputeContext
  private let surroundings: TrainingSurroundings
  private let validation: ModelValidation
  private let forEach: ForEach
  /// Whether nothing is on the disk yet.
  private var isNew: Bool
  private var engine: Engine
  private var record: Record
  private var table: [String]

  private static var noSums: [Double] { [Double](repeating: 0, count: Engine.lossNames.count) }

  /// The step from which the training goes on; 0 for a new one.
  public var startStep: Int { engine.completedSteps }

  /// Starts a training, or takes one up again.
  ///
  /// - Parameters:
  ///   - data: The tiles.
  ///   - options: What decides the result.
  ///   - files: Where it is written.
  ///   - resumes: Goes on from the checkpoint if there is one. A training that is done can be given more steps:
  ///     it goes on at the step size that the longer schedule has there.
  ///   - restainVersion: For the card.
  ///   - context: Threads and kernels.
  ///   - surroundings: Clock, signals, reports.
  /// - Throws: ``StainingError/foreignCheckpoint(path:problem:advice:)`` where options, data or kernels differ
  ///   from the checkpoint's, or what reading it throws.
  public init(
    data: TrainingData, options: Engine.Options, files: TrainingFiles, resumes: Bool,
    restainVersion: String, context: ComputeContext, surroundings: TrainingSurroundings
  ) throws {
    guard data.train.tileSize.isMultiple(of: TilePlan.standardTileSize) else {
      throw StainingError.datasetConflict(
        path: data.train.paths.first ?? "",
        problem: "tiles of \(data.train.tileSize) pixels do not suit the network",
        advice: "make them with --tile \(TilePlan.standardTileSize)")
    }
    try data.requireKind(hasLabels: Engine.readsLabels)
    self.data = data
    self.options = options
    self.files = files
    self.restainVersion = restainVersion
    self.context = context
    self.surroundings = surroundings
    forEach = { count, body in context.parallelism.forEach(count: count, body) }
    validation = ModelValidation(
      data: data, tileLimit: options.validationTileLimit, measure: options.measure)
    isNew = !(resumes && FileManager.default.fileExists(atPath: files.checkpoint))
    if !isNew {
      (engine, record) = try Self.continued(
        files: files, options: options, data: data, kernels: context.kernels)
      table = try Self.rows(files: files, count: record.rowCount)
    } else {
      engine = Engine(options: options)
      record = Record(
        options: options, data: data.descriptions, kernels: context.kernels, sums: Self.noSums,
        sumCount: 0, rowCount: 0)
      table = []
    }
  }

  /// Trains until the schedule is done, a stop is asked for, or nothing gets better.
  ///
  /// A new training first removes what an earlier one left under its names, and writes a checkpoint.
  ///
  /// - Parameter patience: Stops after so many validations in a row without a better model; never if nil.
  ///   It decides the end only: a resumed training with more patience goes on.
  /// - Returns: How it ended.
  /// - Throws: ``StainingError/diverged(step:tiles:)``, or what reading and writing throw.
  public mutating func run(patience: Int? = nil) throws -> TrainingSummary {
    if isNew {
      try files.removeAll()
      try saveCheckpoint()
      isNew = false
    } else {
      try writeTable()
    }
    var order = TileOrder(count: data.train.count, seed: options.seed)
    var lastCheckpoint = engine.completedSteps
    while engine.completedSteps < options.totalSteps {
      if surroundings.shouldStop() || isStalled(patience) {
        if engine.completedSteps > lastCheckpoint { try writeCheckpoint() }
        if record.bestStep == nil, engine.completedSteps > 0, !surroundings.isHurried() {
          return try firstModel()
        }
        return summary(patience)
      }
      try step(&order)
      let step = engine.completedSteps
      surroundings.report(.step(step))
      let isLast = step == options.totalSteps
      if step.isMultiple(of: validationInterval) || isLast {
        try validate()
      } else if step.isMultiple(of: TrainingOptions.rowInterval) {
        try writeRow(validation: nil)
      }
      if isLast || surroundings.isCheckpointDue(step - lastCheckpoint) {
        try writeCheckpoint()
        lastCheckpoint = step
      }
    }
    return summary(patience)
  }

  private func isStalled(_ patience: Int?) -> Bool {
    patience.map { record.validationsSinceBest ?? 0 >= $0 } ?? false
  }

  private func summary(_ patience: Int?) -> TrainingSummary {
    let isComplete = engine.completedSteps >= options.totalSteps
    return TrainingSummary(
      step: engine.completedSteps, isComplete: isComplete,
      isStalled: !isComplete && isStalled(patience), bestStep: record.bestStep,
      best: record.best)
  }

  /// Steps between two validations.
  public var validationInterval: Int {
    options.validationInterval
      ?? min(2000, max(200, data.train.count / max(1, options.batchSize)))
  }

  /// Keeps the model as it stands where no validation kept one yet.
  ///
  /// Nothing that a resumed training computes depends on it: the first validation replaces it.
  private func firstModel() throws -> TrainingSummary {
    let settled = try engine.settled(data: data, context: context)
    let figures = try validation.figures(of: settled.predict, forEach: forEach)
    try writeModel(settled, figures: figures)
    let step = engine.completedSteps
    surroundings.report(.validated(step: step, figures: figures, isBest: true))
    return TrainingSummary(
      step: step, isComplete: false, isStalled: false, bestStep: step, best: figures)
  }

  private func writeModel(_ settled: SettledModel, figures: ModelFigures?) throws {
    try StainModel(card: card(settled, figures: figures), state: settled.state).write(
      to: files.model)
  }

  // MARK: - One step

  private mutating func step(_ order: inout TileOrder) throws {
    let first = engine.completedSteps * options.batchSize
    let samples = (first..<(first + options.batchSize)).map { order.sample($0) }
    let batch = try data.train.batch(samples)
    let values: [Double]
    do {
      values = try engine.step(input: batch.input, target: batch.target, context: context)
    } catch NetworkError.diverged {
      values = [.nan]
    }
    guard values.allSatisfy(\.isFinite) else {
      throw StainingError.diverged(
        step: engine.completedSteps,
        tiles: samples.map {
          URL(fileURLWithPath: data.train.paths[$0.index]).lastPathComponent
        })
    }
    for index in values.indices { record.sums[index] += values[index] }
    record.sumCount += 1
  }

  private mutating func validate() throws {
    let settled = try engine.settled(data: data, context: context)
    let figures = try validation.figures(of: settled.predict, forEach: forEach)
    try writeRow(validation: figures)
    // Without validation tiles the last weights are kept.
    let measure = validation.measure
    let isBest =
      figures.map { current in
        record.best.map { measure.distance(current) < measure.distance($0) } ?? true
      } ?? true
    let step = engine.completedSteps
    record.validationsSinceBest = isBest ? 0 : (record.validationsSinceBest ?? 0) + 1
    if isBest {
      record.best = figures
      record.bestStep = step
      try writeModel(settled, figures: figures)
    }
    try DurableFile.makeFolder(files.samples)
    try PictureFile.writePNG(
      validation.samples(of: settled.predict), path: files.sample(step: step))
    surroundings.report(.validated(step: step, figures: figures, isBest: isBest))
  }

  private func card(_ settled: SettledModel, figures: ModelFigures?) -> ModelCard {
    var card = settled.card
    card.pixelSizeMicrons = data.pixelSizeMicrons
    card.restainVersion = restainVersion
    card.training?.data = data.descriptions
    card.training?.step = engine.completedSteps
    card.training?.validation = figures
    return card
  }

  // MARK: - Files

  private mutating func writeRow(validation: ModelFigures?) throws {
    let count = Double(max(1, record.sumCount))
    let step = engine.completedSteps
    let row = TrainingRow(
      step: step, epoch: (step * options.batchSize - 1) / data.train.count + 1,
      losses: record.sums.map { $0 / count },
      learningRate: engine.learningRate(atStep: step - 1),
      figures: validation.map(self.validation.measure.values)
        ?? [Double?](repeating: nil, count: self.validation.measure.columns.count))
    record.sums = Self.noSums
    record.sumCount = 0
    record.rowCount += 1
    table.append(row.line)
    try appendToTable(row.line)
    surroundings.report(.row(row))
  }

  private func writeTable() throws {
    let header = TrainingRow.header(
      losses: Engine.lossNames, figures: validation.measure.columns)
    let text = ([header] + table).joined(separator: "\n") + "\n"
    try DurableFile.write(Data(text.utf8), to: files.table)
  }

  /// Adds a line for people who look on; the next checkpoint makes it last.
  private func appendToTable(_ line: String) throws {
    let handle: FileHandle
    do {
      handle = try FileHandle(forWritingTo: URL(fileURLWithPath: files.table))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data((line + "\n").utf8))
      try handle.close()
    } catch {
      throw StainingError.unwritable(path: files.table, reason: error.systemReason)
    }
  }

  private func saveCheckpoint() throws {
    try writeTable()
    let text = try JSONText.line(record)
    try engine.checkpoint(metadata: [Self.recordKey: text]).write(to: files.checkpoint)
  }

  private func writeCheckpoint() throws {
    try saveCheckpoint()
    surroundings.report(.checkpoint(step: engine.completedSteps))
  }

  private static func continued(
    files: TrainingFiles, options: Engine.Options, data: TrainingData, kernels: KernelFamily
  ) throws -> (Engine, Record) {
    let path = files.checkpoint
    let checkpoint = try SafetensorsFile(contentsOf: path)
    guard let text = checkpoint.metadata[recordKey],
      var record = try? JSONDecoder().decode(Record.self, from: Data(text.utf8)),
      record.sums.count == Engine.lossNames.count, record.rowCount >= 0, record.sumCount >= 0
    else {
      throw StainingError.foreignCheckpoint(path: path, problem: "is no checkpoint of a training")
    }
    let scheduledSteps = record.options.totalSteps
    if scheduledSteps < options.totalSteps { record.options.totalSteps = options.totalSteps }
    guard record.options == options else {
      throw StainingError.foreignCheckpoint(
        path: path, problem: "was written by a training with other options")
    }
    guard record.data == data.descriptions else {
      throw StainingError.foreignCheckpoint(
        path: path, problem: "was written by a training on other data")
    }
    guard record.kernels ?? kernels == kernels else {
      let own = record.kernels?.rawValue ?? ""
      throw StainingError.foreignCheckpoint(
        path: path, problem: "was computed with \(own) kernels, and others round otherwise",
        advice: "pass --kernels \(own)")
    }
    record.kernels = kernels
    if let step = record.bestStep, !FileManager.default.fileExists(atPath: files.model) {
      throw StainingError.foreignCheckpoint(
        path: path,
        problem: "\(files.model) beside it, the best model so far, of step \(step), is missing",
        advice: "put it back, or start anew with --force in place of --resume")
    }
    let engine = try Engine(checkpoint: checkpoint, options: options)
    guard scheduledSteps == options.totalSteps || engine.completedSteps == scheduledSteps else {
      throw StainingError.foreignCheckpoint(
        path: path,
        problem: "is at step \(engine.completedSteps) of a schedule of \(scheduledSteps), "
          + "which can be lengthened when it is done")
    }
    return (engine, record)
  }

  /// The table's rows up to the checkpoint; later ones will be written again.
  private static func rows(files: TrainingFiles, count: Int) throws -> [String] {
    let text = (try? String(contentsOfFile: files.table, encoding: .utf8)) ?? ""
    let rows = text.split(separator: "\n").dropFirst().map(String.init)
    guard rows.count >= count else {
      throw StainingError.foreignCheckpoint(
        path: files.checkpoint, problem: "\(files.table) beside it has lost its rows")
    }
    return Array(rows.prefix(count))
  }
}
