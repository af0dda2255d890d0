import Foundation
import Networks
import Staining
import TestSupport
import Testing

@Suite("Model files")
struct StainModelTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func trained() -> StainModel {
    var model = randomModel(microns: 0.5)
    model.card.training = ModelCard.Training(
      data: [
        ModelCard.Data(hash: "ab", cases: ["A \"12\"", "B"], trainTiles: 10, validationTiles: 2)
      ],
      seed: .max, totalSteps: 100, step: 60, batchSize: 2, discriminatorChannels: 4,
      learningRate: 2e-4, l1Weight: 100,
      validation: .pictures(
        ValidationFigures(
          l1: 0.1, peakSignalToNoise: 21.5, structuralSimilarity: 0.6, tileCount: 2)))
    return model
  }

  @Test("weights and card come back as they were written, and the same model gives the same bytes")
  func roundTrip() throws {
    let model = trained()
    let path = folder.path("m.safetensors")
    try model.write(to: path)
    #expect(try StainModel(path: path) == model)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    try StainModel(path: path).write(to: path)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == bytes)
    #expect(try model.generator(path: path).parameterCount > 0)
  }

  @Test("files that are no models end in one clear line")
  func hostile() throws {
    let good = folder.path("good.safetensors")
    try trained().write(to: good)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: good))
    let cases: [(String, Data)] = [
      ("empty", Data()), ("short", Data([1, 2, 3])),
      ("huge", Data([255, 255, 255, 255, 255, 255, 255, 127]) + Data("{}".utf8)),
      ("cut", bytes.prefix(bytes.count / 2)),
      ("noise", Data((0..<5000).map { UInt8($0 * 7 % 251) })),
      ("no card", SafetensorsFile(tensors: [], metadata: [:]).data()),
      ("bad card", SafetensorsFile(tensors: [], metadata: ["restain.card": "{}"]).data()),
    ]
    for (name, data) in cases {
      let path = folder.path("\(name).safetensors")
      try data.write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: StainingError.self, "\(name)") { _ = try StainModel(path: path) }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.hasPrefix(path) && !text.contains("\n"), "\(text)")
    }
    #expect(throws: StainingError.missing(path: "/no/such")) {
      _ = try StainModel(path: "/no/such")
    }
  }

  @Test("weights that do not fit the card, or are no numbers, are refused")
  func damaged() throws {
    var model = trained()
    model.card.baseChannels = 16
    #expect(throws: StainingError.self) { _ = try model.generator(path: "m") }
    model = trained()
    model.state.tensors.removeLast()
    #expect(throws: StainingError.self) { _ = try model.generator(path: "m") }
    model = trained()
    let last = try #require(model.state.tensors.last)
    model.state.tensors[model.state.tensors.count - 1] = NamedTensor(
      last.name, last.shape, [Float](repeating: .nan, count: last.count))
    #expect(throws: StainingError.self) { _ = try model.generator(path: "m") }
  }

  @Test("a bridge comes from PyTorch with its form, and predicts as the network that was written")
  func bridgeImport() throws {
    let network = DiffusionUNet(
      configuration: DiffusionConfiguration(
        baseChannels: 64, multipliers: [1], residualBlocks: 1, isConditional: true), seed: 1)
    let checkpoint = folder.path("bare.pth")
    try network.state.writePyTorchFile(to: checkpoint)
    let path = folder.path("bridge.safetensors")
    let card = try StainModel.takeBridge(
      checkpoint: checkpoint, to: path,
      schedule: BridgeSchedule(BridgeSchedule.Options(betaMax: 1, isDeterministic: true)),
      pixelSizeMicrons: 0.5, fromStain: "ihc", toStain: "he", restainVersion: "test")
    let read = try StainModel(path: path)
    #expect(read.card == card)
    // Written piece by piece, it is the file that the whole model makes.
    try read.write(to: folder.path("whole.safetensors"))
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: path))
        == Data(contentsOf: URL(fileURLWithPath: folder.path("whole.safetensors"))))
    #expect(read.state == network.state)
    #expect(read.card.bridge?.network == network.configuration)
    #expect(read.card.bridge?.sampler == .otODE)
    #expect(try read.parameterCount(path: path) == network.parameterCount)
    var broken = read
    broken.state.tensors.removeLast()
    #expect(throws: StainingError.self) { try broken.parameterCount(path: path) }
  }

  @Test("a bridge goes to PyTorch and comes back, also as safetensors, bare or inside a wrapper")
  func bridgeExport() throws {
    let network = DiffusionConfiguration(
      baseChannels: 32, multipliers: [1, 2], residualBlocks: 1, isConditional: true)
    let state = DiffusionUNet(configuration: network, seed: 4).state
    let model = StainModel(
      card: ModelCard(
        architecture: .bridge, baseChannels: 32,
        bridge: ModelCard.Bridge(network: network, schedule: BridgeSchedule(), sampler: .ddpm),
        normalization: .reference, pixelSizeMicrons: 0.5, fromStain: "ihc", toStain: "he",
        restainVersion: "test"), state: state)
    let exported = folder.path("bridge.pth")
    try model.writePyTorchFile(to: exported, modelPath: "m")
    #expect(try PyTorchFile(contentsOf: exported).root.state("m") == state)
    let bare = folder.path("bare.safetensors")
    try SafetensorsFile(tensors: state.tensors, metadata: [:]).write(to: bare)
    let wrapped = folder.path("wrapped.safetensors")
    try SafetensorsFile(
      tensors: state.tensors.map { $0.renamed("diffusion_model.\($0.name)") }, metadata: [:]
    ).write(to: wrapped)
    for checkpoint in [exported, bare, wrapped] {
      let path = folder.path("back.safetensors")
      let card = try StainModel.takeBridge(
        checkpoint: checkpoint, to: path, schedule: BridgeSchedule(), pixelSizeMicrons: 0.5,
        fromStain: "ihc", toStain: "he", restainVersion: "test")
      #expect(card.bridge?.network == network)
      #expect(try StainModel(path: path).state == state)
    }
    var broken = model
    broken.state.tensors.removeLast()
    #expect(throws: StainingError.self) {
      try broken.writePyTorchFile(to: folder.path("broken.pth"), modelPath: "m")
    }
    let other = folder.path("other.safetensors")
    try SafetensorsFile(tensors: randomModel(microns: 1).state.tensors, metadata: [:])
      .write(to: other)
    #expect {
      _ = try StainModel.takeBridge(
        checkpoint: other, to: folder.path("no.safetensors"), schedule: BridgeSchedule(),
        pixelSizeMicrons: 0.5, fromStain: "ihc", toStain: "he", restainVersion: "test")
    } throws: { error in
      if case StainingError.malformedCheckpoint = error { true } else { false }
    }
  }

  @Test("the running average of a training checkpoint becomes the model")
  func bridgeAverage() throws {
    let fixture = SharedData.packageFolder
      .appendingPathComponent("Tests/NetworksTests/Fixtures/bridge-latest.pt").path
    let path = folder.path("average.safetensors")
    func take(_ checkpoint: String, to target: String) throws {
      _ = try StainModel.takeBridge(
        checkpoint: checkpoint, to: target, schedule: BridgeSchedule(), groupCount: 1,
        headChannels: 2, pixelSizeMicrons: 0.5, fromStain: "ihc", toStain: "he",
        restainVersion: "test")
    }
    try take(fixture, to: path)
    let model = try StainModel(path: path)
    let average = try DiffusionCheckpoint(
      PyTorchFile(contentsOf: fixture), groupCount: 1, headChannels: 2)
    #expect(average.isAverage)
    #expect(model.state == (try average.state()))
    // The place is at fault, not the checkpoint; and a checkpoint that breaks off leaves nothing behind.
    #expect {
      try take(fixture, to: folder.path("missing/average.safetensors"))
    } throws: { error in
      if case StainingError.unwritable = error { true } else { false }
    }
    let whole = try Data(contentsOf: URL(fileURLWithPath: fixture))
    let broken = folder.path("broken.pt")
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: broken))
    #expect {
      try take(broken, to: folder.path("broken.safetensors"))
    } throws: { error in
      if case StainingError.malformedCheckpoint = error { true } else { false }
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path("broken.safetensors")))
  }
}
