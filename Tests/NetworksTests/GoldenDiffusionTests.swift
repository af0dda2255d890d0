import Foundation
import Networks
import Tensors
import Testing

/// Element-wise agreement with PyTorch on small diffusion networks; the fixture and its script are
/// Tests/Reference/diffusion_golden.py.
struct GoldenDiffusionTests {
  // The fixture is computed in double precision. PyTorch's own single precision is off by 2.1e-6 of an
  // output of size 2; angles of the noise level, rounded at 37, by 2e-6; sums of up to 1,024 products in the
  // gradients by √1024 · 6e-8 = 2e-6 of the largest element, through some twenty layers.
  private static let relative: Float = 1e-5
  private static let absoluteOfLargest: Float = 1e-5

  static let forms: [(name: String, configuration: DiffusionConfiguration, seed: UInt64)] = [
    (
      "scaled",
      DiffusionConfiguration(
        baseChannels: 6, multipliers: [1, 2], residualBlocks: 1, attentionFactors: [1, 2],
        headChannels: 6, isConditional: true, groupCount: 3), 32
    ),
    (
      "added",
      DiffusionConfiguration(
        baseChannels: 4, multipliers: [1, 2], residualBlocks: 2, headChannels: 4,
        hasScaleShift: false, hasResidualResampling: false, groupCount: 2), 33
    ),
  ]

  private let fixture: SafetensorsFile

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    fixture = try SafetensorsFile(
      contentsOf: folder.appendingPathComponent("Fixtures/diffusion.safetensors").path)
  }

  /// The parameters of the script: one stream a tensor, factors of normalisations about 1.
  static func state(_ configuration: DiffusionConfiguration, seed: UInt64) -> StateDictionary {
    StateDictionary(
      configuration.parameterShapes.enumerated().map { stream, tensor in
        let random = CounterRandom(seed: seed, stream: UInt64(stream))
        let count = tensor.shape.reduce(1, *)
        let draws = (0..<count).map { 2 * random.uniform(at: UInt64($0)) - 1 }
        if tensor.shape.count == 1 {
          let middle: Float = tensor.name.hasSuffix("weight") ? 1 : 0
          return NamedTensor(tensor.name, tensor.shape, draws.map { 0.25 * $0 + middle })
        }
        let fan = Double(count / tensor.shape[0])
        let factor = Float((3 / fan).squareRoot())
        return NamedTensor(tensor.name, tensor.shape, draws.map { $0 * factor })
      })
  }

  static func picture(_ stream: UInt64) -> Tensor {
    randomPictures(count: 2, size: 16, seed: 31, stream: stream)
  }

  static let levels: [Float] = [0.1, 37.25]

  @Test("the predicted pictures are PyTorch's", arguments: 0..<2)
  func output(index: Int) throws {
    let (name, configuration, seed) = Self.forms[index]
    let context = ComputeContext()
    let predictor = try DiffusionPredictor(
      configuration: configuration, state: Self.state(configuration, seed: seed), context: context)
    let output = try predictor.predict(
      Self.picture(0), levels: Self.levels,
      condition: configuration.isConditional ? Self.picture(1) : nil, context: context)
    let expected = try #require(fixture.state["\(name).output"])
    #expect(output.shape == expected.shape)
    expectClose(
      output.values, floats(expected), name, Self.relative, Self.absoluteOfLargest)
  }

  @Test("every element of the gradient is PyTorch's", arguments: 0..<2)
  func gradient(index: Int) throws {
    let (name, configuration, seed) = Self.forms[index]
    let network = try DiffusionUNet(
      configuration: configuration, state: Self.state(configuration, seed: seed))
    let (output, cache) = try network.forward(
      Self.picture(0), levels: Self.levels,
      condition: configuration.isConditional ? Self.picture(1) : nil, context: ComputeContext())
    let target = Self.picture(2)
    let slope = Tensor(
      shape: output.shape,
      values: zip(output.values, target.values).map { 2 * ($0 - $1) / Float(output.count) })
    var gradient = network.zeroGradient
    network.addGradient(slope, cache: cache, to: &gradient)
    let found = network.named(gradient)
    let expected = fixture.state(prefix: "\(name).gradient.")
    #expect(found.tensors.map(\.name) == expected.tensors.map(\.name))
    for (tensor, other) in zip(found.tensors, expected.tensors) {
      #expect(tensor.shape == other.shape)
      expectClose(
        floats(tensor), floats(other), "\(name) \(tensor.name)", Self.relative,
        Self.absoluteOfLargest)
    }
  }
}
