import Foundation
import Pyramids
import Rasters
import TestSupport
import Testing

@Suite("restain inspect")
struct InspectTests {
  private let folder: TemporaryDirectory
  private let tool: CommandLineTool

  init() throws {
    folder = try TemporaryDirectory()
    tool = try CommandLineTool()
  }

  @Test("prints one JSON object with levels, tiles, pixel size and where it came from")
  func json() throws {
    let path = folder.path("a.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 1100, height: 700), to: path, pixelSize: 0.25)
    let outcome = try tool.run(["inspect", "--json", "--check", path])
    #expect(outcome.status == 0)
    let object = try SlideFiles.object(outcome.output)
    #expect(object["width"] as? Int == 1100)
    #expect(object["height"] as? Int == 700)
    #expect(object["pixel_size_um"] as? Double == 0.25)
    #expect(object["pixel_size_source"] as? String == "tiff-resolution")
    #expect(object["vendor"] as? String == "generic-tiff")
    #expect(object["checked"] as? Bool == true)
    let levels = object["levels"] as? [[String: Any]] ?? []
    #expect(levels.map { $0["width"] as? Int } == [1100, 550])
    #expect(levels.allSatisfy { $0["tile_width"] as? Int == 256 })
    #expect((object["problems"] as? [String])?.isEmpty == true)
  }

  @Test("several slides give one line of JSON each; a bad one gives its error and status 3")
  func several() throws {
    let paths = ["a.tif", "b.tif"].map { folder.path($0) }
    for path in paths { try SlideFiles.write(SlideFiles.tissue(width: 300, height: 300), to: path) }
    let text = folder.path("notes.txt")
    try Data("no slide\n".utf8).write(to: URL(fileURLWithPath: text))
    let outcome = try tool.run(["inspect", "--json", paths[0], text, paths[1]])
    #expect(outcome.status == 3)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 2)
    for (line, path) in zip(lines, paths) {
      #expect(try SlideFiles.object(String(line))["path"] as? String == path)
    }
    #expect(outcome.diagnostics.split(separator: "\n").count == 1)
    #expect(outcome.diagnostics.contains(text))
    let missing = try tool.run(["inspect", "--json", folder.path("none.tif"), paths[0]])
    #expect(missing.status == 3)
    #expect(missing.output.split(separator: "\n").count == 1)
  }

  @Test("JPEG data that decode to something else than was stored are a problem, and status 3")
  func damage() throws {
    let path = folder.path("jpeg.tif")
    _ = try PyramidCopy.write(
      source: SlideFiles.tissue(width: 700, height: 300), path: path,
      options: PyramidOptions(
        compression: .jpeg, pixelSize: PixelSize(0.5),
        description: PyramidDescription(name: "test")))
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    #expect(try tool.run(["inspect", "--check", path]).status == 0)
    // The second start of a scan belongs to a tile of level 0; its picture ends in the middle.
    let scan = Data([0xFF, 0xDA, 0, 12])
    let first = try #require(bytes.range(of: scan))
    let second = try #require(bytes.range(of: scan, in: first.upperBound..<bytes.endIndex))
    let place = second.upperBound + 2000
    bytes.replaceSubrange(place..<place + 2, with: [0xFF, 0xD9])
    try bytes.write(to: URL(fileURLWithPath: path))
    // Only who looks at all tiles can know.
    #expect(try tool.run(["inspect", path]).status == 0)
    let outcome = try tool.run(["inspect", "--check", "--json", path])
    #expect(outcome.status == 3)
    let problems = try SlideFiles.object(outcome.output)["problems"] as? [String] ?? []
    #expect(problems.count == 1)
    #expect(problems.first?.hasPrefix("1 tile is damaged, tile ") == true)
    #expect(problems.first?.contains("JPEG") == true, "\(problems)")
    #expect(try tool.run(["inspect", "--check", path, path]).status == 3)
  }

  @Test("a missing slide ends with 66, a text with 65")
  func statuses() throws {
    #expect(try tool.run(["inspect", folder.path("none.svs")]).status == 66)
    let text = folder.path("x.svs")
    try Data("no slide\n".utf8).write(to: URL(fileURLWithPath: text))
    #expect(try tool.run(["inspect", text]).status == 65)
  }

  @Test(
    "--slide-pixel-size wins over the file, and the configuration serves where the file is silent")
  func pixelSize() throws {
    let path = folder.path("silent.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 300, height: 300), to: path, pixelSize: nil)
    func inspected(_ arguments: [String]) throws -> [String: Any] {
      try SlideFiles.object(tool.run(["inspect", "--json", path] + arguments).output)
    }
    let bare = try inspected([])
    #expect(bare["pixel_size_um"] is NSNull)
    #expect((bare["problems"] as? [String])?.first?.contains("--slide-pixel-size") == true)
    let given = try inspected(["--slide-pixel-size", "0.4"])
    #expect(given["pixel_size_um"] as? Double == 0.4)
    #expect(given["pixel_size_source"] as? String == "option")
    let configuration = folder.path("restain.json5")
    try Data("{ pixelSizes: { \"silent*\": 0.3 } }\n".utf8)
      .write(to: URL(fileURLWithPath: configuration))
    let configured = try inspected(["--config", configuration])
    #expect(configured["pixel_size_um"] as? Double == 0.3)
    #expect(configured["pixel_size_source"] as? String == "configuration")
  }

  @Test(
    "a real slide shows the maker's pixel size",
    .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)))
  func realSlide() throws {
    let path = SharedData.url("slides/CMU-1-Small-Region.svs").path
    let object = try SlideFiles.object(tool.run(["inspect", "--json", path]).output)
    #expect(object["width"] as? Int == 2220)
    #expect(object["pixel_size_um"] as? Double == 0.499)
    #expect(object["pixel_size_source"] as? String == "openslide")
    #expect(object["objective"] as? Double == 20)
    let table = try tool.run(["inspect", path])
    #expect(table.status == 0)
    #expect(table.output.contains("0.499 µm (openslide)"))
  }
}
