import Foundation
import Networks
import Tensors
import Testing

/// The network of FID against PyTorch, element by element; the fixture and its script are
/// Tests/Reference/inception_golden.py.
@Suite("The network of FID")
struct InceptionTests {
  /// A sum of at most 1152 products rounds by √1152 · 6e-8 = 2e-6 of its size; some fifty convolutions in a
  /// row add up like √50, and activations next to 0 count against the largest.
  private static let ofLargest: Float = 1.5e-5

  private let fixture: StateDictionary
  /// Two pictures of noise, as in the script.
  private let pictures: [[UInt8]]

  init() throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    fixture = try SafetensorsFile(
      contentsOf: folder.appendingPathComponent("Fixtures/inception.safetensors").path
    ).state
    let random = CounterRandom(seed: 42, stream: 0)
    let count = 256 * 256 * 3
    pictures = (0..<2).map { picture in
      (0..<count).map { UInt8(random.uniform(at: UInt64(picture * count + $0)) * 256) }
    }
  }

  private func network(_ context: ComputeContext = ComputeContext()) throws -> InceptionNetwork {
    try InceptionNetwork(
      state: InceptionNetwork.randomState(divisor: 16, seed: 41), context: context)
  }

  private func expected(_ name: String) throws -> [Float] {
    floats(try #require(fixture[name], "\(name)"))
  }

  private func sampled(_ values: [Float]) -> [Float] {
    stride(from: 0, to: values.count, by: (values.count + 399) / 400).map { values[$0] }
  }

  @Test(
    "every stage, the features and both logits are PyTorch's, for both ways of resizing",
    arguments: InceptionResize.allCases, KernelFamily.allCases.filter(\.isSupported))
  func parity(resize: InceptionResize, kernels: KernelFamily) throws {
    let context = ComputeContext(parallelism: Parallelism(threadCount: 2), kernels: kernels)
    let input = resize.prepared(pictures, width: 256, height: 256)
    // Values within ±1, each rounded some six times.
    expectClose(
      sampled(input.values), try expected("\(resize.rawValue).input"), "input", 0, 6 * 6e-8)
    var maps: [String: [Float]] = [:]
    let outputs = try network(context).outputs(of: input, context: context) {
      maps[$0] = sampled($1.values)
    }
    #expect(maps.count == 12)
    for (stage, found) in maps {
      expectClose(
        found, try expected("\(resize.rawValue).map.\(stage)"), stage, 0, Self.ofLargest)
    }
    for (name, found) in [
      ("features", outputs.features), ("unbiased", outputs.unbiasedLogits),
      ("logits", outputs.logits),
    ] {
      expectClose(
        found.flatMap(\.self), try expected("\(resize.rawValue).\(name)"), name, 0,
        Self.ofLargest)
    }
  }

  @Test("pictures of 299 pixels pass through maps of the published sizes and widths")
  func shapes() throws {
    var shapes: [[Int]] = []
    let input = InceptionResize.pytorchFID.prepared([pictures[0]], width: 256, height: 256)
    #expect(input.shape == [1, 299, 299, 3])
    let context = ComputeContext(parallelism: Parallelism(threadCount: 2))
    _ = try network().outputs(of: input, context: context) { shapes.append($1.shape) }
    #expect(shapes.map { $0[1] } == [35, 35, 35, 35, 17, 17, 17, 17, 17, 8, 8, 8])
    #expect(shapes.allSatisfy { $0[1] == $0[2] })
    #expect(
      shapes.map { $0[3] }
        == [192, 256, 288, 288, 768, 768, 768, 768, 768, 1280, 2048, 2048]
        .map { $0 / 16 })
    // The stem, window by window and with its two poolings.
    let stem = InceptionLayout.stages[0].branches[0]
    var (side, sides): (Int, [Int]) = (299, [])
    for step in stem {
      switch step {
      case .window(let window):
        let convolution = RectangularConvolution(
          rowCount: window.rows, columnCount: window.columns, stride: window.stride,
          isPadded: window.isPadded, inputChannels: 1, outputChannels: 1)
        side = convolution.outputSize(height: side, width: side).height
      case .pool(let pooling): side = pooling.outputLength(side)
      case .fork: Issue.record("the stem has one branch")
      }
      sides.append(side)
    }
    #expect(sides == [149, 147, 147, 73, 73, 71, 35])
  }

  @Test("the whole network has the published numbers of parameters and products")
  func parameterCount() throws {
    let state = InceptionNetwork.randomState(divisor: 1, seed: 1)
    let network = try InceptionNetwork(state: state, context: ComputeContext())
    #expect(network.featureCount == 2048 && network.classCount == 1008)
    #expect(network.parameterCount == 23_850_960)
    // 5.711 GMAC in the convolutions, as PyTorch counts them, and 2 MMAC in the head.
    #expect(abs(Double(network.multiplyAddCount) / 1e9 - 5.713) < 5e-4)
  }

  @Test("a picture's features do not depend on its batch or on threads")
  func independence() throws {
    let serial = ComputeContext()
    let network = try network()
    let both = network.outputs(
      of: InceptionResize.pytorchFID.prepared(pictures, width: 256, height: 256),
      context: ComputeContext(parallelism: Parallelism(threadCount: 3)))
    for index in 0..<2 {
      let alone = network.outputs(
        of: InceptionResize.pytorchFID.prepared([pictures[index]], width: 256, height: 256),
        context: serial)
      #expect(alone.features[0] == both.features[index])
      #expect(alone.unbiasedLogits[0] == both.unbiasedLogits[index])
    }
  }

  @Test("a picture of 299 pixels is not changed by resizing, but for its range")
  func sameSize() {
    let pixels = (0..<299 * 299 * 3).map { UInt8($0 % 256) }
    let first = InceptionResize.pytorchFID.prepared([pixels], width: 299, height: 299)
    let second = InceptionResize.torchFidelity.prepared([pixels], width: 299, height: 299)
    // The place of a pixel is rounded to 1.5e-5 of one at most, times a step of 2 to its neighbour.
    for (index, pixel) in pixels.enumerated() {
      guard abs(first.values[index] - (Float(pixel) / 255 * 2 - 1)) <= 4e-5,
        second.values[index] == (Float(pixel) - 128) / 128
      else {
        Issue.record("element \(index)")
        return
      }
    }
  }

  @Test("counts of batches are ignored, what belongs to another network is refused by name")
  func foreign() throws {
    let context = ComputeContext()
    var state = InceptionNetwork.randomState(divisor: 32, seed: 3)
    let counted = NamedTensor(
      name: "Mixed_7c.branch_pool.bn.num_batches_tracked", shape: [], contents: .int64([1]))
    state.tensors.append(counted)
    let network = try InceptionNetwork(state: state, context: context)
    #expect(
      network.parameterCount
        == (try InceptionNetwork(state: InceptionNetwork.relevant(state), context: context))
        .parameterCount)
    #expect(InceptionNetwork.relevant(state)[counted.name] == nil)

    var torchvision = state
    torchvision.tensors.append(NamedTensor("AuxLogits.fc.bias", [1], [0]))
    #expect(
      throws: NetworkError.unknownArchitecture(
        problem: "a network with AuxLogits.fc.bias, which that of FID does not have")
    ) { try InceptionNetwork(state: torchvision, context: context) }

    func replaced(_ name: String, _ tensor: NamedTensor?) -> StateDictionary {
      StateDictionary(
        state.tensors.filter { $0.name != name } + (tensor.map { [$0] } ?? []))
    }
    let bias = "Mixed_6d.branch7x7_2.bn.bias"
    #expect(throws: NetworkError.missingTensor(name: bias)) {
      try InceptionNetwork(state: replaced(bias, nil), context: context)
    }
    let weight = "Mixed_6d.branch7x7_2.conv.weight"
    #expect(
      throws: NetworkError.wrongShape(name: weight, expected: [5, 5, 1, 7], found: [5, 5, 7, 1])
    ) {
      try InceptionNetwork(
        state: replaced(
          weight, NamedTensor(weight, [5, 5, 7, 1], [Float](repeating: 0, count: 175))),
        context: context)
    }
    let variance = "Conv2d_1a_3x3.bn.running_var"
    #expect(
      throws: NetworkError.unknownArchitecture(problem: "\(variance) holds no variances")
    ) {
      try InceptionNetwork(
        state: replaced(variance, NamedTensor(variance, [1], [-1])), context: context)
    }
  }

  @Test("no layer is wider than the published one, whose maps fit into memory", arguments: [0, 33])
  func widths(channelCount: Int) {
    var state = InceptionNetwork.randomState(divisor: 32, seed: 1)
    let first = "Conv2d_1a_3x3"
    state.tensors.removeAll { $0.name.hasPrefix(first) }
    let values = [Float](repeating: 1, count: channelCount)
    for part in ["weight", "bias", "running_mean", "running_var"] {
      state.tensors.append(NamedTensor("\(first).bn.\(part)", [channelCount], values))
    }
    state.tensors.append(
      NamedTensor(
        "\(first).conv.weight", [channelCount, 3, 3, 3],
        [Float](repeating: 0, count: channelCount * 27)))
    #expect(
      throws: NetworkError.unknownArchitecture(
        problem: "\(channelCount) channels of \(first), where that of FID has 32")
    ) { try InceptionNetwork(state: state, context: ComputeContext()) }
  }

  @Test("a head of more classes than the published one is refused, whatever the features")
  func tooManyClasses() {
    var state = InceptionNetwork.randomState(divisor: 32, seed: 1)
    state.tensors.removeLast(2)
    state.tensors += [
      NamedTensor("fc.weight", [1009, 64], [Float](repeating: 0, count: 64576)),
      NamedTensor("fc.bias", [1009], [Float](repeating: 0, count: 1009)),
    ]
    #expect(
      throws: NetworkError.unknownArchitecture(
        problem: "a head of 1009 classes, where that of FID has 1008")
    ) { try InceptionNetwork(state: state, context: ComputeContext()) }
  }

  @Test("torchvision's head of 1000 classes is refused, whose figures would be others")
  func classes() {
    var state = InceptionNetwork.randomState(divisor: 1, seed: 1)
    state.tensors.removeLast(2)
    state.tensors += [
      NamedTensor("fc.weight", [1000, 2048], [Float](repeating: 0, count: 2_048_000)),
      NamedTensor("fc.bias", [1000], [Float](repeating: 0, count: 1000)),
    ]
    #expect(
      throws: NetworkError.unknownArchitecture(
        problem: "a head of 1000 classes, where that of FID has 1008")
    ) { try InceptionNetwork(state: state, context: ComputeContext()) }
  }
}
