import Foundation
import Networks
import Staining
import Stitching
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite("Training a bridge", .serialized)
struct BridgeTrainingTests {
  private let folder: TemporaryDirectory
  private let data: TrainingData

  init() throws {
    folder = try TemporaryDirectory()
    try writeToyDataset(folder.path("set"), train: 5, validation: 2, seed: 7)
    data = try TrainingData(
      folders: [folder.path("set")], memoryBytes: 1 << 30, forEach: inTurn)
  }

  private var options: BridgeTrainingOptions {
    var options = BridgeTrainingOptions(
      network: DiffusionConfiguration(
        baseChannels: 8, multipliers: [1, 2, 2, 2], residualBlocks: 1, headChannels: 8,
        isConditional: true, groupCount: 4), totalSteps: 6)
    options.batchSize = 2
    options.cropSize = 64
    options.validationInterval = 3
    options.validationEvaluations = 2
    return options
  }

  private func train(
    _ name: String, until stop: Int = .max, threads: Int = 1,
    options: BridgeTrainingOptions? = nil
  ) throws -> TrainingSummary {
    let step = Mutex(0)
    var training = try BridgeTraining(
      data: data, options: options ?? self.options, files: TrainingFiles(model: folder.path(name)),
      resumes: true, restainVersion: "test",
      context: ComputeContext(parallelism: Parallelism(threadCount: threads)),
      surroundings: TrainingSurroundings(
        shouldStop: { step.withLock { $0 >= stop } },
        report: { event in
          if case .step(let number) = event { step.withLock { $0 = number } }
        }))
    return try training.run()
  }

  private func bytes(_ name: String) throws -> [Data] {
    let files = TrainingFiles(model: folder.path(name))
    return try [files.model, files.table, files.checkpoint, files.sample(step: 6)].map {
      try Data(contentsOf: URL(fileURLWithPath: $0))
    }
  }

  @Test("a training stopped and resumed, with other threads, writes the same bytes")
  func resume() throws {
    #expect(try train("whole").isComplete)
    let expected = try bytes("whole")
    for stop in [1, 4] {
      #expect(!(try train("stopped\(stop)", until: stop).isComplete))
      #expect(try train("stopped\(stop)", threads: 2).isComplete)
      #expect(try bytes("stopped\(stop)") == expected, "stopped after \(stop)")
    }
  }

  @Test("a training that is done goes on with more steps, at the step size of the longer schedule")
  func lengthening() throws {
    var longer = options
    longer.totalSteps = 8
    #expect(try train("short").isComplete)
    #expect(try train("short", options: longer).step == 8)
    let files = TrainingFiles(model: folder.path("short"))
    let rows = try String(contentsOfFile: files.table, encoding: .utf8).split(separator: "\n")
    let last = try #require(rows.last).split(separator: ",", omittingEmptySubsequences: false)
    // Constant for four steps, then linear to 0 in five: the last of eight has a fifth of 1e-4.
    #expect(last[0] == "8" && last[4] == "2e-05", "\(last)")
    #expect(try StainModel(path: files.model).card.training?.totalSteps ?? 0 >= 6)
    // A schedule under way keeps its length, and one that is done is not shortened.
    _ = try train("stopped", until: 4)
    #expect(throws: StainingError.self) { try train("stopped", options: longer) }
    #expect(throws: StainingError.self) { try train("short") }
    #expect(try train("stopped").isComplete)
  }

  @Test("the model kept carries its bridge, and converts; table and card say what was done")
  func model() throws {
    let summary = try train("m", threads: 2)
    let files = TrainingFiles(model: folder.path("m"))
    let model = try StainModel(path: files.model)
    let bridge = try #require(model.card.bridge)
    #expect(bridge.network == options.network && bridge.evaluations == 10)
    #expect(model.card.training?.cropSize == 64)
    #expect(model.card.training?.step == summary.bestStep)
    #expect(model.card.training?.validation == summary.best)
    _ = try model.bridge(path: "m", context: ComputeContext())
    let rows = try String(contentsOfFile: files.table, encoding: .utf8).split(separator: "\n")
    #expect(rows[0] == "step,epoch,loss,gradient_norm,lr,val_l1,val_psnr,val_ssim")
    #expect(rows.dropFirst().map { $0.split(separator: ",")[0] } == ["3", "6"])
  }

  @Test(
    "a training starts from another bridge's weights, with fresh ones for the source, and is resumed"
  )
  func start() throws {
    var plain = options
    plain.network.isConditional = false
    _ = try train("plain", options: plain)
    let path = TrainingFiles(model: folder.path("plain")).model
    let model = try StainModel(path: path)
    let weights = try StartingWeights(model: model, path: path, isConditional: true, seed: 4)
    var options = self.options
    options.start = weights
    #expect(weights.configuration == options.network)
    // A step size of 0: the model kept is what it started from.
    options.learningRate = 1e-30
    _ = try train("started", options: options)
    let started = try StainModel(path: TrainingFiles(model: folder.path("started")).model).state
    for (found, known) in zip(started.tensors, model.state.tensors) {
      guard found.name == "input_blocks.0.0.weight" else {
        #expect(found == known)
        continue
      }
      #expect(found.shape == [8, 6, 3, 3] && known.shape == [8, 3, 3, 3])
      guard case .float32(let values) = found.contents, case .float32(let taken) = known.contents
      else { continue }
      let bound = Float(1 / 54.0.squareRoot())
      for output in 0..<8 {
        let row = values[output * 54..<(output + 1) * 54]
        #expect(Array(row.prefix(27)) == Array(taken[output * 27..<(output + 1) * 27]))
        let fresh = row.suffix(27)
        #expect(fresh.allSatisfy { abs($0) <= bound } && Set(fresh).count > 20)
      }
    }
    options.learningRate = 1e-3
    _ = try train("whole", options: options)
    _ = try train("stopped", until: 4, options: options)
    _ = try train("stopped", threads: 2, options: options)
    #expect(try bytes("stopped") == bytes("whole"))
    // Another start is another training.
    var other = options
    other.start = nil
    #expect(throws: StainingError.self) { _ = try train("stopped", options: other) }
    #expect(throws: StainingError.self) {
      _ = try StartingWeights(
        model: identityModel(microns: 0.5), path: path, isConditional: true, seed: 4)
    }
  }

  @Test(
    "a bridge without noise is walked without it, and a wild step size is reported with its tiles")
  func variants() throws {
    var still = options
    still.totalSteps = 3
    still.schedule = BridgeSchedule(BridgeSchedule.Options(isDeterministic: true))
    _ = try train("still", options: still)
    let card = try StainModel(path: TrainingFiles(model: folder.path("still")).model).card
    #expect(card.bridge?.sampler == .otODE)
    var wild = options
    wild.learningRate = 1e30
    let error = #expect(throws: StainingError.self) { _ = try train("wild", options: wild) }
    #expect(error.map { "\($0)".contains("toy_") } == true)
  }
}
