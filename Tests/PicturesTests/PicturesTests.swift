import Foundation
import Pictures
import Rasters
import TestSupport
import Testing

/// A picture of smooth colour with noise, different in every channel.
private func picture(width: Int, height: Int, seed: UInt64, noise: Int = 8) -> RGBImage {
  var generator = SeededGenerator(seed: seed)
  var image = RGBImage(width: width, height: height)
  for y in 0..<height {
    for x in 0..<width {
      let wave = [
        60 + x * 120 / width, 200 - y * 90 / height, 120 + (x + y) * 60 / (width + height),
      ]
      for channel in 0..<3 {
        image.pixels[(y * width + x) * 3 + channel] =
          UInt8(wave[channel] + Int.random(in: 0...noise, using: &generator))
      }
    }
  }
  return image
}

@Suite("PNG files")
struct PNGTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  /// Hexadecimal digits as bytes.
  private func bytes(_ text: String) -> Data {
    let digits = text.filter { $0 != " " }.compactMap(\.hexDigitValue)
    return Data(
      stride(from: 0, to: digits.count, by: 2).map { UInt8(16 * digits[$0] + digits[$0 + 1]) })
  }

  @Test("palettes and grey of fewer than eight bits are read, as label pictures have them")
  func packed() throws {
    let folder = try TemporaryDirectory()
    // Written by Pillow 12: five by three pixels of 4 bits with five colours, and of one bit.
    let palette = """
      89504e470d0a1a0a0000000d4948445200000005000000030403000000a918d8cb0000000f504c54450a141ec8000000
      c8000000c8ffffff555291110000001449444154789c6364549265705664601054620000058e00d939c8416300000000
      49454e44ae426082
      """
    let grey = """
      89504e470d0a1a0a0000000d4948445200000005000000030100000000734df8550000000e49444154789c6308606260
      380000025e0113845d964b0000000049454e44ae426082
      """
    try bytes(palette.filter { $0 != "\n" }).write(to: folder.url.appendingPathComponent("p.png"))
    try bytes(grey.filter { $0 != "\n" }).write(to: folder.url.appendingPathComponent("g.png"))
    let colors: [[UInt8]] = [
      [10, 20, 30], [200, 0, 0], [0, 200, 0], [0, 0, 200], [255, 255, 255],
    ]
    let indices = [0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 1, 1, 2, 2, 0]
    #expect(
      try PictureFile.readPNG(path: folder.path("p.png"))
        == RGBImage(width: 5, height: 3, pixels: indices.flatMap { colors[$0] }))
    #expect(
      try PictureFile.readGrayPNG(path: folder.path("g.png")).gray
        == indices.map { $0 % 2 == 1 ? 255 : 0 })
    // A palette of one colour where pixels name the fifth; the check sum is that of the shorter chunk.
    var short = [UInt8](bytes(palette.filter { $0 != "\n" }))
    let start = short.firstRange(of: Array("PLTE".utf8))?.lowerBound ?? 0
    short.replaceSubrange(
      (start - 4)..<(start + 4 + 15 + 4),
      with: [0, 0, 0, 3] + Array("PLTE".utf8) + [10, 20, 30] + [0x7E, 0x4C, 0x52, 0x3A])
    try Data(short).write(to: folder.url.appendingPathComponent("s.png"))
    let problem = #expect(throws: PictureError.self) {
      try PictureFile.readPNG(path: folder.path("s.png"))
    }
    #expect(problem.map { "\($0)" }?.contains("palette") == true)
  }

  @Test(
    "what is written is read again, every byte",
    arguments: [(1, 1), (512, 256), (255, 3), (1, 400), (1000, 1)])
  func roundTrip(width: Int, height: Int) throws {
    for noise in [0, 8, 50] {
      let image = picture(width: width, height: height, seed: 3, noise: noise)
      try PictureFile.writePNG(image, path: folder.path("a.png"))
      let isEqual = try PictureFile.readPNG(path: folder.path("a.png")) == image
      #expect(isEqual)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.png"])
  }

  @Test("a grey picture keeps its values, and reads as RGB too")
  func gray() throws {
    let gray = (0..<(37 * 20)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try PictureFile.writePNG(gray: gray, width: 37, height: 20, path: folder.path("g.png"))
    let back = try PictureFile.readGrayPNG(path: folder.path("g.png"))
    #expect(back.width == 37 && back.height == 20 && back.gray == gray)
    let color = try PictureFile.readPNG(path: folder.path("g.png"))
    #expect(color.pixels[300] == gray[100] && color.pixels[302] == gray[100])
  }

  @Test("other programs read the file, and theirs are read here", .enabled(if: Tool.vips.isPresent))
  func vips() throws {
    let image = picture(width: 301, height: 222, seed: 5)
    try PictureFile.writePNG(image, path: folder.path("a.png"))
    // vips writes each fixed filter on demand: 8 none, 16 sub, 32 up, 64 average, 128 Paeth.
    for filter in ["8", "16", "32", "64", "128", "248"] {
      try Tool.vips.run([
        "pngsave", folder.path("a.png"), folder.path("b.png"), "--filter", filter,
      ])
      let isEqual = try PictureFile.readPNG(path: folder.path("b.png")) == image
      #expect(isEqual, "filter \(filter)")
    }
    // An alpha channel of 0 everywhere leaves the white behind it.
    try Tool.vips.run(["bandjoin_const", folder.path("a.png"), folder.path("c.png"), "0"])
    let isWhite =
      try PictureFile.readPNG(path: folder.path("c.png")) == RGBImage(width: 301, height: 222)
    #expect(isWhite)
    try Tool.vips.run(["pngsave", folder.path("a.png"), folder.path("d.png"), "--interlace"])
    #expect(throws: PictureError.self) { try PictureFile.readPNG(path: folder.path("d.png")) }
  }

  @Test("damage anywhere in the file is an error or leaves the pixels as they were")
  func damage() throws {
    let image = picture(width: 64, height: 40, seed: 9)
    let bytes = try PictureFile.pngBytes(of: image)
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<200 {
      var damaged = bytes
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      damaged[place] ^= UInt8.random(in: 1...255, using: &generator)
      if place % 3 == 0 { damaged.removeLast(bytes.count - place) }
      try Data(damaged).write(to: folder.url.appendingPathComponent("d.png"))
      #expect(throws: PictureError.self) { try PictureFile.readPNG(path: folder.path("d.png")) }
    }
  }

  @Test("a header that claims a million pixels a side is refused without taking the memory")
  func hugeClaim() throws {
    var bytes = try PictureFile.pngBytes(of: RGBImage(width: 8, height: 8))
    bytes.replaceSubrange(16..<24, with: [0, 0x10, 0, 0, 0, 0x10, 0, 0])
    bytes.replaceSubrange(29..<33, with: [0xC4, 0x4A, 0x37, 0x92])
    try Data(bytes).write(to: folder.url.appendingPathComponent("h.png"))
    #expect(throws: PictureError.self) { try PictureFile.readPNG(path: folder.path("h.png")) }
  }
}

@Suite("JPEG files")
struct JPEGTests {
  /// Quality 95 with 4:2:0 colour on a smooth picture with ±4 noise: the steps of the quantiser are at
  /// most 10 levels, and shared chrominance averages the noise of four pixels.
  static let worstLevelDifference = 24
  /// The same, over the whole picture: half a quantiser step of the low frequencies.
  static let meanLevelDifference = 3.0

  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  private func compare(_ first: RGBImage, _ second: RGBImage) {
    #expect(first.width == second.width && first.height == second.height)
    let differences = zip(first.pixels, second.pixels).map { abs(Int($0) - Int($1)) }
    #expect(differences.max() ?? 255 <= Self.worstLevelDifference)
    #expect(
      Double(differences.reduce(0, +)) / Double(differences.count) < Self.meanLevelDifference)
  }

  @Test("the colours come back", arguments: [(1, 1), (300, 200), (17, 33), (512, 256)])
  func roundTrip(width: Int, height: Int) throws {
    let image = picture(width: width, height: height, seed: 4)
    try PictureFile.writeJPEG(image, path: folder.path("a.jpg"), quality: 95)
    compare(try PictureFile.readJPEG(path: folder.path("a.jpg")), image)
    #expect(
      try PictureFile.jpegBytes(of: image, quality: 95).starts(with: [0xFF, 0xD8, 0xFF, 0xE0]))
  }

  @Test("other programs read the file, and theirs are read here", .enabled(if: Tool.vips.isPresent))
  func vips() throws {
    let image = picture(width: 301, height: 222, seed: 5)
    try PictureFile.writeJPEG(image, path: folder.path("a.jpg"), quality: 95)
    try Tool.vips.run(["copy", folder.path("a.jpg"), folder.path("a.png")])
    compare(try PictureFile.readPNG(path: folder.path("a.png")), image)
    try PictureFile.writePNG(image, path: folder.path("b.png"))
    for options in [[], ["--interlace"], ["--subsample-mode", "off"], ["--optimize-coding"]] {
      try Tool.vips.run(
        ["jpegsave", folder.path("b.png"), folder.path("b.jpg"), "--Q", "95"] + options)
      compare(try PictureFile.readJPEG(path: folder.path("b.jpg")), image)
    }
  }

  @Test("a stream that ends early or claims too much is an error")
  func damage() throws {
    let bytes = try PictureFile.jpegBytes(of: picture(width: 90, height: 70, seed: 6))
    for length in [0, 1, 2, 20, 200, bytes.count / 2, bytes.count - 60] {
      try Data(bytes.prefix(length)).write(to: folder.url.appendingPathComponent("d.jpg"))
      #expect(throws: PictureError.self) { try PictureFile.readJPEG(path: folder.path("d.jpg")) }
    }
    let frame = try #require(bytes.indices.first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
    var huge = bytes
    huge.replaceSubrange((frame + 5)..<(frame + 9), with: [255, 255, 255, 255])
    try Data(huge).write(to: folder.url.appendingPathComponent("h.jpg"))
    #expect(throws: PictureError.self) { try PictureFile.readJPEG(path: folder.path("h.jpg")) }
  }

  @Test("what cannot be read or written is named with its reason")
  func errors() throws {
    let missing = folder.path("none.jpg")
    #expect(throws: PictureError.missing(path: missing)) { try PictureFile.readJPEG(path: missing) }
    #expect(throws: PictureError.unreadable(path: folder.url.path, reason: "not a regular file")) {
      try PictureFile.readPNG(path: folder.url.path)
    }
    let image = RGBImage(width: 2, height: 2)
    try PictureFile.writePNG(image, path: folder.path("a.png"))
    let error = #expect(throws: PictureError.self) {
      try PictureFile.readJPEG(path: folder.path("a.png"))
    }
    #expect(error == .notAPicture(path: folder.path("a.png"), kind: "JPEG"))
    #expect(throws: PictureError.self) {
      try PictureFile.writeJPEG(RGBImage(width: 65_536, height: 1), path: folder.path("w.jpg"))
    }
    let unwritable = #expect(throws: PictureError.self) {
      try PictureFile.writePNG(image, path: folder.path("no/such/folder/a.png"))
    }
    #expect("\(try #require(unwritable))".hasSuffix("check the folder and its permissions"))
  }

  @Test("a full disk is told apart from other trouble, and leaves nothing behind")
  func fullDisk() throws {
    let path = folder.path("a.png")
    try FileManager.default.createSymbolicLink(
      atPath: path + ".partial", withDestinationPath: "/dev/full")
    #expect(throws: PictureError.diskFull(path: path)) {
      try PictureFile.writePNG(RGBImage(width: 2, height: 2), path: path)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
  }

  @Test("what an interrupted write left is not written through")
  func linkedPartial() throws {
    let path = folder.path("a.png")
    try FileManager.default.createSymbolicLink(
      atPath: path + ".partial", withDestinationPath: folder.path("slide"))
    try Data("pixels".utf8).write(to: URL(fileURLWithPath: folder.path("slide")))
    try PictureFile.writePNG(RGBImage(width: 2, height: 2), path: path)
    #expect(try PictureFile.readPNG(path: path) == RGBImage(width: 2, height: 2))
    #expect(try String(contentsOfFile: folder.path("slide"), encoding: .utf8) == "pixels")
  }
}
