import Foundation
import Networks
import Reporting
import Staining
import TestSupport
import Testing

/// The network of FID from a PyTorch file to a model, and what refuses it.
@Suite("restain model import --architecture inception-fid")
struct InceptionImportTests {
  private let files: InceptionFiles

  init() throws { files = try InceptionFiles() }

  @Test("a checkpoint becomes a model that says what it is, from either form of file")
  func importing() throws {
    let model = try files.imported()
    let text = try files.tool.run(["model", "info", model])
    #expect(text.status == 0, "\(text.diagnostics)")
    #expect(text.output.contains("inception-fid, 64 features, 31 classes"))
    let info = try SlideFiles.object(try files.tool.run(["model", "info", model, "--json"]).output)
    let card = try #require(info["card"] as? [String: Any])
    #expect(card["architecture"] as? String == "inception-fid")
    #expect(card["features"] as? Int == 64 && card["classes"] as? Int == 31)
    #expect(
      card["source_sha256"] as? String == (try ContentHash.hexadecimal(ofFile: files.checkpoint)))
    #expect(card["pixel_size_um"] == nil && card["from"] == nil)
    #expect((info["parameters"] as? Int ?? 0) > 0)
    #expect(try InceptionModel(path: model).state == files.state)

    let safetensors = files.path("plain.safetensors")
    try SafetensorsFile(tensors: files.state.tensors, metadata: [:]).write(to: safetensors)
    let second = try files.tool.run(files.importArguments(safetensors, "second.safetensors"))
    #expect(second.status == 0, "\(second.diagnostics)")
    #expect(try InceptionModel(path: files.path("second.safetensors")).state == files.state)
    try files.expectFailure(
      files.importArguments(files.checkpoint, "w.safetensors"), 73, "exists already")
  }

  @Test("digits at the end of a file's name are held against its SHA-256")
  func hash() throws {
    let digits = try ContentHash.hexadecimal(ofFile: files.checkpoint).prefix(8)
    let (right, wrong) = (files.path("pt-\(digits).pth"), files.path("pt-00c0ffee.pth"))
    for name in [right, wrong] {
      try FileManager.default.copyItem(atPath: files.checkpoint, toPath: name)
    }
    #expect(try files.tool.run(files.importArguments(right, "right")).status == 0)
    try files.expectFailure(
      files.importArguments(wrong, "wrong"), 65, "begins with \(digits), not with 00c0ffee")
    #expect(!FileManager.default.fileExists(atPath: files.path("wrong")))
    // A date is none.
    let dated = files.path("pt-20261126.pth")
    try FileManager.default.copyItem(atPath: files.checkpoint, toPath: dated)
    #expect(try files.tool.run(files.importArguments(dated, "dated")).status == 0)
  }

  @Test("what is no network of FID is not taken over, and options of other networks are refused")
  func refusedImports() throws {
    let fixtures = SharedData.packageFolder.appendingPathComponent("Tests/NetworksTests/Fixtures")
    let generator = fixtures.appendingPathComponent("checkpoint-unet.pth").path
    try files.expectFailure(
      files.importArguments(generator, "m"), 65, "which that of FID does not have")
    try files.expectFailure(
      files.importArguments(files.path("absent.pth"), "m"), 66, "no such file")
    try files.expectFailure(
      files.importArguments(files.checkpoint, "m") + ["--pixel-size", "0.5"], 64, "--pixel-size")
    var damaged = files.state
    damaged.tensors.removeLast()
    damaged.tensors.append(
      NamedTensor("fc.bias", [31], [Float](repeating: .infinity, count: 31)))
    try damaged.writePyTorchFile(to: files.path("damaged.pth"))
    try files.expectFailure(files.importArguments(files.path("damaged.pth"), "m"), 65, "not finite")
    for option in ["--pixel-size", "--from", "--to"] {
      var arguments = [
        "model", "import", files.path("absent"), "--architecture", "pix2pix-unet256", "-o",
        files.path("m"),
      ]
      for (name, value) in [("--pixel-size", "0.5"), ("--from", "ihc"), ("--to", "he")]
      where name != option { arguments += [name, value] }
      try files.expectFailure(arguments, 64, "\(option) is missing")
    }
    #expect(!FileManager.default.fileExists(atPath: files.path("m")))
  }

  @Test(
    "an option that means nothing to an architecture is refused before the file is looked for",
    arguments: [
      ("pix2pix-unet256", ["--beta-max", "1"]), ("pix2pix-unet256", ["--ot-ode"]),
      ("pix2pix-unet256", ["--classes", "c"]), ("adm", ["--normalization", "running"]),
      ("adm", ["--classes", "c"]),
    ])
  func uselessOptions(architecture: String, option: [String]) throws {
    let arguments = [
      "model", "import", files.path("absent"), "--architecture", architecture, "--pixel-size",
      "0.5", "--from", "ihc", "--to", "he", "-o", files.path("m"),
    ]
    try files.expectFailure(
      arguments + option, 64,
      "\(option[0]): means nothing to a model of architecture \(architecture)")
    try files.expectFailure(arguments, 66, "no such file")
  }

  @Test("it converts nothing, trains nothing and is not exported; a stain model judges nothing")
  func refusedUses() throws {
    let model = try files.imported()
    let slide = files.path("slide.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 512, height: 512), to: slide)
    try files.expectFailure(
      ["convert", slide, "--model", model, "-o", files.path("out.tif")], 65,
      "a model of architecture inception-fid judges pictures and stains none")
    // A case tells of its steps, too.
    let job = try files.tool.run(
      ["run", "--moving", slide, "--model", model, "-o", files.path("case"), "--quiet"])
    #expect(job.status == 65 && job.diagnostics.contains("inception-fid judges pictures"))
    try FileManager.default.createDirectory(
      atPath: files.path("data"), withIntermediateDirectories: true)
    try files.expectFailure(
      [
        "train", "i2sb", "--data", files.path("data"), "--start", model, "-o", files.path("bridge"),
      ], 65,
      "judges pictures")
    try files.expectFailure(
      ["model", "export", model, "-o", files.path("out.pth")], 65, "judges pictures")
    #expect(!FileManager.default.fileExists(atPath: files.path("out.tif")))

    let stain = files.path("stain.safetensors")
    try StainModel(
      card: ModelCard(
        architecture: .identity, baseChannels: 0, normalization: .running, pixelSizeMicrons: 0.5,
        fromStain: "ihc", toStain: "he", restainVersion: "test"), state: StateDictionary([])
    ).write(to: stain)
    func evaluate(_ weights: String) -> [String] {
      ["evaluate", "conversion", "--real", slide, "--generated", slide, "--inception", weights]
    }
    try files.expectFailure(evaluate(stain), 65, "identity is not the network of FID")
    try files.expectFailure(evaluate(files.checkpoint), 65, "restain model import")
    try files.expectFailure(evaluate(files.path("absent")), 66, "no such file")
    try files.expectFailure(
      [
        "evaluate", "conversion", "--real", slide, "--generated", slide, "--inception-resize",
        "torch-fidelity",
      ], 64, "pass --inception")
  }
}
