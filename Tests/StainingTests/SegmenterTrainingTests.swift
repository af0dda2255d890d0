import Foundation
import Networks
import Pictures
import Rasters
import Staining
import Synchronization
import Tensors
import TestSupport
import Testing

/// Writes a data set of 256-pixel tiles whose labels are glass, pale and dark tissue, with a black frame that has
/// no label.
func writeLabelDataset(
  _ folder: String, train: Int, validation: Int, seed: UInt64, classes: [LabelClass] = testClasses
) throws {
  try writeToyDataset(folder, train: train, validation: validation, seed: seed)
  var index = DatasetIndex(
    pixelSizeMicrons: 0.5, tileSize: 256, splitUnit: .square, shares: .standard, classes: classes)
  let input = DatasetIndex.Input(file: "toy.tif", hash: "00")
  index.cases.append(
    DatasetIndex.Case(
      name: "toy", fixed: input, labels: input, status: "ok", overlap: 64, split: nil,
      kept: ["train": train, "val": validation], leftOut: DatasetIndex.LeftOut()))
  try JSONEncoder().encode(index).write(
    to: URL(fileURLWithPath: "\(folder)/\(DatasetIndex.fileName)"))
  for split in [DatasetSplit.train, .validation] {
    for name in try tiles(folder, split) {
      let path = "\(folder)/\(split.rawValue)/\(name.text)"
      var tile = try PictureFile.readPNG(path: path)
      for y in 0..<256 {
        for x in 0..<256 {
          let color = tile[x, y]
          let label = color.red > 230 ? 0 : color.red > 160 ? 1 : 2
          tile[256 + x, y] = classes[min(x, y) < 8 ? 3 : label].color
        }
      }
      try PictureFile.writePNG(tile, path: path)
    }
  }
}

@Suite("Training of a segmenter", .serialized)
struct SegmenterTrainingTests {
  private let folder: TemporaryDirectory
  private let data: TrainingData

  init() throws {
    folder = try TemporaryDirectory()
    try writeLabelDataset(folder.path("set"), train: 5, validation: 2, seed: 7)
    data = try Self.data(folder.path("set"))
  }

  private static func data(_ folders: String...) throws -> TrainingData {
    try TrainingData(folders: folders, memoryBytes: 1 << 30, forEach: inTurn)
  }

  private func options(
    steps: Int = 9, change: (inout SegmenterTrainingOptions) -> Void = { _ in }
  ) throws -> SegmenterTrainingOptions {
    var options = SegmenterTrainingOptions(preset: .small, classes: try data.learnedClasses())
    options.baseChannels = 2
    options.totalSteps = steps
    options.validationInterval = 4
    change(&options)
    return options
  }

  /// Trains until a number of steps, as a process that is stopped there.
  private func train(
    _ name: String, until stop: Int = .max, threads: Int = 1,
    options: SegmenterTrainingOptions? = nil
  ) throws -> TrainingSummary {
    let counter = Mutex(0)
    var training = try SegmenterTraining(
      data: data, options: options ?? self.options(),
      files: TrainingFiles(model: folder.path(name)), resumes: true, restainVersion: "test",
      context: ComputeContext(parallelism: Parallelism(threadCount: threads)),
      surroundings: TrainingSurroundings(
        shouldStop: { counter.withLock { $0 >= stop } },
        report: { if case .step(let step) = $0 { counter.withLock { $0 = step } } }))
    let start = training.startStep
    counter.withLock { $0 = start }
    return try training.run()
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
      #expect(try train(name, until: stop).isComplete == false)
      #expect(try train(name, threads: 2).isComplete)
      #expect(try bytes(name) == expected, "stopped after \(stop)")
    }
  }

  @Test("a checkpoint of which the network is another than its options tell is refused")
  func foreignNetwork() throws {
    #expect(try train("whole", until: 2).isComplete == false)
    let path = TrainingFiles(model: folder.path("whole")).checkpoint
    let metadata = try SafetensorsFile(contentsOf: path).metadata
    for (channels, classes) in [(2, 2), (2, 4), (3, 3)] {
      let trainer = SegmenterTrainer(
        network: SegmentationUNet(baseChannels: channels, classCount: classes, seed: 1),
        options: SegmenterOptions(totalSteps: 9))
      let record = metadata.filter { $0.key == "restain.training" }
      #expect(record.count == 1)
      try trainer.checkpoint(metadata: record).write(to: path)
      #expect(throws: NetworkError.self) { try train("whole") }
    }
  }

  @Test("seed, jitter, batch and class weights each change the result")
  func settings() throws {
    func model(_ name: String, _ change: (inout SegmenterTrainingOptions) -> Void) throws -> Data {
      _ = try train(name, options: try options(steps: 3, change: change))
      return try bytes(name)[0]
    }
    let models = [
      try model("plain") { _ in }, try model("seed") { $0.seed = 2 },
      try model("jitter") { $0.colorJitter = 0 }, try model("batch") { $0.batchSize = 1 },
      try model("weights") { $0.classWeights = [1, 1, 5] },
    ]
    #expect(Set(models).count == models.count)
  }

  @Test("each step draws the stains anew, and without jitter as they are")
  func jitter() throws {
    let half = data.train.tileSize * data.train.tileSize * 3
    let picture = try data.train.picture(0)
    func values(x: Int) -> Tensor {
      let part = picture.cropped(to: PixelRegion(x: x, y: 0, width: 256, height: 256))
      return Tensor(
        shape: [1, 256, 256, 3], values: part.pixels.map { Float($0) / 127.5 - 1 })
    }
    #expect(values(x: 0).count == half)
    /// The losses of three steps on one tile that hardly move the weights.
    func losses(_ amount: Double) throws -> [Double] {
      var engine = SegmenterEngine(
        options: try options {
          $0.colorJitter = amount
          $0.learningRate = 1e-8
          $0.batchSize = 1
        })
      return try (0..<3).flatMap { _ in
        try engine.step(input: values(x: 0), target: values(x: 256), context: ComputeContext())
      }
    }
    // A weight of about 1 moves by 1e-8 a step.
    let plain = try losses(0)
    #expect(plain.allSatisfy { abs($0 - plain[0]) < 1e-5 })
    let drawn = try losses(0.2)
    for (index, loss) in drawn.enumerated() {
      #expect(abs(loss - plain[0]) > 1e-4)
      #expect(drawn[..<index].allSatisfy { abs($0 - loss) > 1e-4 })
    }
  }

  @Test("the presets have 16, 32 and 64 channels")
  func presets() throws {
    let classes = try data.learnedClasses()
    let channels = TrainingOptions.Preset.allCases.map {
      SegmenterTrainingOptions(preset: $0, classes: classes).baseChannels
    }
    #expect(channels == [16, 32, 64])
  }

  @Test("pale and dark tissue are told apart after 150 steps, chosen and told by F1 of each class")
  func learns() throws {
    let summary = try train(
      "learnt",
      options: try options(steps: 150) {
        $0.baseChannels = 4
        $0.validationInterval = 50
        $0.learningRate = 0.01
        $0.colorJitter = 0.05
      })
    let figures = try #require(summary.best?.classes)
    #expect(figures.macroScore > 0.9, "\(figures)")
    #expect(figures.tileCount == 2 && figures.classScores.count == 3)
    let files = TrainingFiles(model: folder.path("learnt"))
    let rows = try String(contentsOfFile: files.table, encoding: .utf8).split(separator: "\n")
    #expect(
      rows[0]
        == "step,epoch,loss,lr,val_f1_macro,val_f1_micro,val_f1_glass,val_f1_stroma,val_f1_gland")
    let best = rows.dropFirst().map { $0.split(separator: ",") }.compactMap { Double($0[4]) }.max()
    #expect(abs((best ?? 0) - figures.macroScore) < 1e-5)
    let model = try StainModel(path: files.model)
    #expect(model.card.architecture == .segmenter && model.card.classes == testClasses.learned)
    #expect(model.card.training?.validation == summary.best)
    #expect(model.card.pixelSizeMicrons == 0.5 && model.card.training?.data == data.descriptions)
    // The grid shows H&E, prediction and labels, the prediction in the classes' colours alone.
    let grid = try PictureFile.readPNG(path: files.sample(step: 150))
    #expect(grid.width == 3 * 256 && grid.height == 2 * 256)
    let predicted = grid.cropped(to: PixelRegion(x: 256, y: 0, width: 256, height: 512))
    let lookup = LabelLookup(testClasses.learned)
    #expect(!lookup.labels(of: predicted).contains(LabelLookup.unlabelled))
  }

  @Test("classes weigh alike with the inverse of their shares over the training tiles")
  func balance() throws {
    let weights = try data.classWeights(of: testClasses.learned)
    var counts = [Double](repeating: 0, count: 3)
    let lookup = LabelLookup(testClasses.learned)
    for index in 0..<data.train.count {
      let half = PixelRegion(x: 256, y: 0, width: 256, height: 256)
      for label in lookup.labels(of: try data.train.picture(index).cropped(to: half))
      where label != LabelLookup.unlabelled {
        counts[Int(label)] += 1
      }
    }
    let masses = zip(weights, counts).map { Double($0) * $1 }
    // Weights are rounded to 6e-8 of themselves.
    let first = masses[0]
    #expect(masses.allSatisfy { abs($0 / first - 1) < 1e-6 })
    let (mass, count) = (masses.reduce(0, +), counts.reduce(0, +))
    #expect(abs(mass / count - 1) < 1e-6)
  }

  @Test("stains train no segmenter, labels no stain, and sets of other classes do not go together")
  func refusals() throws {
    try writeToyDataset(folder.path("pairs"), train: 2, validation: 1, seed: 1)
    let pairs = try Self.data(folder.path("pairs"))
    func expectConflict(_ part: String, _ body: () throws -> Void) {
      let error = #expect(throws: StainingError.self) { try body() }
      #expect(error.map { "\($0)".contains(part) } == true, "\(String(describing: error))")
    }
    expectConflict("no labels") { _ = try pairs.learnedClasses() }
    expectConflict("no labels") {
      _ = try SegmenterTraining(
        data: pairs, options: try options(), files: TrainingFiles(model: folder.path("m")),
        resumes: false, restainVersion: "", context: ComputeContext(),
        surroundings: TrainingSurroundings())
    }
    expectConflict("holds labels") {
      _ = try Pix2pixTraining(
        data: data, options: TrainingOptions(baseChannels: 2, totalSteps: 1),
        files: TrainingFiles(model: folder.path("m")), resumes: false, restainVersion: "",
        context: ComputeContext(), surroundings: TrainingSurroundings())
    }
    expectConflict("no labels") { _ = try Self.data(folder.path("set"), folder.path("pairs")) }
    var others = testClasses
    others[1].name = "fibres"
    try writeLabelDataset(
      folder.path("others"), train: 1, validation: 1, seed: 3, classes: others)
    expectConflict("other classes") { _ = try Self.data(folder.path("set"), folder.path("others")) }
  }
}
