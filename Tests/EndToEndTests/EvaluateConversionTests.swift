import Foundation
import Pictures
import Rasters
import TestSupport
import Testing

@Suite("restain evaluate conversion")
struct EvaluateConversionTests {
  private let folder: TemporaryDirectory
  private let tool: CommandLineTool
  private let real: String
  private let truth = SlideFiles.tissue(width: 700, height: 600)

  init() throws {
    folder = try TemporaryDirectory()
    tool = try CommandLineTool()
    real = folder.path("real.tif")
    try SlideFiles.write(truth, to: real)
  }

  private func brightened(by levels: UInt8) -> RGBImage {
    var image = truth
    for index in image.pixels.indices where image.pixels[index] < 255 - levels {
      image.pixels[index] += levels
    }
    return image
  }

  @Test("PSNR is that of the pixels over the tissue, with counts, SSIM and the seam score")
  func figures() throws {
    let generated = folder.path("generated.tif")
    try SlideFiles.write(brightened(by: 8), to: generated)
    let outcome = try tool.run(
      ["evaluate", "conversion", "--real", real, "--generated", generated, "--json"])
    #expect(outcome.status == 0)
    let object = try SlideFiles.object(outcome.output)
    // Every tissue sample differs by 8; the glass inside tissue blocks does not, so the error is smaller.
    let everywhere = 20 * log10(255.0 / 8)
    let signal = object["psnr_db"] as? Double ?? 0
    #expect(signal >= everywhere - 1e-9 && signal < everywhere + 2)
    #expect((object["ssim"] as? Double ?? 0) > 0.9)
    #expect((object["tissue_pixels"] as? Int ?? 0) >= 700 * 600 * 9 / 16)
    #expect((object["psnr_interval_db"] as? [Double])?.count == 2)
    #expect(object["seam_score"] is Double)
    // 11 × 10 blocks, those at the right and lower edge are no whole ones.
    #expect(object["random_convolution_frechet_blocks"] as? Int ?? 0 <= 10 * 9)
    let distance = object["random_convolution_frechet"] as? Double ?? -1
    #expect(distance > 0)
    #expect(object["random_convolution_frechet_floor"] as? Double ?? -1 > 0)
    #expect(object["fid"] == nil)
    let same = try tool.run(
      ["evaluate", "conversion", "--real", real, "--generated", real, "--json", "--threads", "1"])
    let zero = try SlideFiles.object(same.output)["random_convolution_frechet"] as? Double ?? -1
    #expect(zero >= 0 && zero < 1e-6 * distance)
  }

  @Test("the input and the best colour map of a data set are held against the same truth")
  func baseline() throws {
    let converted = folder.path("generated.tif")
    try SlideFiles.write(brightened(by: 1), to: converted)
    let input = folder.path("input.tif")
    try SlideFiles.write(brightened(by: 40), to: input)
    let train = folder.url.appendingPathComponent("dataset/train", isDirectory: true)
    try FileManager.default.createDirectory(at: train, withIntermediateDirectories: true)
    let region = PixelRegion(x: 200, y: 150, width: 256, height: 256)
    var pair = RGBImage(width: 512, height: 256)
    pair.paste(brightened(by: 40).cropped(to: region), x: 0, y: 0)
    pair.paste(truth.cropped(to: region), x: 256, y: 0)
    try PictureFile.writePNG(pair, path: train.appendingPathComponent("a_0_0.png").path)
    let outcome = try tool.run([
      "evaluate", "conversion", "--real", real, "--generated", converted, "--input", input,
      "--baseline", folder.path("dataset"), "--json",
    ])
    #expect(outcome.status == 0)
    let object = try SlideFiles.object(outcome.output)
    let inputFigure = (object["input"] as? [String: Any])?["psnr_db"] as? Double ?? 100
    let generatedFigure = object["psnr_db"] as? Double ?? 0
    let baseline = object["baseline"] as? [String: Any] ?? [:]
    // The map takes 40 levels off the tissue, which is all that differs there.
    let baselineFigure = baseline["psnr_db"] as? Double ?? 0
    #expect(inputFigure < 20)
    #expect(baselineFigure > inputFigure)
    #expect(generatedFigure > inputFigure)
  }

  @Test("slides of different size or pixel size end with 65 unless a transform is given")
  func mismatch() throws {
    let other = folder.path("other.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 640, height: 600), to: other)
    let size = try tool.run([
      "evaluate", "conversion", "--real", real, "--generated", other,
    ])
    #expect(size.status == 65)
    #expect(size.diagnostics.contains("--transform"))
    let coarse = folder.path("coarse.tif")
    try SlideFiles.write(truth, to: coarse, pixelSize: 1)
    let pixelSize = try tool.run([
      "evaluate", "conversion", "--real", real, "--generated", coarse,
    ])
    #expect(pixelSize.status == 65)
  }

  @Test("a slide against itself is identical, and the table says so")
  func identical() throws {
    let outcome = try tool.run(["evaluate", "conversion", "--real", real, "--generated", real])
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("identical"))
  }

  @Test("--baseline without --input is a usage error")
  func usage() throws {
    let outcome = try tool.run([
      "evaluate", "conversion", "--real", real, "--generated", real, "--baseline", "x",
    ])
    #expect(outcome.status == 64)
  }
}
