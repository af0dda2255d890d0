import Foundation
import Pyramids
import Rasters
import Slides
import TestSupport
import Testing

/// What the programs of the system say about a pyramid: witnesses that share no code with ours.
private enum Witness {
  static let openSlide = Tool("openslide-show-properties")
  static let tiffinfo = Tool("tiffinfo")
  static let all = [openSlide, tiffinfo, Tool.vips]
  static var arePresent: Bool { all.allSatisfy(\.isPresent) }
  static var absence: String {
    all.filter { !$0.isPresent }.map(\.absence).joined(separator: "; ")
  }

  /// `name: 'value'` lines of openslide-show-properties.
  static func properties(_ path: String) throws -> [String: String] {
    let lines = try openSlide.run([path]).output.split(separator: "\n")
    return lines.reduce(into: [:]) { result, line in
      guard let colon = line.range(of: ": '") else { return }
      result[String(line[..<colon.lowerBound])] = String(line[colon.upperBound...].dropLast())
    }
  }
}

@Suite(
  "a real slide goes through",
  .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)),
  .enabled(if: Witness.arePresent, Comment(rawValue: Witness.absence)))
struct RealSlideTests {
  private let folder: TemporaryDirectory
  private let tool: CommandLineTool
  private let slide = SharedData.url("slides/CMU-1-Small-Region.svs").path

  init() throws {
    folder = try TemporaryDirectory()
    tool = try CommandLineTool()
  }

  /// The levels that every reader is to see: halved until one would be narrower than a tile.
  private let widths = [2220, 1110, 555, 278]
  private let heights = [2967, 1484, 742, 371]

  private func makePyramid(_ layout: String, compression: String = "jpeg") throws -> String {
    let path = folder.path("\(layout)-\(compression).tif")
    let outcome = try tool.run([
      "pyramid", slide, "-o", path, "--layout", layout, "--compression", compression,
    ])
    #expect(outcome.status == 0, Comment(rawValue: outcome.diagnostics))
    return path
  }

  @Test(
    "OpenSlide, libvips and libtiff open the pyramid and see every level and the pixel size",
    arguments: ["universal", "chained"])
  func witnesses(layout: String) throws {
    let path = try makePyramid(layout)
    let properties = try Witness.properties(path)
    #expect(properties["openslide.level-count"] == "\(widths.count)")
    for index in widths.indices {
      #expect(properties["openslide.level[\(index)].width"] == "\(widths[index])")
      #expect(properties["openslide.level[\(index)].height"] == "\(heights[index])")
    }
    #expect(properties["tiff.ResolutionUnit"] == "centimeter")
    let resolution = properties["tiff.XResolution"].flatMap(Double.init) ?? 0
    // 0.499 µm; the tag is a rational that libtiff hands out as a Float, good to 1e-7.
    #expect(abs(10_000 / resolution - 0.499) < 1e-6)

    let header = try Tool.vips.run(["getpoint", path, "0", "0"])
    #expect(header.diagnostics.isEmpty)
    for index in widths.indices {
      let level = folder.path("level.png")
      let run = try Tool.vips.run(["copy", "\(path)[page=\(index)]", level])
      #expect(run.diagnostics.isEmpty, Comment(rawValue: run.diagnostics))
    }

    let listing = try Witness.tiffinfo.run([path])
    #expect(listing.diagnostics.isEmpty, Comment(rawValue: listing.diagnostics))
    for index in widths.indices {
      let size = "Image Width: \(widths[index]) Image Length: \(heights[index])"
      #expect(listing.output.contains(size), Comment(rawValue: size))
    }
    // One resolution a level: 20040.08 pixels a centimetre, halved from level to level.
    let resolutions = listing.output.split(separator: "\n").filter { $0.contains("pixels/cm") }
    #expect(resolutions.count >= widths.count)
  }

  @Test("a lossless pyramid holds the slide's pixels, also to inspect --check")
  func pixels() throws {
    let path = try makePyramid("universal", compression: "deflate")
    let copy = try Slide(path: path)
    let original = try Slide(path: slide)
    #expect(
      try copy.read(copy.levels[0].bounds, level: 0)
        == original.read(original.levels[0].bounds, level: 0))
    let outcome = try tool.run(["inspect", "--check", "--json", path])
    #expect(outcome.status == 0)
    let object = try SlideFiles.object(outcome.output)
    #expect(object["pixel_size_um"] as? Double == 0.499)
    let levels = object["levels"] as? [[String: Any]] ?? []
    #expect(levels.map { $0["width"] as? Int } == widths)
    #expect(levels.map { $0["downsample"] as? Double } == [1, 2, 4, 8])
  }

  /// libvips at quality 89, the highest at which it halves the colours' resolution, gives 29.32 dB on this
  /// slide (2026-11-22), whose coloured noise is lost with it; a broken colour space gives under 20.
  private static let leastSignal = 29.0

  @Test("a JPEG pyramid stays as near to the slide as another writer's does")
  func quality() throws {
    let path = try makePyramid("universal")
    let outcome = try tool.run([
      "evaluate", "conversion", "--real", slide, "--generated", path, "--json",
    ])
    #expect(outcome.status == 0, Comment(rawValue: outcome.diagnostics))
    let signal = try SlideFiles.object(outcome.output)["psnr_db"] as? Double
    #expect((signal ?? 0) > Self.leastSignal)
  }
}

@Suite("a damaged pyramid")
struct DamagedPyramidTests {
  private let folder: TemporaryDirectory
  private let tool: CommandLineTool

  init() throws {
    folder = try TemporaryDirectory()
    tool = try CommandLineTool()
  }

  @Test("cut short, it ends with 65 and one line", arguments: [0.1, 0.5, 0.9, 0.999])
  func cut(share: Double) throws {
    let whole = folder.path("whole.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 700, height: 600), to: whole)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
    let path = folder.path("cut.tif")
    try bytes.prefix(Int(Double(bytes.count) * share)).write(to: URL(fileURLWithPath: path))
    let outcome = try tool.run(["inspect", "--check", "--quiet", path])
    #expect(outcome.status == 65)
    #expect(outcome.diagnostics.split(separator: "\n").count == 1)
  }

  @Test("with flipped bits it is read or refused with one line, and never crashes")
  func flipped() throws {
    let whole = folder.path("whole.tif")
    try SlideFiles.write(SlideFiles.tissue(width: 700, height: 600), to: whole)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
    var generator = SeededGenerator(seed: 4)
    for round in 0..<20 {
      var damaged = bytes
      for _ in 0..<8 {
        damaged[Int.random(in: 0..<damaged.count, using: &generator)] ^=
          1 << UInt8.random(in: 0..<8, using: &generator)
      }
      let path = folder.path("\(round).tif")
      try damaged.write(to: URL(fileURLWithPath: path))
      let outcome = try tool.run(["inspect", "--check", "--quiet", path])
      #expect(outcome.status == 0 || outcome.status == 65, "round \(round)")
      if outcome.status == 65 {
        #expect(outcome.diagnostics.split(separator: "\n").count == 1)
      }
    }
  }
}
