import Foundation
import TestSupport
import Testing

@Suite("Models to and from PyTorch")
struct ModelCommandTests {
  private let scratch: TemporaryDirectory
  private let tool: CommandLineTool

  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
  }

  /// Checkpoints of one network, made by Tests/Reference/checkpoint_golden.py.
  private static func checkpoint(_ name: String) -> String {
    SharedData.packageFolder.appendingPathComponent("Tests/NetworksTests/Fixtures/\(name)").path
  }

  private static let forms = [
    "checkpoint-unet.pth", "checkpoint-unet-legacy.pth", "checkpoint-unet.safetensors",
  ]

  private func arguments(_ input: String, _ output: String, _ more: [String] = []) -> [String] {
    [
      "model", "import", input, "--architecture", "pix2pix-unet256", "--pixel-size", "0.5",
      "--from", "ihc", "--to", "he", "-o", scratch.path(output),
    ] + more
  }

  private func bytes(_ path: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: scratch.path(path)))
  }

  private func expectFailure(
    _ outcome: CommandLineTool.Outcome, _ status: Int32, _ part: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(outcome.status == status, "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    let lines = outcome.diagnostics.split(separator: "\n")
    #expect(lines.count == 1, sourceLocation: sourceLocation)
    #expect(
      outcome.diagnostics.contains(part), "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    #expect(outcome.output == "", sourceLocation: sourceLocation)
  }

  @Test("all three forms make the same model, which converts a slide and goes back to PyTorch")
  func forms() throws {
    for (index, form) in Self.forms.enumerated() {
      let outcome = try tool.run(arguments(Self.checkpoint(form), "\(index).safetensors"))
      #expect(outcome.status == 0, "\(outcome.diagnostics)")
      #expect(outcome.output.contains("pix2pix-unet256, 1 channels"))
    }
    let model = try bytes("0.safetensors")
    for index in 1...2 { #expect(try bytes("\(index).safetensors") == model) }

    let info = try SlideFiles.object(
      try tool.run(["model", "info", scratch.path("0.safetensors"), "--json"]).output)
    let card = try #require(info["card"] as? [String: Any])
    #expect(card["normalization"] as? String == "reference")
    #expect(card["pixel_size_um"] as? Double == 0.5)
    #expect(card["from"] as? String == "ihc" && card["to"] as? String == "he")

    let export = try tool.run([
      "model", "export", scratch.path("0.safetensors"), "-o", scratch.path("g.pth"),
    ])
    #expect(export.status == 0, "\(export.diagnostics)")
    #expect(try tool.run(arguments(scratch.path("g.pth"), "back.safetensors")).status == 0)
    #expect(try bytes("back.safetensors") == model)

    _ = try tool.run(
      ["phantom", "-o", scratch.path("phantom"), "--size", "512", "--seed", "3", "--quiet"])
    let convert = try tool.run([
      "convert", scratch.path("phantom/phantom_IHC.tif"), "--model",
      scratch.path("back.safetensors"), "-o", scratch.path("out.tif"), "--json",
    ])
    #expect(convert.status == 0, "\(convert.diagnostics)")
    #expect((try SlideFiles.object(convert.output)["tiles"] as? Int ?? 0) > 0)
  }

  @Test("nothing is replaced without --force, and the input never")
  func existing() throws {
    let path = scratch.path("m.safetensors")
    try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
    let input = Self.checkpoint(Self.forms[0])
    expectFailure(try tool.run(arguments(input, "m.safetensors")), 73, "exists already")
    #expect(try bytes("m.safetensors") == Data("mine".utf8))
    #expect(try tool.run(arguments(input, "m.safetensors", ["--force"])).status == 0)
    let export = ["model", "export", path, "-o", path]
    expectFailure(try tool.run(export), 73, "exists already")
    expectFailure(try tool.run(export + ["--force"]), 64, "is the input")
    #expect(try tool.run(["model", "info", path]).status == 0)
  }

  @Test("what cannot be taken over ends with its status and one line, and writes nothing")
  func refusals() throws {
    let evil = scratch.path("evil.pth")
    var pickle = try Data(
      contentsOf: URL(fileURLWithPath: Self.checkpoint("checkpoint-unet.pth")))
    let name = try #require(pickle.range(of: Data("OrderedDict".utf8)))
    pickle.replaceSubrange(name, with: Data("OrderedEvil".utf8))
    try pickle.write(to: URL(fileURLWithPath: evil))
    expectFailure(
      try tool.run(arguments(evil, "m")), 65, "collections.OrderedEvil, which is refused")
    expectFailure(
      try tool.run(arguments(Self.checkpoint("checkpoint-training.pth"), "m")), 65,
      "no bare state dictionary")
    expectFailure(
      try tool.run(arguments(Self.checkpoint("pix2pix-keys.txt"), "m")), 65, "cannot be taken over")
    expectFailure(try tool.run(arguments(scratch.path("absent"), "m")), 66, "no such file")
    expectFailure(
      try tool.run(["model", "info", Self.checkpoint(Self.forms[0])]), 65, "restain model import")
    let short = Array(
      arguments(Self.checkpoint(Self.forms[0]), "m").filter { $0 != "he" && $0 != "--to" })
    expectFailure(try tool.run(short), 64, "--to")
    expectFailure(
      try tool.run(arguments(Self.checkpoint(Self.forms[0]), "no/such/m")), 73, "cannot be written")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.url.path) == ["evil.pth"])
  }

  @Test("a bridge is only taken from what holds one, and other networks are told apart")
  func bridge() throws {
    func run(_ checkpoint: String) throws -> CommandLineTool.Outcome {
      try tool.run([
        "model", "import", Self.checkpoint(checkpoint), "--architecture", "adm", "--pixel-size",
        "0.5", "--from", "ihc", "--to", "he", "-o", scratch.path("bridge.safetensors"),
      ])
    }
    expectFailure(try run("checkpoint-unet.pth"), 65, "no diffusion U-Net")
    // Two channels cannot make the 32 groups of the public networks.
    expectFailure(try run("bridge-latest.pt"), 65, "32 groups")
    #expect(!FileManager.default.fileExists(atPath: scratch.path("bridge.safetensors")))
  }
}
