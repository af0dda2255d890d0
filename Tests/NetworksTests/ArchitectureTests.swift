import Foundation
import Networks
import Tensors
import Testing

struct ArchitectureTests {
  private let context = ComputeContext()

  @Test("at width 64 the networks have the reference's parameter counts, names, shapes and order")
  func fullSize() throws {
    let generator = UNetGenerator(baseChannels: 64, seed: 1)
    let discriminator = PatchDiscriminator(baseChannels: 64, seed: 1)
    #expect(generator.parameterCount == 54_413_955)
    #expect(discriminator.parameterCount == 2_768_705)
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/pix2pix-keys.txt")
    let expected = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
    let found = [("generator", generator.state), ("discriminator", discriminator.state)]
      .flatMap { network, state in
        state.tensors.map {
          "\(network) \($0.name) \($0.shape.map(String.init).joined(separator: "x"))"
        }
      }
    #expect(generator.state.tensors.count == 82)
    #expect(
      found == expected.map { $0.hasSuffix(" ") ? String($0) : String($0) })
  }

  @Test("initial weights are N(0, 0.02²), normalisation factors N(1, 0.02²), offsets and bias 0")
  func initialization() throws {
    let state = UNetGenerator(baseChannels: 8, seed: 1).state
    func moments(_ name: String) throws -> (mean: Double, deviation: Double, count: Double) {
      let values = floats(try #require(state[name])).map { Double($0) }
      let mean = values.reduce(0, +) / Double(values.count)
      let square = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      return (mean, square.squareRoot(), Double(values.count))
    }
    let weights = try moments("model.model.1.model.3.model.1.weight")
    #expect(abs(weights.mean) < 5 * 0.02 / weights.count.squareRoot())
    #expect(abs(weights.deviation - 0.02) < 5 * 0.02 / (2 * weights.count).squareRoot())
    let factors = try moments("model.model.1.model.3.model.3.model.2.weight")
    #expect(abs(factors.mean - 1) < 5 * 0.02 / factors.count.squareRoot())
    #expect(floats(try #require(state["model.model.3.bias"])) == [0, 0, 0])
    #expect(UNetGenerator(baseChannels: 8, seed: 1) == UNetGenerator(baseChannels: 8, seed: 1))
    #expect(UNetGenerator(baseChannels: 8, seed: 1) != UNetGenerator(baseChannels: 8, seed: 2))
  }

  @Test("the discriminator sees 256 pixels as 30 windows and 512 as 62")
  func windows() {
    let discriminator = PatchDiscriminator(baseChannels: 1, seed: 1)
    let weights = discriminator.weights(context: context)
    for (size, expected) in [(256, 30), (512, 62)] {
      let picture = Tensor(zeros: [1, size, size, 3])
      let logits = discriminator.forward(
        [picture, picture], weights: weights, context: context
      ).logits
      #expect(logits.shape == [1, expected, expected, 1])
    }
  }

  @Test("a generator refuses sizes that are no multiple of 256 and takes those that are")
  func sizes() throws {
    let predictor = UNetGenerator(baseChannels: 1, seed: 1)
      .prepared(normalization: .running, context: context)
    for (height, width) in [(255, 256), (256, 128), (0, 256)] {
      #expect(
        throws: NetworkError.unsuitableSize(height: height, width: width, multiple: 256)
      ) {
        try predictor.predict(Tensor(zeros: [1, height, width, 3]), context: context)
      }
    }
    let wide = try predictor.predict(Tensor(zeros: [1, 256, 512, 3]), context: context)
    #expect(wide.shape == [1, 256, 512, 3])
  }

  @Test("with all weights 0 the output is tanh of the last bias everywhere")
  func biasOnly() throws {
    let state = UNetGenerator(baseChannels: 2, seed: 1).state
    let bias: [Float] = [0.5, -1, 0.01]
    let changed = state.tensors.map { tensor in
      switch tensor.contents {
      case .int64: tensor
      case .float32(let values):
        tensor.name == "model.model.3.bias"
          ? NamedTensor(tensor.name, tensor.shape, bias)
          : tensor.name.contains("running")
            ? tensor : NamedTensor(tensor.name, tensor.shape, values.map { _ in 0 })
      }
    }
    let generator = try UNetGenerator(state: StateDictionary(changed))
    let output = try generator.prepared(normalization: .running, context: context)
      .predict(randomPictures(count: 1, size: 256, seed: 1), context: context)
    let expected = bias.map { Float(tanh(Double($0))) }
    for (index, value) in output.values.enumerated() {
      // The vector tangent is right to 3e-7 of itself.
      guard abs(value - expected[index % 3]) <= 3e-7 * abs(expected[index % 3]) else {
        Issue.record("element \(index) is \(value)")
        return
      }
    }
  }

  @Test("a network made from another's state is the same network")
  func stateRoundTrip() throws {
    let generator = UNetGenerator(baseChannels: 3, downCount: 6, seed: 4)
    #expect(try UNetGenerator(state: generator.state) == generator)
    let discriminator = PatchDiscriminator(baseChannels: 3, seed: 4)
    #expect(try PatchDiscriminator(state: discriminator.state) == discriminator)
  }

  @Test("a state that lacks a tensor, or has it in another shape, is refused by name")
  func badStates() {
    let state = UNetGenerator(baseChannels: 2, downCount: 5, seed: 4).state
    let name = "model.model.1.model.2.bias"
    let without = StateDictionary(state.tensors.filter { $0.name != name })
    #expect(throws: NetworkError.missingTensor(name: name)) {
      try UNetGenerator(state: without)
    }
    let wrong = StateDictionary(
      state.tensors.map { $0.name == name ? NamedTensor(name, [2], [0, 0]) : $0 })
    #expect(throws: NetworkError.wrongShape(name: name, expected: [4], found: [2])) {
      try UNetGenerator(state: wrong)
    }
    #expect(throws: NetworkError.self) { try UNetGenerator(state: StateDictionary([])) }
    #expect(throws: NetworkError.self) { try PatchDiscriminator(state: state) }
  }

  @Test("a state of PyTorch before 0.4.1, without batch counts, is taken")
  func withoutBatchCounts() throws {
    let state = UNetGenerator(baseChannels: 2, downCount: 5, seed: 4).state
    let old = StateDictionary(state.tensors.filter { !$0.name.hasSuffix("num_batches_tracked") })
    #expect(try UNetGenerator(state: old).state == state)
  }
}
