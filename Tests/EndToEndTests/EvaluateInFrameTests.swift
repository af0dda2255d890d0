import Foundation
import Pictures
import Rasters
import Registration
import TestSupport
import Testing

@Suite("restain evaluate conversion in another frame and under a mask")
struct EvaluateInFrameTests {
  private let folder: TemporaryDirectory
  private let tool: CommandLineTool
  private let real: String
  private let truth = SlideFiles.tissue(width: 700, height: 600)
  private static let white = RGBColor(red: 255, green: 255, blue: 255)

  init() throws {
    folder = try TemporaryDirectory()
    tool = try CommandLineTool()
    real = folder.path("real.tif")
    try SlideFiles.write(truth, to: real)
  }

  private func evaluated(_ generated: String, _ more: [String]) throws -> [String: Any] {
    let outcome = try tool.run(
      ["evaluate", "conversion", "--real", real, "--generated", generated, "--json"] + more)
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    return try SlideFiles.object(outcome.output)
  }

  /// Writes a transform whose moving section lies further right and down, by micrometres.
  private func writeTransform(_ name: String, right: Double, down: Double) throws -> String {
    let transform = SectionTransform(
      fixed: SectionFrame(name: "real.tif", width: 700, height: 600, pixelSize: PixelSize(0.5)),
      moving: SectionFrame(name: "moved.tif", width: 790, height: 650, pixelSize: PixelSize(0.5)),
      affine: AffineMap(a: 1, b: 0, c: right, d: 0, e: 1, f: down))
    try transform.data().write(to: URL(fileURLWithPath: folder.path(name)))
    return folder.path(name)
  }

  @Test("with a transform the generated slide is compared where it lies over the real one")
  func transform() throws {
    var picture = RGBImage(width: 790, height: 650, filledWith: Self.white)
    picture.paste(truth, x: 40, y: 24)
    let moved = folder.path("moved.tif")
    try SlideFiles.write(picture, to: moved)
    #expect(
      try tool.run(["evaluate", "conversion", "--real", real, "--generated", moved]).status == 65)

    let right = try evaluated(
      moved, ["--transform", writeTransform("right.json", right: 20, down: 12)])
    #expect(right["identical"] as? Bool == true)
    #expect(right["ssim"] as? Double == 1)
    #expect((right["tissue_pixels"] as? Int ?? 0) >= 700 * 600 * 9 / 16)

    // Four pixels aside the noise no longer agrees.
    let wrong = try evaluated(
      moved, ["--transform", writeTransform("wrong.json", right: 22, down: 12)])
    #expect(wrong["identical"] as? Bool == false)
    #expect((wrong["psnr_db"] as? Double ?? 100) < 30)
    #expect((wrong["ssim"] as? Double ?? 1) < 0.7)

    // The transform is of slides of other sizes.
    let other = try tool.run([
      "evaluate", "conversion", "--real", real, "--generated", real, "--transform",
      folder.path("right.json"),
    ])
    #expect(other.status == 65 && other.diagnostics.split(separator: "\n").count == 1)
    let absent = try tool.run([
      "evaluate", "conversion", "--real", real, "--generated", moved, "--transform", "/no/such",
    ])
    #expect(absent.status == 66)
  }

  @Test("tissue that the moving slide never imaged is left out and counted")
  func outside() throws {
    // The moving slide begins 150 pixels further right and 100 further down than the real one.
    let part = PixelRegion(x: 150, y: 100, width: 550, height: 500)
    var picture = RGBImage(width: 790, height: 650, filledWith: Self.white)
    picture.paste(truth.cropped(to: part), x: 0, y: 0)
    let moved = folder.path("moved.tif")
    try SlideFiles.write(picture, to: moved)
    let transform = try writeTransform("cut.json", right: -75, down: -50)
    let result = try evaluated(moved, ["--transform", transform])
    #expect(result["identical"] as? Bool == true)
    // Tissue from 87 to 612 by 75 to 525: blocks 1…9 by 1…8, of which those from 3 and 2 on lie on the slide.
    #expect(result["blocks_outside"] as? Int == 9 * 8 - 7 * 7)
    #expect(result["tissue_pixels"] as? Int == 7 * 64 * 7 * 64)
    let whole = try evaluated(real, [])
    #expect(whole["blocks_outside"] as? Int == 0)
  }

  @Test("with a mask only what is not black is compared, whatever the mask's size")
  func mask() throws {
    var picture = truth
    for y in 0..<600 {
      for x in 350..<700 {
        let color = picture[x, y]
        picture[x, y] = RGBColor(
          red: color.red - 16, green: color.green - 16, blue: color.blue - 16)
      }
    }
    let generated = folder.path("generated.tif")
    try SlideFiles.write(picture, to: generated)
    func mask(_ name: String, _ scale: Int, _ columns: Range<Int>) throws -> [String] {
      let (width, height) = (700 / scale, 600 / scale)
      let gray = (0..<width * height).map { pixel in
        UInt8(columns.contains(pixel % width * scale) ? 255 : 0)
      }
      try PictureFile.writePNG(gray: gray, width: width, height: height, path: folder.path(name))
      return ["--mask", folder.path(name)]
    }
    let left = try evaluated(generated, mask("left.png", 1, 0..<350))
    #expect(left["identical"] as? Bool == true)
    #expect(left["tissue_pixels"] as? Int == 350 * 600)
    let right = try evaluated(generated, mask("right.png", 1, 400..<650))
    // Every pixel of the mask is 16 levels off.
    let expected = 20 * log10(255.0 / 16)
    #expect(abs((right["psnr_db"] as? Double ?? 0) - expected) < 1e-6)
    #expect(right["tissue_pixels"] as? Int == 250 * 600)
    let small = try evaluated(generated, mask("small.png", 10, 400..<650))
    #expect(abs((small["psnr_db"] as? Double ?? 0) - expected) < 1e-6)
    let empty = try tool.run(
      ["evaluate", "conversion", "--real", real, "--generated", generated]
        + mask("empty.png", 1, 0..<0))
    #expect(empty.status == 65)
  }
}
