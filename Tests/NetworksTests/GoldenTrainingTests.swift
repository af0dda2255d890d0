import Foundation
import Networks
import Tensors
import Testing

/// Element-wise agreement with PyTorch on a small training; the fixture and its script are
/// Tests/Reference/pix2pix_golden.py.
struct GoldenTrainingTests {
  /// Sums of up to 4096 products in single precision, in another order: about √4096 · 6e-8 = 4e-6 of the
  /// largest element, where terms cancel; twice that through the layers.
  private static let relative: Float = 1e-5
  private static let absoluteOfLargest: Float = 1e-5

  private let fixture: SafetensorsFile
  private let input: Tensor
  private let target: Tensor
  private let generator = UNetGenerator(baseChannels: 2, downCount: 6, seed: 11)
  private let discriminator = PatchDiscriminator(baseChannels: 2, seed: 12)
  private let context = ComputeContext()

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    fixture = try SafetensorsFile(
      contentsOf: folder.appendingPathComponent("Fixtures/pix2pix.safetensors").path)
    input = randomPictures(count: 2, size: 64, seed: 14, stream: 0)
    target = randomPictures(count: 2, size: 64, seed: 14, stream: 1)
  }

  private func trainer() -> Pix2pixTrainer {
    Pix2pixTrainer(
      generator: generator, discriminator: discriminator,
      options: Pix2pixOptions(totalSteps: 10), seed: 13)
  }

  @Test("the generated pictures are PyTorch's")
  func output() throws {
    let output = generator.forward(
      input, dropout: .step(seed: 13, number: 0), context: context
    ).output
    var sampled: [Float] = []
    for sample in 0..<2 {
      for y in stride(from: 0, to: 64, by: 2) {
        for x in stride(from: 0, to: 64, by: 2) {
          let offset = ((sample * 64 + y) * 64 + x) * 3
          sampled += output.values[offset..<offset + 3]
        }
      }
    }
    let expected = try #require(fixture.state["output"])
    expectClose(sampled, floats(expected), "output", Self.relative, Self.absoluteOfLargest)
  }

  @Test("every element of the discriminator's gradient is PyTorch's")
  func discriminatorGradient() {
    let fake = generator.forward(
      input, dropout: .step(seed: 13, number: 0), context: context
    ).output
    let weights = discriminator.weights(context: context)
    var gradient: ParameterGradient? = discriminator.zeroGradient
    for (picture, goal) in [(fake, 0.0), (target, 1.0)] {
      let (logits, cache) = discriminator.forward(
        [input, picture], weights: weights, context: context)
      let loss = Losses.binaryCrossEntropy(logits: logits, target: goal, weight: 0.5)
      discriminator.backward(loss.gradient, cache: cache, gradient: &gradient, context: context)
    }
    let named = discriminator.named(gradient ?? discriminator.zeroGradient)
    expectState(named, fixture.state(prefix: "gradient.discriminator."), isComplete: true)
  }

  @Test("every element of the generator's gradient is PyTorch's")
  func generatorGradient() throws {
    let (fake, cache) = generator.forward(
      input, dropout: .step(seed: 13, number: 0), context: context)
    var trainer = trainer()
    trainer.step(input: input, target: target, context: context)
    let updated = trainer.discriminator
    let (logits, passed) = updated.forward(
      [input, fake], weights: updated.weights(context: context), context: context)
    let adversarial = Losses.binaryCrossEntropy(logits: logits, target: 1)
    let difference = Losses.absoluteDifference(prediction: fake, target: target, weight: 100)
    var none: ParameterGradient?
    let slope = try #require(
      updated.backward(
        adversarial.gradient, cache: passed, gradient: &none, inputChannels: 3..<6,
        context: context))
    let gradient = generator.backward(
      difference.gradient.adding(slope, context: context), cache: cache, context: context)
    expectState(
      generator.named(gradient), fixture.state(prefix: "gradient.generator."), isComplete: true)
  }

  @Test("the losses of 10 steps and the parameters after them are PyTorch's")
  func tenSteps() throws {
    var trainer = trainer()
    let expected = floats(try #require(fixture.state["losses"]))
    for step in 0..<10 {
      let losses = trainer.step(input: input, target: target, context: context)
      let found = [
        losses.generatorAdversarial, losses.generatorL1, losses.discriminatorReal,
        losses.discriminatorFake,
      ].map { Float($0) }
      expectClose(
        found, Array(expected[4 * step..<4 * step + 4]), "losses of step \(step)", Self.relative, 0)
    }
    expectState(trainer.generator.state, fixture.state(prefix: "after.generator."))
    expectState(trainer.discriminator.state, fixture.state(prefix: "after.discriminator."))
  }

  private func expectState(
    _ found: StateDictionary, _ expected: StateDictionary, isComplete: Bool = false
  ) {
    if isComplete { #expect(Set(found.tensors.map(\.name)) == Set(expected.tensors.map(\.name))) }
    for tensor in expected.tensors {
      guard let other = found[tensor.name] else {
        Issue.record("\(tensor.name) is missing")
        continue
      }
      #expect(other.shape == tensor.shape)
      if case .int64 = tensor.contents { #expect(other == tensor) }
      // Adam divides a gradient by its own size, so each of the ten updates carries the gradient's
      // relative error of 1e-5; biases, which start from 0, are such updates and nothing else.
      expectClose(
        floats(other), floats(tensor), tensor.name, Self.relative,
        isComplete ? Self.absoluteOfLargest : 1e-4)
    }
  }
}
