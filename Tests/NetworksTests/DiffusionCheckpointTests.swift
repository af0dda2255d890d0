import Foundation
import Networks
import Tensors
import Testing

/// Checkpoints of PyTorch with diffusion networks; the fixtures and their script are
/// Tests/Reference/bridge_checkpoint_golden.py.
struct DiffusionCheckpointTests {
  // PyTorch's single precision against ours, see GoldenDiffusionTests: twice 2e-6 of an output of size 2.
  private static let relative: Float = 1e-5
  private static let absoluteOfLargest: Float = 1e-5

  private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures")

  private func checkpoint(
    _ name: String, prefersAverage: Bool = true
  ) throws -> DiffusionCheckpoint {
    try DiffusionCheckpoint(
      PyTorchFile(contentsOf: folder.appendingPathComponent(name).path),
      prefersAverage: prefersAverage, groupCount: 1, headChannels: 2)
  }

  private func expectOutput(_ checkpoint: DiffusionCheckpoint, _ name: String) throws {
    let expected = try #require(
      SafetensorsFile(
        contentsOf: folder.appendingPathComponent("bridge-output.safetensors").path
      ).state[name])
    let predictor = try DiffusionPredictor(
      configuration: checkpoint.configuration, state: checkpoint.state(), context: ComputeContext())
    let output = try predictor.predict(
      GoldenDiffusionTests.picture(0), levels: GoldenDiffusionTests.levels,
      condition: checkpoint.configuration.isConditional ? GoldenDiffusionTests.picture(1) : nil,
      context: ComputeContext())
    expectClose(
      output.values, floats(expected), name, Self.relative, Self.absoluteOfLargest)
  }

  @Test(
    "a training checkpoint gives its running average, or its network, and predicts as PyTorch does")
  func latest() throws {
    let average = try checkpoint("bridge-latest.pt")
    let expected = DiffusionConfiguration(
      baseChannels: 2, multipliers: [1, 2], residualBlocks: 1, attentionFactors: [2],
      headChannels: 2, isConditional: true, groupCount: 1)
    #expect(average.configuration == expected)
    #expect(average.isAverage)
    try expectOutput(average, "latest.average")
    let network = try checkpoint("bridge-latest.pt", prefersAverage: false)
    #expect(!network.isAverage)
    try expectOutput(network, "latest.network")
    // The script's step of the optimiser changed the first convolution.
    #expect(try network.state() != average.state())
  }

  @Test("a bare state dictionary that also predicts a variance gives the direction")
  func variance() throws {
    let adm = try checkpoint("bridge-adm.pt")
    #expect(!adm.isAverage && !adm.configuration.isConditional)
    #expect(try adm.state()["out.2.weight"]?.shape == [3, 2, 3, 3])
    try expectOutput(adm, "adm")
  }

  @Test(
    "every form is read from the shapes of its parameters",
    arguments: [
      .small, .medium.conditional(true), .reference, GoldenDiffusionTests.forms[0].configuration,
      GoldenDiffusionTests.forms[1].configuration,
      DiffusionConfiguration(baseChannels: 64, multipliers: [1], residualBlocks: 1),
      DiffusionConfiguration(
        baseChannels: 64, multipliers: [2, 1, 3], residualBlocks: 3, attentionFactors: [1, 4],
        hasScaleShift: false, hasResidualResampling: false),
    ])
  func shapes(configuration: DiffusionConfiguration) throws {
    let shapes = Dictionary(
      configuration.parameterShapes.map { ($0.name, $0.shape) }, uniquingKeysWith: { $1 })
    let found = try DiffusionConfiguration(
      shapes: shapes, groupCount: configuration.groupCount,
      headChannels: configuration.headChannels)
    var expected = configuration
    expected.attentionFactors.sort()
    #expect(found == expected)
    var wrong = shapes
    wrong["middle_block.1.qkv.bias"] = [7]
    #expect(throws: NetworkError.self) {
      try DiffusionConfiguration(
        shapes: wrong, groupCount: configuration.groupCount,
        headChannels: configuration.headChannels)
    }
    wrong = shapes
    wrong["label_emb.weight"] = [1000, 256]
    #expect(throws: NetworkError.self) {
      try DiffusionConfiguration(
        shapes: wrong, groupCount: configuration.groupCount,
        headChannels: configuration.headChannels)
    }
  }

  @Test("other networks, and shapes that make no sense, are refused")
  func foreign() throws {
    #expect(throws: NetworkError.self) { try DiffusionConfiguration(shapes: [:]) }
    // A card says anything: nothing that cannot be counted may be multiplied.
    for count in [Int.max, 65_536, 70_000, 0] {
      let wide = DiffusionConfiguration(baseChannels: 64, multipliers: [count], residualBlocks: 1)
      #expect(wide.problem != nil)
      let deep = DiffusionConfiguration(baseChannels: 64, multipliers: [1], residualBlocks: count)
      #expect(deep.problem != nil)
    }
    #expect(throws: NetworkError.self) { try checkpoint("checkpoint-unet.pth") }
    #expect(throws: NetworkError.self) { try checkpoint("checkpoint-training.pth") }
    let shapes = Dictionary(
      DiffusionConfiguration.small.parameterShapes.map { ($0.name, $0.shape) },
      uniquingKeysWith: { $1 })
    for (name, shape) in [
      ("time_embed.0.weight", [Int.max, 32]), ("time_embed.0.weight", [0, 0]),
      ("input_blocks.0.0.weight", [32]), ("output_blocks.0.0.out_layers.3.weight", [Int.max]),
      ("middle_block.0.emb_layers.1.weight", []),
    ] {
      var broken = shapes
      broken[name] = shape
      #expect(throws: NetworkError.self, "\(name) \(shape)") {
        try DiffusionConfiguration(shapes: broken)
      }
    }
  }
}
