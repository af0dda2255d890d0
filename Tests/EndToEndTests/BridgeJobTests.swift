import Foundation
import Glibc
import Networks
import Rasters
import Staining
import Tensors
import TestSupport
import Testing

@Suite("A bridge, from tiles to the watched folder")
struct BridgeJobTests {
  private let scratch: TemporaryDirectory
  private let tool: CommandLineTool
  private let slide: String

  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
    slide = scratch.path("phantom/phantom_IHC.tif")
  }

  /// Paints a pair of serial sections, one over the other.
  private func paint(size: Int) throws {
    try run([
      "phantom", "-o", scratch.path("phantom"), "--size", "\(size)", "--seed", "7", "--rotation",
      "0",
      "--shift", "0,0",
    ])
  }

  @discardableResult
  private func run(_ arguments: [String]) throws -> CommandLineTool.Outcome {
    let outcome = try tool.run(arguments)
    #expect(outcome.status == 0, "\(arguments.joined(separator: " ")): \(outcome.diagnostics)")
    return outcome
  }

  /// A network small enough to be trained and walked within a test.
  private func tinyModel(_ name: String) throws -> String {
    try untrainedModel(
      name,
      DiffusionConfiguration(
        baseChannels: 8, multipliers: [1, 2, 2, 2], residualBlocks: 1, headChannels: 8,
        groupCount: 4))
  }

  private func untrainedModel(_ name: String, _ network: DiffusionConfiguration) throws -> String {
    let model = StainModel(
      card: ModelCard(
        architecture: .bridge, baseChannels: network.baseChannels,
        bridge: ModelCard.Bridge(network: network, schedule: BridgeSchedule(), evaluations: 2),
        normalization: .reference, pixelSizeMicrons: 0.5, fromStain: "ihc", toStain: "he",
        restainVersion: "test"),
      state: DiffusionUNet(configuration: network, seed: 1).state)
    let path = scratch.path(name)
    try model.write(to: path)
    return path
  }

  /// Trains on tiles of the phantom, a few steps.
  private func trainedModel() throws -> String {
    let start = try tinyModel("start.safetensors")
    try run([
      "register", "--fixed", scratch.path("phantom/phantom_HE.tif"), "--moving", slide, "-o",
      scratch.path("registered"),
    ])
    try run([
      "tiles", "--fixed", scratch.path("phantom/phantom_HE.tif"), "--moving", slide, "--transform",
      scratch.path("registered/phantom_IHC.transform.json"), "-o", scratch.path("set"), "--force",
      "--split", "0.5,0.25,0.25",
    ])
    try run([
      "train", "i2sb", "--data", scratch.path("set"), "-o", scratch.path("bridge"), "--start",
      start, "--condition", "--crop", "32", "--batch", "2", "--steps", "12", "--learning-rate",
      "0.01",
    ])
    return scratch.path("bridge.safetensors")
  }

  @Test("a plan that takes days says so, and what shortens it", .enabled(if: Tool.vips.isPresent))
  func longPlan() throws {
    let model = try untrainedModel(
      "untrained.safetensors",
      DiffusionConfiguration(
        baseChannels: 32, multipliers: [1, 2, 4], residualBlocks: 1, headChannels: 32,
        groupCount: 32))
    // 1,764 tiles, every one tissue; a thousandth of them takes minutes.
    let brown = scratch.path("brown.tif")
    _ = try Tool.vips.run(["black", scratch.path("black.v"), "8000", "8000", "--bands", "3"])
    _ = try Tool.vips.run([
      "linear", scratch.path("black.v"), brown + "[tile,compression=deflate]", "1 1 1",
      "150 100 60", "--uchar",
    ])
    let plan = try tool.run([
      "convert", brown, "--model", model, "-o", scratch.path("out.tif"), "--slide-pixel-size",
      "0.5",
      "--threads", "1", "--dry-run", "--steps", "999",
    ])
    #expect(plan.status == 0, "\(plan.diagnostics)")
    #expect(plan.diagnostics.contains("fewer --steps, a --region"), "\(plan.diagnostics)")
    #expect(plan.output.contains(" days "), "\(plan.output)")
    let short = try tool.run([
      "convert", brown, "--model", model, "-o", scratch.path("out.tif"), "--slide-pixel-size",
      "0.5",
      "--threads", "1", "--dry-run", "--steps", "1", "--region", "0,0,256,256",
    ])
    #expect(short.status == 0 && !short.diagnostics.contains("--region"), "\(short.diagnostics)")
  }

  private func bytes(_ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: scratch.path(path)))
  }

  private func convert(_ model: String, _ output: String, _ more: [String]) -> [String] {
    [
      "convert", slide, "--model", model, "-o", scratch.path(output), "--steps", "3",
      "--compression", "none", "--json",
    ] + more
  }

  private func pixels(_ name: String) throws -> [UInt8] {
    try SlideFiles.pixels(of: scratch.path(name)).pixels
  }

  @Test("a bridge trained on a phantom is used by convert and in the watched folder")
  func watchedFolder() throws {
    try paint(size: 1024)
    let model = try trainedModel()
    let outcome = try run(convert(model, "out.tif", []))
    let object = try SlideFiles.object(outcome.output)
    #expect(object["tiles"] as? Int ?? 0 > 0)
    // How long it will take is told before the work.
    #expect(outcome.diagnostics.contains("tiles with tissue"))
    #expect(try pixels("out.tif") != SlideFiles.pixels(of: slide).pixels)

    try FileManager.default.createDirectory(
      atPath: scratch.path("in"), withIntermediateDirectories: true)
    for (from, to) in [("phantom_IHC", "C3_Ki67"), ("phantom_HE", "C3_HE")] {
      try FileManager.default.copyItem(
        atPath: scratch.path("phantom/\(from).tif"), toPath: scratch.path("in/\(to).tif"))
    }
    let configuration = """
      { watch: { inbox: "\(scratch.path("in"))", outbox: "\(scratch.path("cases"))", settle: "0 s" },
        models: { ihc: "\(model)" } }
      """
    try Data(configuration.utf8).write(to: URL(fileURLWithPath: scratch.path("c.json5")))
    try run(["watch", "--once", "--config", scratch.path("c.json5")])
    for name in ["C3_Ki67.virtual-HE.tif", "C3_Ki67.virtual-HE.registered.tif", "C3.report.html"] {
      #expect(FileManager.default.fileExists(atPath: scratch.path("cases/C3/\(name)")), "\(name)")
    }
    // The card's steps, not the three above, and JPEG: the same picture, not the same bytes.
    #expect(
      try pixels("cases/C3/C3_Ki67.virtual-HE.tif") != SlideFiles.pixels(of: slide).pixels)
    let notice = Data("virtual stain, not for diagnosis".utf8)
    #expect(try bytes("cases/C3/C3_Ki67.virtual-HE.tif").range(of: notice) != nil)
  }

  @Test(
    "in one go, in two regions, with 1 and 2 threads, killed and resumed: the same pixels",
    .timeLimit(.minutes(5)), arguments: [[], ["--joint"], ["--sampler", "direct"]])
  func samePixels(more: [String]) throws {
    try paint(size: 640)
    let model = try tinyNoisyModel()
    try run(convert(model, "one.tif", more + ["--threads", "1"]))
    try run(convert(model, "two.tif", more + ["--threads", "2"]))
    #expect(try bytes("one.tif") == bytes("two.tif"))
    let whole = try SlideFiles.pixels(of: scratch.path("one.tif"))
    for (index, part) in [(0, 256), (256, 384)].enumerated() {
      try run(
        convert(
          model, "part\(index).tif",
          more + ["--region", "0,\(part.0),640,\(part.1)", "--threads", "2"]))
      let found = try SlideFiles.pixels(of: scratch.path("part\(index).tif"))
      let row = 640 * 3
      #expect(found.pixels == Array(whole.pixels[part.0 * row..<(part.0 + part.1) * row]))
    }
    // Killed without a word: the same command still ends in the same file. Going on in the middle is held
    // by BridgeConversionTests, which cancel at a row.
    let killed = try tool.start(convert(model, "killed.tif", more + ["--threads", "1"]))
    let partial = scratch.path("killed.tif.partial")
    while killed.isRunning, !FileManager.default.fileExists(atPath: partial) { usleep(2_000) }
    kill(killed.identifier, SIGKILL)
    #expect(killed.wait().status != 0)
    try run(convert(model, "killed.tif", more + ["--threads", "2"]))
    #expect(try bytes("killed.tif") == bytes("one.tif"))
  }

  /// One whose layers that start at zero are filled, so that it does something without training.
  private func tinyNoisyModel() throws -> String {
    let path = try tinyModel("noisy.safetensors")
    var model = try StainModel(path: path)
    let random = CounterRandom(seed: 5, stream: 1)
    var next: UInt64 = 0
    model.state = StateDictionary(
      model.state.tensors.map { tensor in
        guard case .float32(let values) = tensor.contents, values.allSatisfy({ $0 == 0 }) else {
          return tensor
        }
        return NamedTensor(
          tensor.name, tensor.shape,
          values.map { _ in
            next += 1
            return 0.1 * random.normal(at: next)
          })
      })
    try model.write(to: path)
    return path
  }

  @Test("--joint is refused for other architectures and beside --trajectory")
  func jointUsage() throws {
    try paint(size: 512)
    let pix2pix = SharedData.demoModel
    let other = try tool.run(
      convert(pix2pix, "x.tif", ["--joint"]).filter { $0 != "--steps" && $0 != "3" })
    #expect(other.status == 64)
    #expect(other.diagnostics.contains("--joint"))
    let path = try tool.run(
      convert(
        try tinyModel("tiny.safetensors"), "x.tif",
        ["--joint", "--trajectory", scratch.path("states"), "--region", "0,0,256,256"]))
    #expect(path.status == 64)
    #expect(!FileManager.default.fileExists(atPath: scratch.path("x.tif")))
  }
}
