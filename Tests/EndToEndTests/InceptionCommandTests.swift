import Foundation
import Pictures
import Rasters
import TestSupport
import Testing

/// Figures of slides with a small network of random weights.
@Suite("restain evaluate conversion --inception")
struct InceptionCommandTests {
  private let files: InceptionFiles

  init() throws { files = try InceptionFiles() }

  /// A slide whose tissue fills 81 tiles.
  private func tissue(
    _ name: String, changed change: (inout RGBImage) -> Void = { _ in }
  ) throws
    -> String
  {
    var image = SlideFiles.tissue(width: 2816, height: 2816)
    change(&image)
    try SlideFiles.write(image, to: files.path(name))
    return files.path(name)
  }

  @Test("FID, KID and the score stand beside the other figures, and worse pictures are further")
  func figures() throws {
    let weights = try files.imported()
    let real = try tissue("real.tif")
    let near = try tissue("near.tif") { image in
      for index in image.pixels.indices { image.pixels[index] ^= 3 }
    }
    let far = try tissue("far.tif") { image in
      for index in image.pixels.indices { image.pixels[index] = 255 - image.pixels[index] / 2 }
    }
    func evaluate(_ generated: String, _ more: [String] = []) throws -> CommandLineTool.Outcome {
      let outcome = try files.tool.run(
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
    let weights = try files.imported()
    let real = files.path("small.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 700, height: 600), to: real)
    let train = files.scratch.url.appendingPathComponent("dataset/train", isDirectory: true)
    try FileManager.default.createDirectory(at: train, withIntermediateDirectories: true)
    // Black becomes white.
    var pair = RGBImage(width: 512, height: 256)
    pair.paste(
      RGBImage(width: 256, height: 256, filledWith: RGBColor(red: 0, green: 0, blue: 0)), x: 0,
      y: 0)
    try PictureFile.writePNG(pair, path: train.appendingPathComponent("a_0_0.png").path)
    let outcome = try files.tool.run([
      "evaluate", "conversion", "--real", real, "--generated", real, "--input", real, "--baseline",
      files.path("dataset"), "--inception", weights, "--force", "--json",
    ])
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    let object = try SlideFiles.object(outcome.output)
    let input = (object["input"] as? [String: Any])?["fid"] as? Double ?? -1
    let baseline = (object["baseline"] as? [String: Any])?["fid"] as? Double ?? -1
    #expect(input == object["fid"] as? Double)
    #expect(input >= 0 && baseline > 1e3 * input && baseline > 0)
  }

  @Test("under 64 tiles the figures are left out with one line and status 3, unless forced")
  func fewTiles() throws {
    let weights = try files.imported()
    let real = files.path("small.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 700, height: 600), to: real)
    let arguments = [
      "evaluate", "conversion", "--real", real, "--generated", real, "--inception", weights,
      "--json", "--quiet",
    ]
    let outcome = try files.tool.run(arguments)
    #expect(outcome.status == 3)
    #expect(outcome.diagnostics.split(separator: "\n").count == 1)
    #expect(outcome.diagnostics.contains("4 tiles of 256 pixels show tissue, and fewer than 64"))
    let object = try SlideFiles.object(outcome.output)
    #expect(object["fid"] == nil && object["kid"] == nil && object["inception_tiles"] == nil)
    #expect(object["ssim"] is Double)
    let forced = try files.tool.run(arguments + ["--force"])
    #expect(forced.status == 0, "\(forced.diagnostics)")
    #expect(try SlideFiles.object(forced.output)["inception_tiles"] as? Int == 4)
    let text = try files.tool.run(arguments.filter { $0 != "--json" } + ["--force"])
    #expect(text.output.contains("FID         generated "))
    #expect(text.output.contains("4 tiles, pytorch-fid"))
    // No two halves with a covariance.
    let tiny = files.path("tiny.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 400, height: 400), to: tiny)
    let none = try files.tool.run([
      "evaluate", "conversion", "--real", tiny, "--generated", tiny, "--inception", weights,
      "--force",
    ])
    #expect(none.status == 3 && !none.output.contains("FID  "))
  }

  @Test("what cannot be compared is told before the network looks at any tile")
  func earlyRefusals() throws {
    let weights = try files.imported()
    let (real, other) = (files.path("small.tif"), files.path("other.tif"))
    try SlideFiles.write(SlideFiles.tissue(width: 700, height: 600), to: real)
    try SlideFiles.write(SlideFiles.tissue(width: 600, height: 700), to: other)
    func expect(_ generated: String, _ more: [String], _ status: Int32, _ part: String) throws {
      // The network's first word is its warning of few tiles, a second line.
      try files.expectFailure(
        [
          "evaluate", "conversion", "--real", real, "--generated", generated, "--inception",
          weights, "--force", "--quiet",
        ] + more, status, part)
    }
    try expect(other, [], 65, "the generated one 600 × 700")
    try expect(real, ["--input", other], 65, "600 × 700")
    try expect(real, ["--input", files.path("absent.tif")], 66, "absent.tif: no such file")
    try expect(
      real, ["--input", real, "--baseline", files.path("absent")], 66, "absent/train: no such file")
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
}
