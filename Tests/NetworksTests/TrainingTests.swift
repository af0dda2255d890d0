import Foundation
import Networks
import Tensors
import Testing

struct TrainingTests {
  private let input = randomPictures(count: 1, size: 64, seed: 1)
  private let target = randomPictures(count: 1, size: 64, seed: 2)

  private func trainer(steps: Int = 100, averageDecay: Double? = nil) -> Pix2pixTrainer {
    var options = Pix2pixOptions(totalSteps: steps)
    options.averageDecay = averageDecay
    return Pix2pixTrainer(
      generator: UNetGenerator(baseChannels: 4, downCount: 6, seed: 1),
      discriminator: PatchDiscriminator(baseChannels: 4, seed: 2), options: options, seed: 3)
  }

  @Test("the first losses of the discriminator average 0.69 to 0.75")
  func firstLosses() {
    var trainer = trainer()
    let losses = trainer.step(input: input, target: target, context: ComputeContext())
    let mean = (losses.discriminatorReal + losses.discriminatorFake) / 2
    #expect((0.66...0.78).contains(mean))
    #expect(trainer.completedSteps == 1)
  }

  @Test("training is the same bits on 1, 2 and 4 threads")
  func threads() {
    func run(_ threadCount: Int) -> Pix2pixTrainer {
      var trainer = trainer()
      let context = ComputeContext(parallelism: Parallelism(threadCount: threadCount))
      for _ in 0..<3 { trainer.step(input: input, target: target, context: context) }
      return trainer
    }
    let single = run(1)
    #expect(single == run(2))
    #expect(single == run(4))
  }

  @Test("a run that is saved, read and continued ends in the same bits as one that went through")
  func resume() throws {
    let context = ComputeContext(parallelism: Parallelism(threadCount: 2))
    var through = trainer()
    for _ in 0..<6 { through.step(input: input, target: target, context: context) }
    var first = trainer()
    for _ in 0..<3 { first.step(input: input, target: target, context: context) }
    let bytes = first.checkpoint(metadata: ["sampler": "{\"seed\":1}"]).data()
    let file = try SafetensorsFile(data: bytes, name: "checkpoint")
    #expect(file.metadata["sampler"] == "{\"seed\":1}")
    var second = try Pix2pixTrainer(checkpoint: file)
    #expect(second == first)
    for _ in 0..<3 { second.step(input: input, target: target, context: context) }
    #expect(second == through)
    #expect(second.checkpoint().data() == through.checkpoint().data())
  }

  @Test("the average follows the weights by (1 + k) / (10 + k), up to its decay")
  func average() throws {
    let context = ComputeContext()
    var plain = trainer()
    var averaging = trainer(averageDecay: 0.6)
    #expect(averaging.averagedGenerator == averaging.generator)
    let name = try #require(plain.generator.state.tensors.first?.name)
    var expected: [Float] = []
    // From the eighth on, every eighth step moves by the decay of eight: 9/18 a step, then the limit.
    for step in 1...16 {
      plain.step(input: input, target: target, context: context)
      averaging.step(input: input, target: target, context: context)
      #expect(averaging.generator == plain.generator)
      if step == 7 { #expect(averaging.averagedGenerator.state == plain.generator.state) }
      if step == 7 { expected = floats(try #require(plain.generator.state[name])) }
      guard step.isMultiple(of: 8) else { continue }
      let decay = Float(pow(step == 8 ? 0.5 : 0.6, 8))
      let weights = floats(try #require(plain.generator.state[name]))
      expected = zip(expected, weights).map { $0 * decay + $1 * (1 - decay) }
      let found = floats(try #require(averaging.averagedGenerator.state[name]))
      // Both round to 6e-8 of weights below 0.2, a few times a step.
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-7 })
    }
    #expect(averaging.averagedGenerator != averaging.generator)
    #expect(plain.averagedGenerator == plain.generator)
    let file = try SafetensorsFile(data: averaging.checkpoint().data(), name: "checkpoint")
    #expect(try Pix2pixTrainer(checkpoint: file) == averaging)
  }

  @Test("a file that is no checkpoint is refused")
  func noCheckpoint() {
    let file = SafetensorsFile(tensors: [], metadata: [:])
    #expect(throws: NetworkError.self) { try Pix2pixTrainer(checkpoint: file) }
  }

  @Test("the step size is constant for half of the steps, then falls linearly and never to 0")
  func schedule() {
    let options = Pix2pixOptions(totalSteps: 10)
    let factors = (0..<10).map { options.learningRate(atStep: $0) / options.learningRate }
    #expect(factors[..<5].allSatisfy { $0 == 1 })
    for (index, factor) in factors[5...].enumerated() {
      #expect(abs(factor - Double(5 - index) / 6) < 1e-12)
    }
    #expect(Pix2pixOptions(totalSteps: 1).learningRate(atStep: 0) == 2e-4)
  }

  @Test("one pair is learnt to a mean error of 0.05 within 1,000 steps")
  func overfit() {
    // A smooth pair: noise has no structure to learn through the inner levels.
    func picture(_ phase: Float) -> Tensor {
      var values: [Float] = []
      for y in 0..<64 {
        for x in 0..<64 {
          for channel in 0..<3 {
            let wave = Float((x * (channel + 1) + y * 3) % 64) / 32 - 1
            values.append(wave * phase + (1 - abs(phase)) * Float(y) / 64)
          }
        }
      }
      return Tensor(shape: [1, 64, 64, 3], values: values)
    }
    let context = ComputeContext(parallelism: Parallelism(threadCount: 2))
    var trainer = Pix2pixTrainer(
      generator: UNetGenerator(baseChannels: 16, downCount: 6, seed: 1),
      discriminator: PatchDiscriminator(baseChannels: 4, seed: 2),
      options: Pix2pixOptions(totalSteps: 1000), seed: 3)
    var best = Double.infinity
    for _ in 0..<1000 where best >= 0.05 {
      let losses = trainer.step(
        input: picture(1), target: picture(-0.5), context: context)
      best = min(best, losses.generatorL1)
    }
    #expect(best < 0.05)
  }

  @Test("the gradient of the whole generator agrees with central differences")
  func generatorGradient() throws {
    let context = ComputeContext()
    let generator = UNetGenerator(baseChannels: 4, downCount: 5, seed: 7)
    let picture = randomPictures(count: 2, size: 32, seed: 3)
    let slopes = randomPictures(count: 2, size: 32, seed: 4)
    let (_, cache) = generator.forward(picture, dropout: nil, context: context)
    let gradient = generator.named(generator.backward(slopes, cache: cache, context: context))
    func loss(_ state: StateDictionary) throws -> Double {
      let output = try UNetGenerator(state: state)
        .forward(picture, dropout: nil, context: context).output
      return zip(output.values, slopes.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    // Along each tensor's own gradient: the slope there is the gradient's length.
    for tensor in gradient.tensors {
      let direction = floats(tensor)
      let length = direction.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      // A step that changes the loss by 1e-3 either way, whatever the tensor.
      let step = 1e-3 / length
      func moved(_ distance: Double) throws -> StateDictionary {
        try generator.state.moved(along: tensor, by: distance / length)
      }
      let slope = (try loss(moved(step)) - loss(moved(-step))) / (2 * step)
      // 6,144 outputs rounded to 6e-8 make the loss uncertain by 5e-6, 0.25 % of the difference; kinks of
      // the rectifications within the step weigh the rest. PyTorch's gradient is the sharp test.
      #expect(abs(slope - length) < 0.01 * length, "\(tensor.name): \(slope) for \(length)")
    }
  }
}
