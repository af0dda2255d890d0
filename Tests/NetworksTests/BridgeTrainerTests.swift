import Foundation
import Networks
import Tensors
import Testing

struct BridgeTrainerTests {
  private let configuration = DiffusionConfiguration(
    baseChannels: 8, multipliers: [1, 2], residualBlocks: 1, headChannels: 8, isConditional: true,
    groupCount: 4)
  private let target = randomPictures(count: 3, size: 8, seed: 1)
  private let source = randomPictures(count: 3, size: 8, seed: 2)

  private let schedule = BridgeSchedule()
  private let quiet = BridgeSchedule(BridgeSchedule.Options(isDeterministic: true))

  private func trainer(
    _ schedule: BridgeSchedule = BridgeSchedule(),
    _ change: (inout BridgeOptions) -> Void = { _ in }
  ) -> BridgeTrainer {
    var options = BridgeOptions()
    options.learningRate = 1e-3
    options.rateSteps = 2
    change(&options)
    return BridgeTrainer(
      network: DiffusionUNet(configuration: configuration, seed: 3), schedule: schedule,
      options: options, seed: 4)
  }

  private func run(
    _ trainer: inout BridgeTrainer, _ count: Int, threads: Int = 1
  ) throws -> [BridgeLosses] {
    let context = ComputeContext(parallelism: Parallelism(threadCount: threads))
    return try (0..<count).map { _ in
      try trainer.step(
        target: target, source: source, context: context)
    }
  }

  @Test("states have the mean and deviation of the bridge, labels point from the target")
  func batch() {
    let count = 8
    let ones = Tensor(shape: [count, 64, 64, 3]) {
      $0.initialize(repeating: 1, count: count * 12288)
    }
    let minusOnes = Tensor(
      shape: ones.shape, values: [Float](repeating: -1, count: ones.count))
    let batch = BridgeBatch(
      target: ones, source: minusOnes, schedule: schedule, seed: 5,
      streams: (0..<UInt64(count)).map { $0 }, context: ComputeContext())
    for sample in 0..<count {
      let step = batch.steps[sample]
      #expect(batch.levels[sample] == schedule.time(step))
      let values = batch.states.values[sample * 12288..<(sample + 1) * 12288].map { Double($0) }
      let mean = values.reduce(0, +) / 12288
      let deviation =
        (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 12288).squareRoot()
      let expected = schedule.targetShares[step] - schedule.sourceShares[step]
      let spread = schedule.deviations[step]
      // 12,288 draws: five deviations of their mean (√12288 = 110.8) and of their deviation.
      let (meanBound, spreadBound) = (5 * spread / 110.8, 5 * spread / 156.7)
      #expect(abs(mean - expected) < meanBound)
      #expect(abs(deviation - spread) < spreadBound)
      let label = batch.labels.values[sample * 12288]
      let back = 1 + label * Float(schedule.forwardDeviations[step])
      #expect(abs(back - batch.states.values[sample * 12288]) < 1e-5)
    }
    #expect(Set(batch.steps).count > 2)
    let mixed = BridgeBatch(
      target: ones, source: minusOnes, schedule: quiet, seed: 5,
      streams: (0..<UInt64(count)).map { $0 }, context: ComputeContext())
    #expect(mixed.steps == batch.steps)
    #expect(Set(mixed.states.values[..<12288]).count == 1)
  }

  @Test("a pair's draws depend on its stream alone")
  func streams() {
    let context = ComputeContext(parallelism: Parallelism(threadCount: 3))
    func batch(_ streams: [UInt64]) -> BridgeBatch {
      let zero = Tensor(zeros: [streams.count, 5, 7, 3])
      return BridgeBatch(
        target: zero, source: zero, schedule: schedule, seed: 6, streams: streams,
        context: context)
    }
    let both = batch([7, 9])
    let (first, second) = (batch([7]).states.values, batch([9]).states.values)
    #expect(both.states.values == first + second)
    #expect(batch([7]).states != batch([8]).states)
  }

  @Test("training is the same bits on 1, 2 and 3 threads")
  func threads() throws {
    var single = trainer()
    let losses = try run(&single, 3)
    for threads in 2...3 {
      var other = trainer()
      #expect(try run(&other, 3, threads: threads) == losses)
      #expect(other == single)
    }
  }

  @Test("a run that is saved, read and continued ends in the same bits as one that went through")
  func resume() throws {
    var through = trainer()
    _ = try run(&through, 4)
    var first = trainer()
    _ = try run(&first, 2)
    let bytes = first.checkpoint(metadata: ["sampler": "x"]).data()
    let file = try SafetensorsFile(data: bytes, name: "checkpoint")
    #expect(file.metadata["sampler"] == "x")
    var second = try BridgeTrainer(checkpoint: file)
    #expect(second == first)
    _ = try run(&second, 2)
    #expect(second == through)
    #expect(second.checkpoint().data() == through.checkpoint().data())
    #expect(throws: NetworkError.self) {
      try BridgeTrainer(checkpoint: SafetensorsFile(tensors: file.tensors, metadata: [:]))
    }
    var incomplete = file
    incomplete.tensors.removeLast()
    #expect(throws: NetworkError.missingTensor(name: "out.2.bias")) {
      try BridgeTrainer(checkpoint: incomplete)
    }
  }

  @Test("micro-batches add up to three times the mean gradient, and give the same mean loss")
  func microBatches() throws {
    var whole = trainer()
    let once = try run(&whole, 1)[0]
    var parts = trainer(schedule) { $0.microBatchSize = 1 }
    let apart = try run(&parts, 1)[0]
    // Sums of 576 squares in another order.
    #expect(abs(apart.loss / once.loss - 1) < 1e-6)
    #expect(abs(apart.gradientNorm / once.gradientNorm - 3) < 1e-4)
  }

  @Test(
    "the first loss is the mean square of the labels; to negate pictures is learnt in 100 steps")
  func learning() throws {
    var trainer = trainer(quiet) { $0.learningRate = 3e-3 }
    let negative = Tensor(shape: source.shape, values: source.values.map { -$0 })
    let losses = try (0..<100).map { _ in
      try trainer.step(target: negative, source: source, context: ComputeContext()).loss
    }
    let batch = BridgeBatch(
      target: negative, source: source, schedule: quiet, seed: 4, streams: [0, 1, 2],
      context: ComputeContext())
    let square =
      batch.labels.values.reduce(0) { $0 + Double($1) * Double($1) } / Double(batch.labels.count)
    #expect(abs(losses[0] / square - 1) < 1e-6)
    let (early, late) = (losses.prefix(10).reduce(0, +), losses.suffix(10).reduce(0, +))
    #expect(late < early / 2)
  }

  @Test("the step size decays in steps; the average warms up and follows the parameters")
  func schedules() throws {
    let options = BridgeOptions()
    #expect(options.learningRate(atStep: 999) == 5e-5)
    #expect(options.learningRate(atStep: 1000) == 5e-5 * 0.99)
    #expect(options.averageDecay(atUpdate: 1) == 2.0 / 11)
    #expect(options.averageDecay(atUpdate: 10_000) == 0.99)
    var trainer = trainer()
    let start = trainer.network.state
    #expect(trainer.averagedNetwork == trainer.network)
    _ = try run(&trainer, 1)
    let name = "input_blocks.0.0.weight"
    let before = floats(try #require(start[name]))
    let after = floats(try #require(trainer.network.state[name]))
    let average = floats(try #require(trainer.averagedNetwork.state[name]))
    for index in before.indices {
      // d = 2/11: the average has gone 9/11 of the way.
      let expected = before[index] + 9.0 / 11 * (after[index] - before[index])
      #expect(abs(average[index] - expected) < 1e-7)
    }
  }

  @Test("weight decay shrinks parameters by itself, apart from the gradient")
  func weightDecay() throws {
    var plain = trainer()
    var decayed = trainer(schedule) { $0.weightDecay = 0.1 }
    let start = floats(try #require(plain.network.state["time_embed.0.weight"]))
    _ = try run(&plain, 1)
    _ = try run(&decayed, 1)
    let without = floats(try #require(plain.network.state["time_embed.0.weight"]))
    let with = floats(try #require(decayed.network.state["time_embed.0.weight"]))
    for index in start.indices {
      // A step of 1e-3 takes a share of 1e-4.
      let taken = without[index] - with[index]
      #expect(abs(taken - 1e-4 * start[index]) < 1e-7)
    }
  }

  @Test("numbers that are not finite stop the step and leave the trainer as it was")
  func divergence() throws {
    var trainer = trainer()
    _ = try run(&trainer, 1)
    let before = trainer
    var broken = source
    broken.values[5] = .nan
    #expect(throws: NetworkError.diverged(step: 2)) {
      try trainer.step(
        target: target, source: broken, context: ComputeContext())
    }
    #expect(trainer == before)
  }
}
