import Foundation
import Networks
import Tensors
import Testing

/// Element-wise agreement of the segmenter with PyTorch; the fixtures and their script are
/// Tests/Reference/segmenter_golden.py.
struct GoldenSegmenterTests {
  /// Sums of up to 2048 products in single precision, in another order: about √2048 · 6e-8 = 3e-6 of the
  /// largest element, where terms cancel; a few times that through ten layers.
  private static let relative: Float = 1e-5
  private static let absoluteOfLargest: Float = 2e-5
  /// Adam divides a gradient by its own size, so each of the five updates carries the gradient's relative
  /// error; offsets, which start from 0, are such updates and nothing else.
  private static let afterSteps: Float = 2e-4

  private let fixture: SafetensorsFile
  private let input = randomPictures(count: 2, size: 32, seed: 22, stream: 0)
  private let labels: [UInt8]
  private let network = SegmentationUNet(baseChannels: 8, classCount: 5, downCount: 2, seed: 21)
  private let context = ComputeContext()

  init() throws {
    fixture = try SafetensorsFile(contentsOf: Self.path("segmenter.safetensors"))
    let random = CounterRandom(seed: 22, stream: 1)
    labels = (0..<2 * 32 * 32).map { pixel in
      let drawn = UInt8(random.uniform(at: UInt64(pixel)) * 6)
      return drawn == 5 ? Losses.unlabelled : drawn
    }
  }

  private static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/\(name)").path
  }

  /// Every second pixel of every second row.
  private func sampled(_ tensor: Tensor) -> [Float] {
    let map = tensor.map
    var values: [Float] = []
    for row in stride(from: 0, to: map.batch * map.height, by: 2) {
      for column in stride(from: 0, to: map.width, by: 2) {
        let start = (row * map.width + column) * map.channels
        values += tensor.values[start..<start + map.channels]
      }
    }
    return values
  }

  private func expectFixture(
    _ found: [Float], _ name: String, _ tolerance: Float = absoluteOfLargest
  ) throws {
    let expected = floats(try #require(fixture.state[name]))
    expectClose(found, expected, name, Self.relative, tolerance)
  }

  @Test("the logits and the loss with class weights are PyTorch's")
  func logits() throws {
    let logits = network.forward(input, context: context).logits
    try expectFixture(sampled(logits), "logits")
    let weighted = Losses.crossEntropy(
      logits: logits, labels: labels, classWeights: [0.5, 1, 2, 0.25, 3])
    try expectFixture([Float(weighted.value)], "weighted.loss")
    try expectFixture(sampled(weighted.gradient), "weighted.gradient")
  }

  @Test("every element of the gradient is PyTorch's, and no parameter is missing")
  func gradient() throws {
    let (logits, cache) = network.forward(input, context: context)
    let loss = Losses.crossEntropy(logits: logits, labels: labels)
    let gradient = network.named(
      network.backward(loss.gradient, cache: cache, context: context))
    let expected = fixture.state(prefix: "gradient.").tensors
    #expect(gradient.tensors.map(\.name) == expected.map(\.name))
    for (found, tensor) in zip(gradient.tensors, expected) {
      #expect(found.shape == tensor.shape)
      try expectFixture(floats(found), "gradient." + tensor.name)
    }
  }

  @Test("the losses of 5 steps, the parameters after them and what is then predicted are PyTorch's")
  func steps() throws {
    var trainer = SegmenterTrainer(network: network, options: SegmenterOptions(totalSteps: 8))
    var losses: [Float] = []
    for _ in 0..<5 {
      losses.append(Float(try trainer.step(input: input, labels: labels, context: context)))
    }
    try expectFixture(losses, "losses")
    for tensor in fixture.state(prefix: "after.").tensors {
      let found = try #require(trainer.network.state[tensor.name])
      if case .int64 = tensor.contents {
        #expect(found == tensor)
      } else {
        try expectFixture(floats(found), "after." + tensor.name, Self.afterSteps)
      }
    }
    let predicted = try trainer.network.prepared(context: context).logits(input, context: context)
    try expectFixture(sampled(predicted), "predicted", Self.afterSteps)
  }

  @Test(
    "a file of the public code with offsets before normalisations and mask_values predicts the same"
  )
  func earlierForm() throws {
    let path = Self.path("segmenter-earlier.pth")
    let root = try PyTorchFile(contentsOf: path).root
    #expect(throws: NetworkError.self) { try root.state(path) }
    let state = try root.state(path, ignoring: ["mask_values"])
    #expect(state["inc.double_conv.0.bias"] != nil)
    let network = try SegmentationUNet(state: state)
    #expect(network.baseChannels == 2 && network.downCount == 1 && network.classCount == 3)
    #expect(network.state["inc.double_conv.0.bias"] == nil)
    let logits = try network.prepared(context: context).logits(
      randomPictures(count: 2, size: 16, seed: 22, stream: 3), context: context)
    let expected = try SafetensorsFile(contentsOf: Self.path("segmenter-earlier.safetensors"))
    expectClose(
      logits.values, floats(try #require(expected.state["predicted"])), "predicted", Self.relative,
      Self.absoluteOfLargest)
  }
}
