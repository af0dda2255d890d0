import Foundation
import Networks
import Staining
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite("Training", .serialized)
struct Pix2pixTrainingTests {
  private let folder: TemporaryDirectory
  private let data: TrainingData

  init() throws {
    folder = try TemporaryDirectory()
    try writeToyDataset(folder.path("set"), train: 5, validation: 2, seed: 7)
    data = try TrainingData(
      folders: [folder.path("set")], memoryBytes: 3 * 256 * 256 * 6, forEach: inTurn)
  }

  private var options: TrainingOptions {
    var options = TrainingOptions(baseChannels: 2, totalSteps: 9)
    options.batchSize = 2
    options.validationInterval = 4
    return options
  }

  /// Trains until a number of steps, as a process that is stopped there.
  private func train(
    _ name: String, until stop: Int = .max, checkpoints: Int = 1000, threads: Int = 1,
    options: TrainingOptions? = nil, patience: Int? = nil, kernels: KernelFamily = .best
  ) throws -> TrainingSummary {
    let steps = Mutex(0)
    let counter = Counter()
    var training = try Pix2pixTraining(
      data: data, options: options ?? self.options, files: TrainingFiles(model: folder.path(name)),
      resumes: true, restainVersion: "test",
      context: ComputeContext(
        parallelism: Parallelism(threadCount: threads), kernels: kernels),
      surroundings: TrainingSurroundings(
        shouldStop: { counter.value >= stop }, isCheckpointDue: { $0 >= checkpoints },
        report: { if case .step(let step) = $0 { counter.value = step } }))
    steps.withLock { $0 = training.startStep }
    counter.value = training.startStep
    return try training.run(patience: patience)
  }

  private final class Counter: Sendable {
    private let number = Mutex(0)
    var value: Int {
      get { number.withLock { $0 } }
      set { number.withLock { $0 = newValue } }
    }
  }

  private func bytes(_ name: String) throws -> [Data] {
    try TrainingFiles(model: folder.path(name)).bytes()
  }

  @Test("a training stopped and resumed anywhere, with other threads, writes the same bytes")
  func resume() throws {
    let whole = try train("whole")
    #expect(whole.isComplete && whole.step == 9)
    let expected = try bytes("whole")
    #expect(expected.count == 3 + 3)
    for stop in [1, 4, 7] {
      let name = "stopped\(stop)"
      let first = try train(name, until: stop)
      #expect(first.step == stop && !first.isComplete)
      #expect(try train(name, threads: 2).isComplete)
      #expect(try bytes(name) == expected, "stopped after \(stop)")
    }
  }

  @Test("with an average the training is the same, its mean is kept, and it resumes")
  func average() throws {
    var averaging = options
    averaging.totalSteps = 24
    averaging.validationInterval = 12
    let plainly = averaging
    averaging.averageDecay = 0.9
    _ = try train("plain", options: plainly)
    _ = try train("averaged", options: averaging)
    let (plain, averaged) = try (
      StainModel(path: TrainingFiles(model: folder.path("plain")).model),
      StainModel(path: TrainingFiles(model: folder.path("averaged")).model)
    )
    #expect(plain.card.training?.averageDecay == nil)
    #expect(averaged.card.training?.averageDecay == 0.9)
    #expect(averaged.state != plain.state)
    // Rows without a validation would tell the losses alone; those of the trained weights are the same.
    func losses(_ name: String) throws -> [[Substring]] {
      try String(contentsOfFile: TrainingFiles(model: folder.path(name)).table, encoding: .utf8)
        .split(separator: "\n").map { Array($0.split(separator: ",")[..<6]) }
    }
    #expect(try losses("averaged") == losses("plain"))
    _ = try train("stopped", until: 13, options: averaging)
    #expect(try train("stopped", options: averaging).isComplete)
    #expect(try bytes("stopped") == bytes("averaged"))
  }

  @Test("a training killed between checkpoints goes on from the last one to the same bytes")
  func kill() throws {
    _ = try train("whole")
    let files = TrainingFiles(model: folder.path("killed"))
    _ = try train("killed", until: 2)
    let checkpoint = try Data(contentsOf: URL(fileURLWithPath: files.checkpoint))
    // Later work reached the table, the samples and the model, but no later checkpoint the disk.
    _ = try train("killed", until: 5)
    try checkpoint.write(to: URL(fileURLWithPath: files.checkpoint))
    _ = try train("killed")
    #expect(try bytes("killed") == bytes("whole"))
  }

  @Test(
    "a new training leaves nothing of an earlier one, and one killed before its first step goes on anew"
  )
  func anew() throws {
    _ = try train("whole")
    var other = options
    other.seed = 2
    _ = try train("m", options: other)
    let files = TrainingFiles(model: folder.path("m"))
    let note = "\(files.samples)/notes.txt"
    try Data().write(to: URL(fileURLWithPath: note))
    // What is on the disk after the first checkpoint, and nothing later.
    var forced = try Pix2pixTraining(
      data: data, options: options, files: files, resumes: false, restainVersion: "test",
      context: ComputeContext(), surroundings: TrainingSurroundings(shouldStop: { true }))
    #expect(try forced.run().bestStep == nil)
    let manager = FileManager.default
    #expect(!manager.fileExists(atPath: files.model))
    #expect(try manager.contentsOfDirectory(atPath: files.samples) == ["notes.txt"])
    try manager.removeItem(atPath: note)
    #expect(throws: StainingError.self) { _ = try train("m", options: other) }
    _ = try train("m")
    #expect(try bytes("m") == bytes("whole"))
  }

  @Test(
    "a training that gets no better stops after its patience, interrupted or not, and can go on")
  func patience() throws {
    var still = options
    still.totalSteps = 40
    still.learningRate = 0
    let whole = try train("whole", options: still, patience: 2)
    #expect(whole.step == 12 && whole.bestStep == 4 && whole.isStalled && !whole.isComplete)
    #expect(!(try train("parted", until: 10, options: still, patience: 2).isStalled))
    #expect(try train("parted", options: still, patience: 2).isStalled)
    #expect(try bytes("parted") == bytes("whole"))
    #expect(try train("parted", options: still, patience: 2).step == 12)
    #expect(try train("parted", options: still, patience: 3).step == 16)
    #expect(try train("learning", patience: 3).isComplete)
  }

  @Test("the table has a row for each validation, without wall clock")
  func table() throws {
    _ = try train("m")
    let text = try String(
      contentsOfFile: TrainingFiles(model: folder.path("m")).table, encoding: .utf8)
    let rows = text.split(separator: "\n")
    #expect(rows[0] == "step,epoch,loss_g_l1,loss_g_gan,loss_d,lr,val_l1,val_psnr,val_ssim")
    #expect(rows.dropFirst().map { $0.split(separator: ",")[0] } == ["4", "8", "9"])
    #expect(rows.dropFirst().allSatisfy { $0.split(separator: ",").count == 9 })
  }

  @Test("the model kept is the best by validation, with its figures and data on the card")
  func best() throws {
    let summary = try train("m")
    let model = try StainModel(path: TrainingFiles(model: folder.path("m")).model)
    let training = try #require(model.card.training)
    #expect(training.step == summary.bestStep)
    #expect(training.validation == summary.best)
    #expect(training.data[0].trainTiles == 5 && training.data[0].validationTiles == 2)
    #expect(model.card.pixelSizeMicrons == 0.5)
    #expect(model.card.normalization == .running)
    _ = try model.generator(path: "m")
  }

  /// Step, L1 and SSIM of each validation, from the table.
  private func validations(_ name: String) throws -> [(step: Int, l1: Double, ssim: Double)] {
    let text = try String(
      contentsOfFile: TrainingFiles(model: folder.path(name)).table, encoding: .utf8)
    return text.split(separator: "\n").dropFirst().compactMap { row in
      let fields = row.split(separator: ",", omittingEmptySubsequences: false)
      guard let step = Int(fields[0]), let l1 = Double(fields[6]), let ssim = Double(fields[8])
      else { return nil }
      return (step, l1, ssim)
    }
  }

  @Test("the best model is the one nearest by the criterion, of all that were looked at")
  func criterion() throws {
    for criterion in ValidationFigures.Criterion.allCases {
      var options = TrainingOptions(baseChannels: 4, totalSteps: 40)
      options.validationInterval = 4
      options.learningRate = 2e-3
      options.chosenCriterion = criterion
      let summary = try train(criterion.rawValue, options: options)
      let rows = try validations(criterion.rawValue)
      let nearest = rows.min {
        criterion == .l1
          ? $0.l1 < $1.l1
          : 0.84 * (1 - $0.ssim) + 0.08 * $0.l1 < 0.84 * (1 - $1.ssim) + 0.08 * $1.l1
      }
      #expect(rows.count == 10)
      #expect(summary.bestStep == nearest?.step)
    }
    #expect(TrainingOptions(baseChannels: 4, totalSteps: 1).criterion == .l1)
    // The two trainings are the same but for what they keep.
    #expect(try validations("l1").map(\.l1) == validations("mixture").map(\.l1))
  }

  @Test("a clearer picture of somewhat other colours is nearer by the mixture, not by L1")
  func distance() {
    func figures(_ l1: Double, _ ssim: Double) -> ValidationFigures {
      ValidationFigures(
        l1: l1, peakSignalToNoise: 24, structuralSimilarity: ssim, tileCount: 1)
    }
    let (smooth, clear) = (figures(0.088, 0.736), figures(0.095, 0.783))
    #expect(smooth.distance(by: .l1) < clear.distance(by: .l1))
    #expect(clear.distance(by: .mixture) < smooth.distance(by: .mixture))
    // Colours that are lost altogether outweigh structure.
    #expect(smooth.distance(by: .mixture) < figures(0.7, 0.783).distance(by: .mixture))
    #expect(abs(figures(0.1, 0.75).distance(by: .mixture) - 0.218) < 1e-12)
  }

  @Test("a checkpoint of other options or data is refused")
  func foreign() throws {
    _ = try train("m", until: 2)
    var other = options
    other.seed = 2
    #expect(throws: StainingError.self) { _ = try train("m", options: other) }
    try FileManager.default.removeItem(atPath: folder.path("set/train/toy_0_0.png"))
    let less = try TrainingData(
      folders: [folder.path("set")], memoryBytes: 0, forEach: inTurn)
    #expect(throws: StainingError.self) {
      _ = try Pix2pixTraining(
        data: less, options: options, files: TrainingFiles(model: folder.path("m")), resumes: true,
        restainVersion: "test", context: ComputeContext(),
        surroundings: TrainingSurroundings())
    }
  }

  @Test("a training goes on with the kernels that it was begun with, and says which")
  func kernels() throws {
    _ = try train("m", until: 2, kernels: .baseline)
    let other = KernelFamily.allCases.first { $0.isSupported && $0 != .baseline }
    if let other {
      let error = #expect(throws: StainingError.self) { _ = try train("m", kernels: other) }
      #expect(error.map { "\($0)".hasSuffix("; pass --kernels baseline") } == true)
    }
    // A checkpoint of restain 0.1 does not tell.
    let path = TrainingFiles(model: folder.path("m")).checkpoint
    var file = try SafetensorsFile(contentsOf: path)
    let text = try #require(file.metadata["restain.training"])
    file.metadata["restain.training"] = text.replacingOccurrences(
      of: "\"kernels\":\"baseline\",", with: "")
    #expect(file.metadata["restain.training"] != text)
    try file.write(to: path)
    #expect(try train("m", kernels: other ?? .baseline).isComplete)
  }

  @Test(
    "a checkpoint that counts fewer rows or steps than none is no checkpoint",
    arguments: [
      ("restain.training", "rowCount", "is no checkpoint of a training"),
      ("pix2pix_trainer", "completedSteps", "no state of training"),
    ])
  func negativeCount(key: String, count: String, problem: String) throws {
    _ = try train("m", until: 2)
    let path = TrainingFiles(model: folder.path("m")).checkpoint
    var file = try SafetensorsFile(contentsOf: path)
    let text = try #require(file.metadata[key])
    let number = try Regex("\"\(count)\":\\d+")
    file.metadata[key] = text.replacing(number, with: "\"\(count)\":-1")
    #expect(file.metadata[key] != text)
    try file.write(to: path)
    let error = #expect(throws: (any Error).self) { _ = try train("m") }
    #expect(error.map { "\($0)".contains(problem) } == true, "\(String(describing: error))")
  }

  @Test(
    "a training stopped before its first validation keeps the model as it stands, unless in a hurry"
  )
  func firstModel() throws {
    let files = TrainingFiles(model: folder.path("m"))
    let summary = try train("m", until: 2)
    #expect(summary.bestStep == 2 && !summary.isComplete)
    let training = try #require(try StainModel(path: files.model).card.training)
    #expect(training.step == 2 && training.validation == summary.best)
    #expect(try train("m").bestStep != 2)

    let hurried = TrainingFiles(model: folder.path("hurried"))
    let counter = Counter()
    var short = try Pix2pixTraining(
      data: data, options: options, files: hurried, resumes: true, restainVersion: "test",
      context: ComputeContext(),
      surroundings: TrainingSurroundings(
        shouldStop: { counter.value >= 2 }, isHurried: { true },
        report: { if case .step(let step) = $0 { counter.value = step } }))
    #expect(try short.run().bestStep == nil)
    #expect(!FileManager.default.fileExists(atPath: hurried.model))
  }

  @Test("a checkpoint whose best model is missing is refused, and names the file")
  func missingModel() throws {
    _ = try train("m", until: 5)
    let files = TrainingFiles(model: folder.path("m"))
    try FileManager.default.removeItem(atPath: files.model)
    let error = #expect(throws: StainingError.self) { _ = try train("m") }
    #expect(error.map { "\($0)".contains(files.model) } == true)
    // Where none was kept yet, none is missed.
    _ = try train("n", until: 2)
    try FileManager.default.removeItem(atPath: TrainingFiles(model: folder.path("n")).model)
    #expect(try train("n").isComplete)
  }

  @Test("a loss that is no number stops the training and names the tiles")
  func diverged() throws {
    var wild = options
    wild.learningRate = 1e30
    let error = #expect(throws: StainingError.self) { _ = try train("wild", options: wild) }
    #expect(error.map { "\($0)".contains("toy_") } == true)
  }

  @Test("training learns: the validation error falls by a quarter on a change of colours")
  func learns() throws {
    var options = TrainingOptions(baseChannels: 4, totalSteps: 60)
    options.validationInterval = 20
    options.learningRate = 1e-3
    _ = try train("m", options: options)
    let text = try String(
      contentsOfFile: TrainingFiles(model: folder.path("m")).table, encoding: .utf8)
    let errors = text.split(separator: "\n").dropFirst().compactMap { row -> Double? in
      let fields = row.split(separator: ",", omittingEmptySubsequences: false)
      return Double(fields[6])
    }
    let first = try #require(errors.first)
    #expect(try #require(errors.min()) < first * 0.75)
  }

  @Test("data sets without index, without tiles or of another pixel size are refused")
  func unusableData() throws {
    #expect(throws: StainingError.missing(path: "/no/such")) {
      _ = try TrainingData(folders: ["/no/such"], memoryBytes: 0, forEach: inTurn)
    }
    #expect(throws: StainingError.self) {
      _ = try TrainingData(folders: [folder.url.path], memoryBytes: 0, forEach: inTurn)
    }
    let other = folder.path("other")
    try writeToyDataset(other, train: 1, validation: 0, seed: 1)
    let index = URL(fileURLWithPath: "\(other)/dataset.json")
    let text = try String(contentsOf: index, encoding: .utf8)
    try text.replacingOccurrences(of: "\"pixel_size_um\":0.5", with: "\"pixel_size_um\":1")
      .write(to: index, atomically: true, encoding: .utf8)
    #expect(throws: StainingError.self) {
      _ = try TrainingData(
        folders: [folder.path("set"), other], memoryBytes: 0, forEach: inTurn)
    }
  }
}
