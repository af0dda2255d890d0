import Foundation
import Networks
import Pictures
import Rasters
import Staining
import Synchronization
import Tensors
import TestSupport
import Testing

/// A network that learns nothing, notes what it is shown, and predicts the negative of its input.
private struct RecordingEngine: TrainingEngine {
  struct Record: Sendable {
    var steps: [(input: [Float], target: [Float])] = []
    var predicted: [[Float]] = []
  }

  /// One suite, one test at a time.
  static let record = Mutex(Record())
  static let lossNames = ["loss"]

  var completedSteps = 0

  init(options: TrainingOptions) {}
  init(checkpoint: SafetensorsFile, options: TrainingOptions) {}

  func learningRate(atStep step: Int) -> Double { 1 / Double(step + 1) }

  mutating func step(input: Tensor, target: Tensor, context: ComputeContext) -> [Double] {
    completedSteps += 1
    Self.record.withLock { $0.steps.append((input.values, target.values)) }
    return [Double(completedSteps)]
  }

  func checkpoint(metadata: [String: String]) -> SafetensorsFile {
    SafetensorsFile(tensors: [], metadata: metadata)
  }

  func settled(data: TrainingData, context: ComputeContext) -> SettledModel {
    SettledModel(
      predict: { input in
        Self.record.withLock { $0.predicted.append(input.values) }
        return Tensor(shape: input.shape, values: input.values.map { -$0 })
      }, state: StateDictionary([]), card: identityModel(microns: 0.5).card)
  }
}

/// A network that gives the toy data set's target: at first in blocks of 16 pixels, then clear but too bright.
private struct DegradingEngine: TrainingEngine {
  static let lossNames = ["loss"]

  var completedSteps = 0

  init(options: TrainingOptions) {}
  init(checkpoint: SafetensorsFile, options: TrainingOptions) {}

  func learningRate(atStep step: Int) -> Double { 1 }

  mutating func step(input: Tensor, target: Tensor, context: ComputeContext) -> [Double] {
    completedSteps += 1
    return [0]
  }

  func checkpoint(metadata: [String: String]) -> SafetensorsFile {
    SafetensorsFile(tensors: [], metadata: metadata)
  }

  func settled(data: TrainingData, context: ComputeContext) -> SettledModel {
    let isClear = completedSteps > 1
    return SettledModel(
      predict: { input in
        var target = input.values
        for pixel in 0..<target.count / 3 {
          target[pixel * 3] = input.values[pixel * 3 + 1]
          target[pixel * 3 + 1] = input.values[pixel * 3 + 2]
          target[pixel * 3 + 2] = (input.values[pixel * 3] - 1) / 2
        }
        return Tensor(
          shape: input.shape, values: isClear ? target.map { $0 + 0.3 } : Self.coarse(target))
      }, state: StateDictionary([]), card: identityModel(microns: 0.5).card)
  }

  /// Every block of 16 × 16 pixels as its mean.
  private static func coarse(_ values: [Float]) -> [Float] {
    var sums = [Float](repeating: 0, count: values.count / 256)
    func block(_ index: Int) -> Int {
      let (row, column) = (index / 768, index % 768 / 3)
      return (row / 16 * 16 + column / 16) * 3 + index % 3
    }
    for index in values.indices { sums[block(index)] += values[index] }
    return values.indices.map { sums[block($0)] / 256 }
  }
}

@Suite("What a training is shown, and what it shows", .serialized)
struct PairedTrainingTests {
  private let folder: TemporaryDirectory
  private let data: TrainingData

  init() throws {
    folder = try TemporaryDirectory()
    try writeToyDataset(folder.path("set"), train: 5, validation: 2, seed: 7)
    data = try TrainingData(
      folders: [folder.path("set")], memoryBytes: 3 * 256 * 256 * 6, forEach: inTurn)
  }

  private func train(
    steps: Int, validationInterval: Int? = nil, until stop: Int = .max
  ) throws -> RecordingEngine.Record {
    RecordingEngine.record.withLock { $0 = RecordingEngine.Record() }
    var options = TrainingOptions(baseChannels: 1, totalSteps: steps)
    options.validationInterval = validationInterval
    let counter = Mutex(0)
    var training = try PairedTraining<RecordingEngine>(
      data: data, options: options, files: TrainingFiles(model: folder.path("m")), resumes: false,
      restainVersion: "test", context: ComputeContext(),
      surroundings: TrainingSurroundings(
        shouldStop: { counter.withLock { $0 >= stop } },
        report: { if case .step(let step) = $0 { counter.withLock { $0 = step } } }))
    _ = try training.run()
    return RecordingEngine.record.withLock { $0 }
  }

  /// Half of a pair as the networks get it.
  private func half(_ pairs: TilePairs, _ index: Int, x: Int) throws -> [Float] {
    try pairs.picture(index).cropped(to: PixelRegion(x: x, y: 0, width: 256, height: 256))
      .pixels.map { Float($0) / 127.5 - 1 }
  }

  /// A square picture turned by 90°, or mirrored from left to right.
  private func moved(_ values: [Float], isMirror: Bool) -> [Float] {
    var result = values
    for y in 0..<256 {
      for x in 0..<256 {
        let source = isMirror ? y * 256 + 255 - x : x * 256 + 255 - y
        for channel in 0..<3 { result[(y * 256 + x) * 3 + channel] = values[source * 3 + channel] }
      }
    }
    return result
  }

  /// A picture under all eight symmetries of the square, in one order.
  private func symmetries(_ values: [Float]) -> [[Float]] {
    var all = [values]
    for turn in 1..<8 {
      all.append(moved(turn == 4 ? values : all[turn - 1], isMirror: turn == 4))
    }
    return all
  }

  @Test("each epoch shows every pair once, in another order, both halves turned or mirrored alike")
  func order() throws {
    let shown = try train(steps: 50, validationInterval: 50).steps
    let inputs = try (0..<5).map { symmetries(try half(data.train, $0, x: 0)) }
    let targets = try (0..<5).map { symmetries(try half(data.train, $0, x: 256)) }
    var seen: [(tile: Int, turn: Int)] = []
    for (input, target) in shown {
      let found = inputs.indices.lazy.compactMap { tile in
        inputs[tile].firstIndex(of: input).map { (tile, $0) }
      }.first
      let (tile, turn) = try #require(found, "a picture that is none of the data set")
      #expect(targets[tile][turn] == target)
      seen.append((tile, turn))
    }
    let epochs = stride(from: 0, to: 50, by: 5).map { seen[$0..<$0 + 5].map(\.tile) }
    #expect(epochs.allSatisfy { $0.sorted() == Array(0..<5) })
    #expect(Set(epochs).count > 5)
    #expect(Set(seen.map(\.turn)) == Set(0..<8))
  }

  @Test("validation looks at the held-out tiles as they are, and at nothing else")
  func validation() throws {
    let predicted = try train(steps: 4, validationInterval: 2).predicted
    let held = try (0..<2).map { try half(data.validation, $0, x: 0) }
    // Figures from both tiles at once, then the grid one by one; twice.
    #expect(
      predicted == [held[0] + held[1], held[0], held[1], held[0] + held[1], held[0], held[1]])
  }

  @Test("the criterion decides which model is kept: L1 the coarse one, the mixture the clear one")
  func criterion() throws {
    for (criterion, expected) in [(ValidationFigures.Criterion.l1, 1), (.mixture, 2), (nil, 1)] {
      var options = TrainingOptions(baseChannels: 1, totalSteps: 3)
      options.validationInterval = 1
      options.chosenCriterion = criterion
      var training = try PairedTraining<DegradingEngine>(
        data: data, options: options, files: TrainingFiles(model: folder.path("m")),
        resumes: false, restainVersion: "test", context: ComputeContext(),
        surroundings: TrainingSurroundings())
      let summary = try training.run()
      #expect(summary.bestStep == expected, "\(String(describing: criterion))")
      #expect(summary.best?.pictures.map { $0.l1 > 0.25 } == (expected == 2))
    }
  }

  @Test("a grid of input, generated and real tiles can be looked at while the training goes on")
  func grid() throws {
    _ = try train(steps: 1000, validationInterval: 2, until: 3)
    let files = TrainingFiles(model: folder.path("m"))
    let grid = try PictureFile.readPNG(path: files.sample(step: 2))
    #expect(grid.width == 3 * 256 && grid.height == 2 * 256)
    for row in 0..<2 {
      let pair = try data.validation.picture(row)
      func column(_ index: Int) -> RGBImage {
        grid.cropped(to: PixelRegion(x: 256 * index, y: 256 * row, width: 256, height: 256))
      }
      let input = pair.cropped(to: PixelRegion(x: 0, y: 0, width: 256, height: 256))
      #expect(column(0) == input)
      #expect(column(1).pixels == input.pixels.map { 255 - $0 })
      #expect(column(2) == pair.cropped(to: PixelRegion(x: 256, y: 0, width: 256, height: 256)))
    }
    let table = try String(contentsOfFile: files.table, encoding: .utf8).split(separator: "\n")
    #expect(table.count == 2)
    // The mean of the two losses, and the rate of the second step.
    #expect(table[1].hasPrefix("2,1,1.5,0.5,"))
  }

  @Test("without being told, it validates once an epoch, but every 200 to 2000 steps")
  func interval() throws {
    func interval(batch: Int, given: Int?) throws -> Int {
      var options = TrainingOptions(baseChannels: 1, totalSteps: 1)
      options.batchSize = batch
      options.validationInterval = given
      return try PairedTraining<RecordingEngine>(
        data: data, options: options, files: TrainingFiles(model: folder.path("n")),
        resumes: false, restainVersion: "test", context: ComputeContext(),
        surroundings: TrainingSurroundings()
      ).validationInterval
    }
    #expect(try interval(batch: 1, given: nil) == 200)
    #expect(try interval(batch: 1, given: 7) == 7)
    // 900 copies of one tile: an epoch of batch 1 has 905 steps, of batch 2 half as many.
    let train = folder.path("set/train")
    let tile = "\(train)/\(TileName(caseName: "toy", x: 0, y: 0).text)"
    for number in 0..<900 {
      try FileManager.default.linkItem(
        atPath: tile, toPath: "\(train)/\(TileName(caseName: "toy", x: number, y: 1).text)")
    }
    let more = try TrainingData(folders: [folder.path("set")], memoryBytes: 0, forEach: inTurn)
    for (batch, expected) in [(1, 905), (2, 452), (8, 200)] {
      var options = TrainingOptions(baseChannels: 1, totalSteps: 1)
      options.batchSize = batch
      let training = try PairedTraining<RecordingEngine>(
        data: more, options: options, files: TrainingFiles(model: folder.path("n")),
        resumes: false, restainVersion: "test", context: ComputeContext(),
        surroundings: TrainingSurroundings())
      #expect(training.validationInterval == expected)
    }
  }
}
