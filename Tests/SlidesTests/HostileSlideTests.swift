import Foundation
import Rasters
import Slides
import TestSupport
import Testing

@Suite("files that are no usable slide")
struct HostileSlideTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Opens a file and reads all of it, as a conversion does.
  private func readAll(_ path: String) throws(SlideError) -> [RGBImage] {
    let slide = try Slide(path: path)
    var images: [RGBImage] = []
    for (index, level) in slide.levels.enumerated() {
      images.append(try slide.read(level.bounds, level: index))
    }
    return images
  }

  private func expectOneLine(_ error: SlideError) {
    #expect(!error.description.contains("\n"))
    #expect(error.description.hasPrefix(error.path + ": "))
    #expect(!error.description.hasSuffix("."))
  }

  @Test("a missing file is told from an unreadable one, and a folder from a slide")
  func files() throws {
    let missing = folder.path("none.svs")
    #expect(throws: SlideError.missing(path: missing)) { try Slide(path: missing) }
    let beneathFile = folder.path("file")
    try Data([1]).write(to: URL(fileURLWithPath: beneathFile))
    #expect(throws: SlideError.missing(path: beneathFile + "/x")) {
      try Slide(path: beneathFile + "/x")
    }
    let folderPath = folder.url.path
    #expect(throws: SlideError.unreadable(path: folderPath, reason: "it is a folder")) {
      try Slide(path: folderPath)
    }
  }

  @Test(
    "a file without permission is unreadable", .enabled(if: geteuid() != 0, "root may read all"))
  func permission() throws {
    let path = folder.path("closed.tif")
    try TinyTIFF([.init(image: RGBImage(width: 32, height: 32))]).write(to: path)
    try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: path)
    let error = #expect(throws: SlideError.self) { try Slide(path: path) }
    if case .unreadable = error { return }
    Issue.record("\(String(describing: error)) is not unreadable")
  }

  @Test(
    "an empty file, a text and noise are unsupported",
    arguments: [[], Array("no slide at all\n".utf8), [0x49, 0x49, 42, 0], [0xFF, 0xD8, 0xFF]])
  func noSlides(bytes: [UInt8]) throws {
    let path = folder.path("x.svs")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let error = try #require(throws: SlideError.self) { try Slide(path: path) }
    guard case .unsupported = error else {
      Issue.record("\(error) is not unsupported")
      return
    }
    expectOneLine(error)
  }

  @Test("a compression that libtiff does not know is an error of one line")
  func compression() throws {
    let path = folder.path("x.tif")
    try TinyTIFF([.init(image: RGBImage(width: 32, height: 32), compression: 52479)])
      .write(to: path)
    let error = try #require(throws: SlideError.self) { try readAll(path) }
    guard case .unsupported = error else {
      Issue.record("\(error) is not unsupported")
      return
    }
    expectOneLine(error)
  }

  @Test("a slide whose tiles are cut off opens, fails on reading, and stays failed")
  func cutOff() throws {
    defer { withExtendedLifetime(folder) {} }
    // OpenSlide reads the lowest level when it opens a slide, so the one above is damaged: its first
    // tile's offset (tag 324, an array) points behind the end of the file.
    var bytes = TinyTIFF(pyramid: TestPicture.noise(width: 64, height: 64), levelCount: 2).bytes()
    let offsets = Int(bytes[4]) | Int(bytes[5]) << 8 | Int(bytes[6]) << 16
    let count = Int(bytes[offsets])
    let entry = (0..<count).map { offsets + 2 + $0 * 12 }
      .first { Int(bytes[$0]) | Int(bytes[$0 + 1]) << 8 == 324 }
    let values = (0..<3).reduce(0) { $0 | Int(bytes[(entry ?? 0) + 8 + $1]) << (8 * $1) }
    bytes.replaceSubrange(values..<(values + 4), with: [0, 0, 0, 0x7F])
    let path = folder.path("x.tif")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let slide = try Slide(path: path)
    let first = try #require(throws: SlideError.self) {
      try slide.read(slide.levels[0].bounds, level: 0)
    }
    guard case .corrupt = first else {
      Issue.record("\(first) is not corrupt")
      return
    }
    expectOneLine(first)
    #expect(throws: first) {
      try slide.read(PixelRegion(x: 48, y: 48, width: 4, height: 4), level: 0)
    }
  }

  @Test("a file cut anywhere, or with flipped bits, reads or throws, and never crashes")
  func damage() throws {
    var tiff = TinyTIFF(pyramid: TestPicture.noise(width: 96, height: 64), levelCount: 2)
    tiff.directories[0].description = "<OME><Pixels PhysicalSizeX=\"0.5\"/></OME>"
    tiff.directories[0].iccProfile = [UInt8](repeating: 1, count: 40)
    let whole = tiff.bytes()
    var generator = SeededGenerator(seed: 21)
    var failures = 0
    for round in 0..<300 {
      var bytes = whole
      if round % 3 == 0 {
        bytes.removeLast(Int.random(in: 1..<bytes.count, using: &generator))
      } else {
        // The tags lie at the ends of the two halves; flips among pixels would change nothing.
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
          let index = Int.random(in: (bytes.count - 500)..<bytes.count, using: &generator)
          bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        }
      }
      let path = folder.path("\(round).tif")
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      do throws(SlideError) {
        let slide = try Slide(path: path)
        _ = slide.iccProfile()
        for (index, level) in slide.levels.enumerated() {
          let side = PixelRegion(
            x: 0, y: 0, width: min(level.width, 200), height: min(level.height, 200))
          _ = try slide.read(side, level: index)
        }
      } catch {
        failures += 1
        expectOneLine(error)
      }
      try FileManager.default.removeItem(atPath: path)
    }
    #expect(failures > 100)
  }

  @Test(
    "each hostile file gives one error of one line and is left as it was",
    .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)),
    arguments: [
      "histolab-broken.svs", "osp_unopenable.tiff", "osp_unreadable.svs",
      "stripped-not-a-slide.tif",
    ])
  func shared(name: String) throws {
    let url = SharedData.url("hostile/\(name)")
    let before = try Data(contentsOf: url)
    let error = try #require(throws: SlideError.self) { try readAll(url.path) }
    expectOneLine(error)
    if name == "osp_unreadable.svs" {
      // This one opens; only reading shows that it is broken.
      _ = try Slide(path: url.path)
    }
    #expect(try Data(contentsOf: url) == before)
  }
}
