import Foundation
import Networks
import Tensors
import TestSupport
import Testing

/// Files of PyTorch; the fixtures and their script are Tests/Reference/checkpoint_golden.py.
struct CheckpointTests {
  /// Sums of up to 256 products in single precision through 16 layers, in another order: about
  /// 16 · √256 · 6e-8 = 1.5e-5 after the hyperbolic tangent; the issue allows 1e-4.
  private static let largestDifference: Float = 2e-5

  private let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures")

  private func fixture(_ name: String) -> String { fixtures.appendingPathComponent(name).path }

  private func unet(_ name: String) throws -> StateDictionary {
    name.hasSuffix(".safetensors")
      ? try SafetensorsFile(contentsOf: fixture(name)).state
      : try PyTorchFile(contentsOf: fixture(name)).root.state(name)
  }

  private static let forms = [
    "checkpoint-unet.pth", "checkpoint-unet-legacy.pth", "checkpoint-unet.safetensors",
  ]

  @Test("archive, legacy form and safetensors hold the same tensors under the same names")
  func forms() throws {
    let states = try Self.forms.map(unet)
    #expect(states[0].tensors.count == 82)
    #expect(states[0] == states[1])
    func sorted(_ state: StateDictionary) -> [NamedTensor] {
      state.tensors.sorted { $0.name < $1.name }
    }
    #expect(sorted(states[0]) == sorted(states[2]))
    #expect(try PyTorchFile(contentsOf: fixture(Self.forms[0])).form == .archive)
    #expect(try PyTorchFile(contentsOf: fixture(Self.forms[1])).form == .legacy)
  }

  @Test(
    "each form gives PyTorch's tile, and all the same bits", arguments: NormalizationMode.twoModes)
  func tile(mode: NormalizationMode) throws {
    let input = randomPictures(count: 1, size: 256, seed: 22)
    let golden = try SafetensorsFile(contentsOf: fixture("checkpoint-output.safetensors")).state
    let expected = floats(try #require(golden[mode.rawValue]))
    var first: Tensor?
    for form in Self.forms {
      let generator = try UNetGenerator(state: unet(form))
      #expect(generator.baseChannels == 1 && generator.downCount == 8)
      let output = try generator.prepared(normalization: mode, context: ComputeContext())
        .predict(input, context: ComputeContext())
      #expect(output == first ?? output)
      first = output
      var difference: Float = 0
      for (index, value) in expected.enumerated() {
        let (y, x, channel) = (index / 192 * 4, index / 3 % 64 * 4, index % 3)
        difference = max(difference, abs(output.values[(y * 256 + x) * 3 + channel] - value))
      }
      #expect(difference <= Self.largestDifference, "\(form) \(mode)")
    }
  }

  @Test(
    "a training checkpoint is a tree of values with tensors of every kind",
    arguments: ["checkpoint-training.pth", "checkpoint-training-legacy.pth"])
  func tree(name: String) throws {
    let root = try PyTorchFile(contentsOf: fixture(name)).root
    let net = try #require(root["net"]).state(name)
    #expect(net["weight"]?.shape == [2, 2])
    let shadows = try #require(root["ema"]?["shadow_params"]?.list).compactMap(\.tensor)
    #expect(try shadows[0].floats() == [8, 9, 10, 14, 15, 16])
    #expect(shadows[1].shape == [6, 4])
    #expect(try shadows[1].floats()[..<5] == [0, 6, 12, 18, 1])
    #expect(try shadows[2].floats() == [])
    let moment = root["optimizer"]?["state"]?.entries?.first
    guard case .integer(0) = moment?.key else {
      Issue.record("the optimiser's first key is \(String(describing: moment?.key))")
      return
    }
    // Sums of the outputs: the gradient is 1, and the first moment a tenth of it.
    let average = try #require(moment?.value["exp_avg"]?.tensor).floats()
    for value in average { #expect(abs(value - 0.1) < 1e-7) }
    func kind(_ name: String) throws -> CheckpointTensor {
      try #require(root["kinds"]?[name]?.tensor)
    }
    let half = try kind("half").floats()
    // 6e-8 is nearest to 2⁻²⁴, 6.1e-5 to 1023 · 2⁻²⁴.
    #expect(
      half == [
        0, 0, 1, -2.5, 65504, Float(sign: .plus, exponent: -24, significand: 1), 1023 * 0x1p-24,
        .infinity,
      ])
    #expect(half[1].sign == .minus)
    #expect(try kind("bfloat").floats()[..<2] == [1, -3.140625])
    #expect(try kind("double").floats()[0] == 0.1)
    // Half way between two single-precision numbers: the even one.
    #expect(try kind("double").floats()[2] == 1)
    #expect(try kind("long").integers() == [1 << 62, -5])
    #expect(try kind("int").integers() == [-7])
    #expect(try kind("short").integers() == [-300, 300])
    #expect(try kind("char").integers() == [-1])
    #expect(try kind("byte").integers() == [0, 255])
    #expect(try kind("bool").integers() == [1, 0])
    #expect(try kind("empty").shape == [0, 3])
    #expect(try kind("expanded").floats() == [2, 2, 2])
    #expect(try kind("parameter").floats() == [1.5, -2, 3, 4])
    #expect(throws: NetworkError.self) { try kind("half").integers() }
    #expect(
      "\(["big", "negative", "flag", "name", "sched"].map { root[$0] ?? .none })"
        == "\([CheckpointValue.integer(1 << 40), .integer(-3), .boolean(true), .text("bridge é"), .none])"
    )
    #expect("\(root["device"] ?? .none)" == "\(CheckpointValue.text("cuda:1"))")
    #expect(root["size"]?.list?.count == 2)
    #expect(root["tuple"]?.list?.count == 3)
    let error = #expect(throws: NetworkError.self) { try root.state("latest.pt") }
    #expect(
      error?.description
        == "latest.pt: no usable PyTorch file, it is no bare state dictionary: net holds a dictionary; "
        + "save the network's state_dict() again")
  }

  @Test("what is written is read again, the same bytes every time, and contents are aligned")
  func writing() throws {
    let state = StateDictionary([
      NamedTensor("model.0.weight", [2, 1, 3], [1, -2.5, .pi, 0, 1e-30, 7]),
      NamedTensor(name: "count", shape: [], contents: .int64([1 << 40])),
      NamedTensor("empty", [0, 4], []),
      NamedTensor("überlang.\(String(repeating: "x", count: 300))", [1], [4]),
    ])
    let folder = try TemporaryDirectory()
    let paths = [folder.path("a.pth"), folder.path("b.pth")]
    for path in paths { try state.writePyTorchFile(to: path) }
    #expect(try PyTorchFile(contentsOf: paths[0]).root.state("a") == state)
    let data = try Data(contentsOf: URL(fileURLWithPath: paths[0]))
    #expect(try data == Data(contentsOf: URL(fileURLWithPath: paths[1])))
    let numbers = [Float(1), -2.5, .pi].withUnsafeBytes { Data($0) }
    #expect(try #require(data.range(of: numbers)).lowerBound.isMultiple(of: 64))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 2)
    #expect(throws: NetworkError.self) { try state.writePyTorchFile(to: folder.path("no/x.pth")) }
  }

  private static let unzip = Tool("unzip")

  @Test(
    "Info-ZIP finds no fault in a written archive, check sums included",
    .enabled(if: unzip.isPresent, Comment(rawValue: unzip.absence)))
  func witness() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("a.pth")
    try unet(Self.forms[0]).writePyTorchFile(to: path)
    #expect(try Self.unzip.run(["-t", path]).output.contains("No errors detected"))
  }

  @Test("a generator with instance normalisation is refused, not read as another network")
  func instanceNormalization() throws {
    var state = try unet(Self.forms[0])
    state.tensors.append(NamedTensor("model.model.1.model.1.bias", [2], [0, 0]))
    let error = #expect(throws: NetworkError.self) { try UNetGenerator(state: state) }
    #expect(error?.description.contains("instance normalisation") == true)
  }

  @Test("the prefix of DataParallel is taken off")
  func parallel() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("a.pth")
    try StateDictionary([NamedTensor("module.a", [1], [1]), NamedTensor("module.b", [1], [2])])
      .writePyTorchFile(to: path)
    #expect(try PyTorchFile(contentsOf: path).root.state("a").tensors.map(\.name) == ["a", "b"])
    try StateDictionary([NamedTensor("module.a", [1], [1]), NamedTensor("b", [1], [2])])
      .writePyTorchFile(to: path)
    #expect(
      try PyTorchFile(contentsOf: path).root.state("a").tensors.map(\.name) == ["module.a", "b"])
  }
}

extension NormalizationMode {
  static let twoModes: [NormalizationMode] = [.reference, .running]
}
