import Foundation
import Pyramids
import Rasters
import Slides
import TestSupport
import Testing

@Suite("restain pyramid")
struct PyramidCommandTests {
  let folder: TemporaryDirectory
  let restain: CommandLineTool

  init() throws {
    folder = try TemporaryDirectory()
    restain = try CommandLineTool()
  }

  private struct Result: Decodable {
    let levels: Int
    let seconds: Double
    let megapixels_per_second: Double
    let peak_mib: Double
  }

  /// A small pyramid of a virtual stain, to be read as a slide.
  private func makeSlide() throws -> String {
    let path = folder.path("slide.tif")
    let options = PyramidOptions(
      compression: .lzw, pixelSize: PixelSize(0.5),
      description: PyramidDescription(name: "s", isVirtualStain: true))
    _ = try PyramidCopy.write(
      source: RGBImage(
        width: 700, height: 600, filledWith: RGBColor(red: 200, green: 90, blue: 160)),
      path: path, options: options)
    return path
  }

  @Test("a slide comes out with its pixels and pixel size, and a virtual stain stays marked")
  func copy() throws {
    let slide = try makeSlide()
    let output = folder.path("copy.tif")
    let outcome = try restain.run([
      "pyramid", slide, "-o", output, "--compression", "deflate", "--json", "--threads", "2",
    ])
    #expect(outcome.status == 0, Comment(rawValue: outcome.diagnostics))
    let result = try JSONDecoder().decode(Result.self, from: Data(outcome.output.utf8))
    #expect(result.levels == 2 && result.peak_mib > 1 && result.megapixels_per_second > 0)
    let copy = try Slide(path: output)
    #expect(copy.pixelSize == PixelSize(0.5) && copy.width == 700 && copy.height == 600)
    let isEqual =
      try copy.level0Source.read(PixelRegion(x: 0, y: 0, width: 700, height: 600))
      == Slide(path: slide).level0Source.read(PixelRegion(x: 0, y: 0, width: 700, height: 600))
    #expect(isEqual)
    #expect(copy.properties["tiff.ImageDescription"]?.contains("not for diagnosis") == true)
  }

  @Test("OpenSlide finds all levels of an Aperio file, and a thumbnail beside them")
  func aperio() throws {
    let output = folder.path("copy.svs")
    let outcome = try restain.run(["pyramid", makeSlide(), "-o", output, "--layout", "aperio"])
    #expect(outcome.status == 0, Comment(rawValue: outcome.diagnostics))
    let copy = try Slide(path: output, readsTilesDirectly: false)
    #expect(copy.vendor == "aperio" && copy.associatedImageNames == ["thumbnail"])
    #expect(copy.levels.map(\.width) == [700, 350] && copy.pixelSize == PixelSize(0.5))
  }

  @Test("existing output, the input as output, and what is no slide have their statuses")
  func refusals() throws {
    let slide = try makeSlide()
    let before = try Data(contentsOf: URL(fileURLWithPath: slide))
    #expect(try restain.run(["pyramid", slide, "-o", slide]).status == 73)
    #expect(try restain.run(["pyramid", slide, "-o", slide, "--force"]).status == 64)
    #expect(try Data(contentsOf: URL(fileURLWithPath: slide)).count == before.count)
    try Data("text".utf8).write(to: folder.url.appendingPathComponent("text.tif"))
    let outcome = try restain.run(["pyramid", folder.path("text.tif"), "-o", folder.path("o.tif")])
    #expect(outcome.status == 65 && outcome.diagnostics.split(separator: "\n").count == 1)
    #expect(
      try restain.run(["pyramid", folder.path("no"), "-o", folder.path("o.tif")]).status == 66)
    #expect(
      try restain.run(["pyramid", slide, "-o", folder.path("no/o.tif")]).status == 73)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    #expect(names.sorted() == ["slide.tif", "text.tif"])
  }

  @Test("a dry run names tiles, bytes, memory and time, and writes nothing")
  func dryRun() throws {
    let slide = try makeSlide()
    let outcome = try restain.run(["pyramid", slide, "-o", folder.path("o.tif"), "--dry-run"])
    #expect(outcome.status == 0 && outcome.output.contains("13 tiles"))
    #expect(!FileManager.default.fileExists(atPath: folder.path("o.tif")))
  }

  @Test("the benchmark prints its figures")
  func benchmark() throws {
    let outcome = try CommandLineTool("restain-bench").run(["pyramid", try makeSlide(), "--json"])
    #expect(outcome.status == 0, Comment(rawValue: outcome.diagnostics))
    #expect(outcome.output.contains("\"megapixels_per_second\":"))
    #expect(outcome.output.contains("\"peak_mib\":"))
  }

  @Test(
    "damaged files give one line and 65",
    .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)))
  func hostile() throws {
    let hostile = SharedData.url("hostile")
    for name in try FileManager.default.contentsOfDirectory(atPath: hostile.path) {
      let outcome = try restain.run([
        "pyramid", hostile.appendingPathComponent(name).path, "-o", folder.path("h.tif"), "-q",
      ])
      #expect(outcome.status == 65, Comment(rawValue: name))
      #expect(outcome.diagnostics.split(separator: "\n").count == 1, Comment(rawValue: name))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }
}
