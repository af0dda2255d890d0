import Foundation
import Networks
import Pictures
import Rasters
import Reporting
import Staining
import TestSupport
import Testing

/// The network of FID from a PyTorch file to figures, with random weights and a thirty-second of its widths.
@Suite("restain evaluate conversion --inception")
struct InceptionCommandTests {
  private let scratch: TemporaryDirectory
  private let tool: CommandLineTool
  /// Written by the test as PyTorch would.
  private let checkpoint: String
  private let state = InceptionNetwork.randomState(divisor: 32, seed: 8)

  init() throws {
    scratch = try TemporaryDirectory()
    tool = try CommandLineTool()
    checkpoint = scratch.path("inception.pth")
    var counted = state
    counted.tensors.append(
      NamedTensor(
        name: "Mixed_5b.branch1x1.bn.num_batches_tracked", shape: [], contents: .int64([0])))
    try counted.writePyTorchFile(to: checkpoint)
  }

  private func path(_ name: String) -> String { scratch.path(name) }

  private func importArguments(_ input: String, _ output: String) -> [String] {
    ["model", "import", input, "--architecture", "inception-fid", "-o", path(output)]
  }

  /// The model, imported.
  private func imported() throws -> String {
    let outcome = try tool.run(importArguments(checkpoint, "w.safetensors"))
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    return path("w.safetensors")
  }

  private func expectFailure(
    _ arguments: [String], _ status: Int32, _ part: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try tool.run(arguments)
    #expect(outcome.status == status, "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    #expect(
      outcome.diagnostics.split(separator: "\n").count == 1, sourceLocation: sourceLocation)
    #expect(
      outcome.diagnostics.contains(part), "\(outcome.diagnostics)", sourceLocation: sourceLocation)
    #expect(outcome.output == "", sourceLocation: sourceLocation)
  }

  /// A slide whose tissue fills 81 tiles.
  private func tissue(
    _ name: String, changed change: (inout RGBImage) -> Void = { _ in }
  ) throws
    -> String
  {
    var image = SlideFiles.tissue(width: 2816, height: 2816)
    change(&image)
    try SlideFiles.write(image, to: path(name))
    return path(name)
  }

  @Test("a checkpoint becomes a model that says what it is, from either form of file")
  func importing() throws {
    let model = try imported()
    let text = try tool.run(["model", "info", model])
    #expect(text.status == 0, "\(text.diagnostics)")
    #expect(text.output.contains("inception-fid, 64 features, 31 classes"))
    let info = try SlideFiles.object(try tool.run(["model", "info", model, "--json"]).output)
    let card = try #require(info["card"] as? [String: Any])
    #expect(card["architecture"] as? String == "inception-fid")
    #expect(card["features"] as? Int == 64 && card["classes"] as? Int == 31)
    #expect(card["source_sha256"] as? String == (try ContentHash.hexadecimal(ofFile: checkpoint)))
    #expect(card["pixel_size_um"] == nil && card["from"] == nil)
    #expect((info["parameters"] as? Int ?? 0) > 0)
    #expect(try InceptionModel(path: model).state == state)

    let safetensors = path("plain.safetensors")
    try SafetensorsFile(tensors: state.tensors, metadata: [:]).write(to: safetensors)
    let second = try tool.run(importArguments(safetensors, "second.safetensors"))
    #expect(second.status == 0, "\(second.diagnostics)")
    #expect(try InceptionModel(path: path("second.safetensors")).state == state)
    try expectFailure(importArguments(checkpoint, "w.safetensors"), 73, "exists already")
  }

  @Test("digits at the end of a file's name are held against its SHA-256")
  func hash() throws {
    let digits = try ContentHash.hexadecimal(ofFile: checkpoint).prefix(8)
    let (right, wrong) = (path("pt-\(digits).pth"), path("pt-00c0ffee.pth"))
    for name in [right, wrong] {
      try FileManager.default.copyItem(atPath: checkpoint, toPath: name)
    }
    #expect(try tool.run(importArguments(right, "right")).status == 0)
    try expectFailure(
      importArguments(wrong, "wrong"), 65, "begins with \(digits), not with 00c0ffee")
    #expect(!FileManager.default.fileExists(atPath: path("wrong")))
  }

  @Test("what is no network of FID is not taken over, and options of other networks are refused")
  func refusedImports() throws {
    let fixtures = SharedData.packageFolder.appendingPathComponent("Tests/NetworksTests/Fixtures")
    let generator = fixtures.appendingPathComponent("checkpoint-unet.pth").path
    try expectFailure(importArguments(generator, "m"), 65, "which that of FID does not have")
    try expectFailure(importArguments(path("absent.pth"), "m"), 66, "no such file")
    try expectFailure(
      importArguments(checkpoint, "m") + ["--pixel-size", "0.5"], 64, "--pixel-size")
    var damaged = state
    damaged.tensors.removeLast()
    damaged.tensors.append(
      NamedTensor("fc.bias", [31], [Float](repeating: .infinity, count: 31)))
    try damaged.writePyTorchFile(to: path("damaged.pth"))
    try expectFailure(importArguments(path("damaged.pth"), "m"), 65, "not finite")
    for option in ["--pixel-size", "--from", "--to"] {
      var arguments = [
        "model", "import", path("absent"), "--architecture", "pix2pix-unet256", "-o", path("m"),
      ]
      for (name, value) in [("--pixel-size", "0.5"), ("--from", "ihc"), ("--to", "he")]
      where name != option { arguments += [name, value] }
      try expectFailure(arguments, 64, "\(option) is missing")
    }
    #expect(!FileManager.default.fileExists(atPath: path("m")))
  }

  @Test("it converts nothing, trains nothing and is not exported; a stain model judges nothing")
  func refusedUses() throws {
    let model = try imported()
    let slide = path("slide.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 512, height: 512), to: slide)
    try expectFailure(
      ["convert", slide, "--model", model, "-o", path("out.tif")], 65,
      "a model of architecture inception-fid judges pictures and stains none")
    // A case tells of its steps, too.
    let job = try tool.run(
      ["run", "--moving", slide, "--model", model, "-o", path("case"), "--quiet"])
    #expect(job.status == 65 && job.diagnostics.contains("inception-fid judges pictures"))
    try FileManager.default.createDirectory(
      atPath: path("data"), withIntermediateDirectories: true)
    try expectFailure(
      ["train", "i2sb", "--data", path("data"), "--start", model, "-o", path("bridge")], 65,
      "judges pictures")
    try expectFailure(
      ["model", "export", model, "-o", path("out.pth")], 65, "judges pictures")
    #expect(!FileManager.default.fileExists(atPath: path("out.tif")))

    let stain = path("stain.safetensors")
    try StainModel(
      card: ModelCard(
        architecture: .identity, baseChannels: 0, normalization: .running, pixelSizeMicrons: 0.5,
        fromStain: "ihc", toStain: "he", restainVersion: "test"), state: StateDictionary([])
    ).write(to: stain)
    func evaluate(_ weights: String) -> [String] {
      ["evaluate", "conversion", "--real", slide, "--generated", slide, "--inception", weights]
    }
    try expectFailure(evaluate(stain), 65, "identity is not the network of FID")
    try expectFailure(evaluate(checkpoint), 65, "restain model import")
    try expectFailure(evaluate(path("absent")), 66, "no such file")
    try expectFailure(
      [
        "evaluate", "conversion", "--real", slide, "--generated", slide, "--inception-resize",
        "torch-fidelity",
      ], 64, "pass --inception")
  }

  @Test("FID, KID and the score stand beside the other figures, and worse pictures are further")
  func figures() throws {
    let weights = try imported()
    let real = try tissue("real.tif")
    let near = try tissue("near.tif") { image in
      for index in image.pixels.indices { image.pixels[index] ^= 3 }
    }
    let far = try tissue("far.tif") { image in
      for index in image.pixels.indices { image.pixels[index] = 255 - image.pixels[index] / 2 }
    }
    func evaluate(_ generated: String, _ more: [String] = []) throws -> CommandLineTool.Outcome {
      let outcome = try tool.run(
        [
          "evaluate", "conversion", "--real", real, "--generated", generated, "--inception",
          weights, "--json",
        ] + more)
      #expect(outcome.status == 0, "\(outcome.diagnostics)")
      return outcome
    }
    let outcome = try evaluate(near, ["--input", far, "--threads", "1"])
    // Above 64 tiles, but far below 2048.
    #expect(outcome.diagnostics.contains("warning: --inception: with 81 tiles, fewer than 2048"))
    #expect(try evaluate(near, ["--input", far, "--threads", "2"]).output == outcome.output)
    let object = try SlideFiles.object(outcome.output)
    func number(_ name: String, in object: [String: Any]) throws -> Double {
      try #require(object[name] as? Double, "\(name)")
    }
    let input = try #require(object["input"] as? [String: Any])
    #expect(object["inception_tiles"] as? Int == 81)
    #expect(object["inception_resize"] as? String == "pytorch-fid")
    #expect(try number("fid", in: object) > 0)
    #expect(try number("fid", in: input) > 10 * number("fid", in: object))
    #expect(try number("kid", in: input) > 10 * number("kid", in: object))
    #expect(try number("fid_floor", in: object) > 0)
    #expect(try number("fid_floor", in: input) == number("fid_floor", in: object))
    #expect(try number("kid_floor", in: input) == number("kid_floor", in: object))
    #expect(try number("kid_std", in: object) >= 0)
    #expect(try number("inception_score", in: object) >= 1)
    #expect(try number("inception_score_std", in: object) >= 0)
    #expect(object["ssim"] is Double && object["random_convolution_frechet"] is Double)

    let same = try SlideFiles.object(try evaluate(real).output)
    #expect(try number("fid", in: same) < 1e-6 * number("fid_floor", in: same))
    let other = try SlideFiles.object(
      try evaluate(near, ["--inception-resize", "torch-fidelity"]).output)
    #expect(other["inception_resize"] as? String == "torch-fidelity")
    #expect(try number("fid", in: other) != number("fid", in: object))
  }

  @Test("the best colour map of the input has the figures, too")
  func baseline() throws {
    let weights = try imported()
    let real = path("small.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 700, height: 600), to: real)
    let train = scratch.url.appendingPathComponent("dataset/train", isDirectory: true)
    try FileManager.default.createDirectory(at: train, withIntermediateDirectories: true)
    // Black becomes white.
    var pair = RGBImage(width: 512, height: 256)
    pair.paste(
      RGBImage(width: 256, height: 256, filledWith: RGBColor(red: 0, green: 0, blue: 0)), x: 0,
      y: 0)
    try PictureFile.writePNG(pair, path: train.appendingPathComponent("a_0_0.png").path)
    let outcome = try tool.run([
      "evaluate", "conversion", "--real", real, "--generated", real, "--input", real, "--baseline",
      path("dataset"), "--inception", weights, "--force", "--json",
    ])
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    let object = try SlideFiles.object(outcome.output)
    let input = (object["input"] as? [String: Any])?["fid"] as? Double ?? -1
    let baseline = (object["baseline"] as? [String: Any])?["fid"] as? Double ?? -1
    #expect(input == object["fid"] as? Double)
    #expect(input >= 0 && baseline > 1e3 * input && baseline > 0)
  }

  @Test("the benchmark prints its figures")
  func benchmark() throws {
    let outcome = try CommandLineTool("restain-bench").run([
      "inception", "--seconds", "0.1", "--threads", "2", "--json",
    ])
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    let object = try SlideFiles.object(outcome.output)
    #expect((object["tiles_per_second"] as? Double ?? 0) > 0)
    #expect(object["parameters"] as? Int == 23_850_960)
  }

  @Test("under 64 tiles the figures are left out with one line and status 3, unless forced")
  func fewTiles() throws {
    let weights = try imported()
    let real = path("small.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 700, height: 600), to: real)
    let arguments = [
      "evaluate", "conversion", "--real", real, "--generated", real, "--inception", weights,
      "--json", "--quiet",
    ]
    let outcome = try tool.run(arguments)
    #expect(outcome.status == 3)
    #expect(outcome.diagnostics.split(separator: "\n").count == 1)
    #expect(outcome.diagnostics.contains("4 tiles of 256 pixels show tissue, and fewer than 64"))
    let object = try SlideFiles.object(outcome.output)
    #expect(object["fid"] == nil && object["kid"] == nil && object["inception_tiles"] == nil)
    #expect(object["ssim"] is Double)
    let forced = try tool.run(arguments + ["--force"])
    #expect(forced.status == 0, "\(forced.diagnostics)")
    #expect(try SlideFiles.object(forced.output)["inception_tiles"] as? Int == 4)
    let text = try tool.run(arguments.filter { $0 != "--json" } + ["--force"])
    #expect(text.output.contains("FID         generated "))
    #expect(text.output.contains("4 tiles, pytorch-fid"))
    // No two halves with a covariance.
    let tiny = path("tiny.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 400, height: 400), to: tiny)
    let none = try tool.run([
      "evaluate", "conversion", "--real", tiny, "--generated", tiny, "--inception", weights,
      "--force",
    ])
    #expect(none.status == 3 && !none.output.contains("FID  "))
  }
}
