import Foundation
import Networks
import Tensors
import Testing

struct DiffusionTests {
  @Test("the reference's network has its parameter counts, names, shapes and order")
  func reference() throws {
    #expect(DiffusionConfiguration.reference.parameterCount == 552_807_171)
    #expect(DiffusionConfiguration.reference.conditional(true).parameterCount == 552_814_083)
    let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/diffusion-keys.txt")
    let expected = try String(contentsOf: url, encoding: .utf8).split(separator: "\n")
    let found = DiffusionConfiguration.reference.parameterShapes.map {
      "\($0.name) \($0.shape.map(String.init).joined(separator: "x"))"
    }
    #expect(found.count == 566)
    #expect(found == expected.map(String.init))
    let conditional = DiffusionConfiguration.reference.conditional(true).parameterShapes
    #expect(conditional[4].name == "input_blocks.0.0.weight")
    #expect(conditional[4].shape == [256, 6, 3, 3])
  }

  @Test("the presets have the sizes that they state")
  func presets() {
    #expect(DiffusionConfiguration.small.conditional(true).parameterCount == 2_963_907)
    #expect(DiffusionConfiguration.medium.parameterCount == 16_334_339)
    #expect(DiffusionConfiguration.small.sizeMultiple == 4)
    // The sheet's 160.2 and 1,119 thousand millions.
    let medium = DiffusionConfiguration.medium.multiplyAddCount(height: 256, width: 256)
    #expect((medium + 500_000) / 1_000_000 == 160_216)
    let large = DiffusionConfiguration.reference.multiplyAddCount(height: 256, width: 256)
    #expect(large / 1_000_000_000 == 1_119)
    #expect(DiffusionConfiguration.reference.sizeMultiple == 32)
  }

  @Test("a network starts by predicting nothing, and its other weights within PyTorch's bounds")
  func initialization() throws {
    let configuration = DiffusionConfiguration(
      baseChannels: 8, multipliers: [1, 2], residualBlocks: 1, headChannels: 8, groupCount: 4)
    let network = DiffusionUNet(configuration: configuration, seed: 5)
    let context = ComputeContext()
    let predictor = try DiffusionPredictor(
      configuration: configuration, state: network.state, context: context)
    let output = try predictor.predict(
      randomPictures(count: 1, size: 8, seed: 1), levels: [500], context: context)
    #expect(output == Tensor(zeros: [1, 8, 8, 3]))
    let weights = floats(try #require(network.state["input_blocks.1.0.in_layers.2.weight"]))
    let bound = Float((1 / 72.0).squareRoot())
    #expect(weights.allSatisfy { abs($0) <= bound })
    let square = weights.reduce(0) { $0 + Double($1) * Double($1) } / Double(weights.count)
    // 576 uniform draws: a variance of bound² / 3, known to √(0.8 / 576) = 4 %.
    #expect(abs(square / (Double(bound * bound) / 3) - 1) < 5 * 0.04)
    let factors = floats(try #require(network.state["input_blocks.1.0.in_layers.0.weight"]))
    #expect(factors == [Float](repeating: 1, count: 8))
    let last = floats(try #require(network.state["middle_block.1.proj_out.weight"]))
    #expect(last.allSatisfy { $0 == 0 })
    #expect(network == DiffusionUNet(configuration: configuration, seed: 5))
    #expect(network != DiffusionUNet(configuration: configuration, seed: 6))
  }

  @Test("a state gives the network back, and a wrong one is refused by name")
  func state() throws {
    let configuration = GoldenDiffusionTests.forms[0].configuration
    let network = DiffusionUNet(configuration: configuration, seed: 7)
    #expect(
      try DiffusionUNet(configuration: configuration, state: network.state) == network)
    var state = network.state
    state.tensors.removeAll { $0.name == "out.2.bias" }
    #expect(throws: NetworkError.missingTensor(name: "out.2.bias")) {
      try DiffusionUNet(configuration: configuration, state: state)
    }
    #expect(throws: NetworkError.self) {
      try DiffusionPredictor(
        configuration: configuration.conditional(false), state: network.state,
        context: ComputeContext())
    }
    var impossible = configuration
    impossible.groupCount = 5
    #expect(throws: NetworkError.self) {
      try DiffusionUNet(configuration: impossible, state: network.state)
    }
  }

  @Test("a tile's prediction depends neither on threads nor on its batch", arguments: 0..<2)
  func independence(index: Int) throws {
    let (_, configuration, seed) = GoldenDiffusionTests.forms[index]
    let state = GoldenDiffusionTests.state(configuration, seed: seed)
    let tiles = GoldenDiffusionTests.picture(0)
    let condition = configuration.isConditional ? GoldenDiffusionTests.picture(1) : nil
    func part(_ tensor: Tensor, _ sample: Int) -> Tensor {
      let size = tensor.count / 2
      return Tensor(
        shape: [1] + tensor.shape.dropFirst(),
        values: Array(tensor.values[sample * size..<(sample + 1) * size]))
    }
    for kernels in KernelFamily.allCases where kernels.isSupported {
      let one = ComputeContext(parallelism: .serial, kernels: kernels)
      let three = ComputeContext(parallelism: Parallelism(threadCount: 3), kernels: kernels)
      let predictor = try DiffusionPredictor(
        configuration: configuration, state: state, context: one)
      let levels = GoldenDiffusionTests.levels
      let together = try predictor.predict(
        tiles, levels: levels, condition: condition, context: one)
      #expect(
        try predictor.predict(tiles, levels: levels, condition: condition, context: three)
          == together)
      for sample in 0..<2 {
        let alone = try predictor.predict(
          part(tiles, sample), levels: [levels[sample]],
          condition: condition.map { part($0, sample) }, context: one)
        #expect(alone == part(together, sample))
      }
    }
  }

  @Test("a tile of an unsuitable size is refused")
  func size() throws {
    let configuration = GoldenDiffusionTests.forms[1].configuration
    let predictor = try DiffusionPredictor(
      configuration: configuration,
      state: DiffusionUNet(configuration: configuration, seed: 1).state,
      context: ComputeContext())
    #expect(throws: NetworkError.unsuitableSize(height: 9, width: 9, multiple: 2)) {
      try predictor.predict(
        Tensor(zeros: [1, 9, 9, 3]), levels: [1], context: ComputeContext())
    }
  }
}
