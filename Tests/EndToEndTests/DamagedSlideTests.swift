import Foundation
import Pyramids
import Rasters
import Registration
import Slides
import Staining
import TestSupport
import Testing

/// A slide with a damaged tile is worked on to the end, but never silently.
@Suite("Damaged slides")
struct DamagedSlideTests {
  private let folder: TemporaryDirectory
  private let tool: CommandLineTool
  private let slide: String

  init() throws {
    folder = try TemporaryDirectory()
    tool = try CommandLineTool()
    slide = folder.path("A1_Ki67.tif")
    try Self.write(SlideFiles.tissue(width: 700, height: 600), to: slide)
    try Self.damage(slide)
  }

  private static func write(_ image: RGBImage, to path: String, pixelSize: Double = 0.5) throws {
    _ = try PyramidCopy.write(
      source: image, path: path,
      options: PyramidOptions(
        compression: .jpeg, pixelSize: PixelSize(pixelSize),
        description: PyramidDescription(name: "test")))
  }

  /// Ends the picture of a tile of level 0 in the middle: the second start of a scan is one.
  private static func damage(_ path: String) throws {
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let scan = Data([0xFF, 0xDA, 0, 12])
    let first = try #require(bytes.range(of: scan))
    let second = try #require(bytes.range(of: scan, in: first.upperBound..<bytes.endIndex))
    let place = second.upperBound + 2000
    bytes.replaceSubrange(place..<place + 2, with: [0xFF, 0xD9])
    try bytes.write(to: URL(fileURLWithPath: path))
  }

  private let model = SharedData.demoModel

  /// Maps the slide onto itself.
  private func identity() throws -> SectionTransform {
    let frame = SectionFrame(
      name: "A1_Ki67.tif", width: 700, height: 600,
      pixelSize: try Slide(path: slide).requirePixelSize())
    return SectionTransform(
      fixed: frame, moving: frame, affine: AffineMap(a: 1, b: 0, c: 0, d: 0, e: 1, f: 0))
  }

  /// Finished, with one warning that names the slide and the damage.
  private func expectDamage(_ outcome: CommandLineTool.Outcome, output: String) {
    #expect(outcome.status == 3, "\(outcome.diagnostics)")
    #expect(outcome.diagnostics.contains("warning: \(slide): 1 tile is damaged, tile "))
    #expect(FileManager.default.fileExists(atPath: output))
  }

  @Test("pyramid and convert warn and end with 3")
  func copies() throws {
    let (copy, converted) = (folder.path("copy.tif"), folder.path("converted.tif"))
    expectDamage(try tool.run(["pyramid", slide, "-o", copy]), output: copy)
    expectDamage(
      try tool.run(["convert", slide, "--model", model, "-o", converted]), output: converted)
  }

  @Test("transform slide warns and ends with 3")
  func transformed() throws {
    let path = folder.path("t.json")
    try identity().data().write(to: URL(fileURLWithPath: path))
    let output = folder.path("registered.tif")
    expectDamage(
      try tool.run(["transform", "slide", "--transform", path, slide, "-o", output]),
      output: output)
    // The transform is an input, too.
    let before = try Data(contentsOf: URL(fileURLWithPath: path))
    let points = folder.path("p.csv")
    try Data("id,x,y\n1,20,30\n".utf8).write(to: URL(fileURLWithPath: points))
    for (verb, input) in [("slide", slide), ("points", points)] {
      let refused = try tool.run([
        "transform", verb, "--transform", path, input, "-o", path, "--force",
      ])
      #expect(refused.status == 64, "\(refused.diagnostics)")
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
    }
  }

  @Test("register and register-series warn and end with 3")
  func registered() throws {
    // What is read for registration is damaged: level 0 of a slide of 4 µm a pixel.
    let series = folder.path("series")
    try FileManager.default.createDirectory(atPath: series, withIntermediateDirectories: true)
    let paths = ["A1_HE.tif", "A1_Ki67.tif"].map { "\(series)/\($0)" }
    for path in paths {
      try Self.write(SlideFiles.tissue(width: 300, height: 280), to: path, pixelSize: 4)
    }
    try Self.damage(paths[1])
    let pair = folder.path("pair")
    for arguments in [
      ["register", "--fixed", paths[0], "--moving", paths[1], "-o", pair],
      ["register-series", series, "--reference", "A1_HE", "-o", folder.path("out")],
    ] {
      let outcome = try tool.run(arguments)
      #expect(outcome.status == 3, "\(arguments[0]): \(outcome.diagnostics)")
      #expect(
        outcome.diagnostics.contains("warning: \(paths[1]): 1 tile is damaged, tile "),
        "\(arguments[0]): \(outcome.diagnostics)")
    }
    #expect(FileManager.default.fileExists(atPath: "\(pair)/A1_Ki67.transform.json"))
  }

  @Test("tiles warns, ends with 3 and leaves out what is damaged", arguments: ["fixed", "moving"])
  func cut(damaged: String) throws {
    let transform = folder.path("t.json")
    try identity().data().write(to: URL(fileURLWithPath: transform))
    // The whole sections first: the slide that is to be damaged has the same name.
    let other = folder.path("whole.tif")
    try Self.write(SlideFiles.tissue(width: 700, height: 600), to: other)
    let whole = folder.path("whole/A1_Ki67.tif")
    try FileManager.default.createDirectory(
      atPath: folder.path("whole"), withIntermediateDirectories: true)
    try Self.write(SlideFiles.tissue(width: 700, height: 600), to: whole)
    func tiles(_ section: String, _ output: String) throws -> CommandLineTool.Outcome {
      let (fixed, moving) = damaged == "fixed" ? (section, other) : (other, section)
      return try tool.run([
        "tiles", "--fixed", fixed, "--moving", moving, "--transform", transform, "-o", output,
        "--tile", "64", "--split", "1,0,0", "--case", "A1", "--force",
      ])
    }
    let (all, rest) = (folder.path("all"), folder.path("rest"))
    let outcome = try tiles(whole, all)
    #expect(outcome.status == 0, "\(outcome.diagnostics)")
    expectDamage(try tiles(slide, rest), output: rest + "/dataset.json")

    func names(_ set: String) throws -> Set<String> {
      Set(try FileManager.default.contentsOfDirectory(atPath: set + "/train"))
    }
    let (before, after) = (try names(all), try names(rest))
    #expect(after.isSubset(of: before) && after.count > before.count / 2)
    let index = try #require(try DatasetIndex.read(folder: rest)?.cases.first)
    #expect(index.leftOut.damaged == before.count - after.count)
    #expect(before.count > after.count && index.keptCount(.train) == after.count)
    for name in after {
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: "\(rest)/train/\(name)"))
          == Data(contentsOf: URL(fileURLWithPath: "\(all)/train/\(name)")), "\(name)")
    }
  }

  @Test("evaluate conversion warns and ends with 3")
  func compared() throws {
    let whole = folder.path("A1_HE.tif")
    try Self.write(SlideFiles.tissue(width: 700, height: 600), to: whole)
    for (real, generated) in [(whole, slide), (slide, whole)] {
      expectDamage(
        try tool.run(["evaluate", "conversion", "--real", real, "--generated", generated]),
        output: slide)
    }
  }

  @Test("a case needs review, and its manifest, table and page say why; so does its repetition")
  func wholeCase() throws {
    let arguments = [
      "run", "--moving", slide, "--model", model, "-o", folder.path("out"), "--case", "A1",
    ]
    let outcome = try tool.run(arguments)
    #expect(outcome.status == 3, "\(outcome.diagnostics)")
    #expect(outcome.diagnostics.contains("1 tile is damaged"))
    let manifest = try SlideFiles.object(
      String(decoding: Data(contentsOf: folder.file("out/A1/A1.run.json")), as: UTF8.self))
    #expect(manifest["status"] as? String == "needs-review")
    for name in ["A1.summary.csv", "A1.report.html"] {
      let text = String(
        decoding: try Data(contentsOf: folder.file("out/A1/\(name)")), as: UTF8.self)
      #expect(text.contains("needs-review") && text.contains("damaged-slide"), "\(name)")
      #expect(text.contains("1 tile is damaged"), "\(name)")
    }
    #expect(try tool.run(arguments).status == 3)
  }
}

extension TemporaryDirectory {
  /// A file in the folder.
  fileprivate func file(_ name: String) -> URL { URL(fileURLWithPath: path(name)) }
}
