import Foundation
import Pyramids
import Rasters
import TestSupport
import Testing

@Suite("The layout of Aperio files")
struct AperioLayoutTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  /// The means of squares of a picture's pixels, rounded half up.
  private func reduced(_ image: RGBImage, by factor: Int) -> RGBImage {
    let width = (image.width + factor - 1) / factor
    let height = (image.height + factor - 1) / factor
    var pixels: [UInt8] = []
    for y in 0..<height {
      for x in 0..<width {
        for channel in 0..<3 {
          var (sum, count) = (0, 0)
          for row in (y * factor)..<min((y + 1) * factor, image.height) {
            for column in (x * factor)..<min((x + 1) * factor, image.width) {
              sum += Int(image.pixels[(row * image.width + column) * 3 + channel])
              count += 1
            }
          }
          pixels.append(UInt8((sum + count / 2) / count))
        }
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  @Test(
    "the second directory is a strip that shows the whole slide, at most 768 pixels long",
    arguments: [(1100, 1030, 1), (5000, 530, 4), (300, 2000, 3), (9, 9, 1)])
  func thumbnail(width: Int, height: Int, factor: Int) throws {
    let image = picture(width: width, height: height, seed: 3)
    let tiff = try ParsedTIFF(
      try write(image, to: folder.path("a.svs"), options(.aperio, .deflate)))
    #expect(tiff.conflicts.isEmpty)
    let directory = tiff.chain[1]
    #expect(directory.tags[322] == nil && directory.numbers(254) == [0])
    let coarsest = try #require(levels(of: image).last)
    let expected = reduced(coarsest, by: factor)
    #expect(max(expected.width, expected.height) <= 768)
    #expect(directory.numbers(256) == [expected.width])
    #expect(directory.numbers(257) == [expected.height])
    #expect(tiff.strip(of: directory) == expected.pixels)
    #expect(tiff.levels.count == levels(of: image).count)
  }

  @Test("an interrupted file ends in the same bytes, thumbnail and all")
  func resumed() throws {
    let image = picture(width: 300, height: 2000, seed: 4)
    let options = options(.aperio)
    let whole = try write(image, to: folder.path("whole.svs"), options)
    let path = folder.path("a.svs")
    do {
      let writer = try PyramidWriter(path: path, width: 300, height: 2000, options: options)
      try append(image, to: writer, rowsAtOnce: 256, until: 512)
      try writer.checkpoint()
    }
    let writer = try PyramidWriter(resuming: path, width: 300, height: 2000, options: options)
    try append(image, to: writer, rowsAtOnce: 256)
    _ = try writer.finish()
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == whole)
  }

  @Test(
    "pixels that are not square are told by the resolution alone",
    arguments: [(0.5, 0.25, false), (0.5, 0.502, true), (0.5, 0.504, false)])
  func notSquare(x: Double, y: Double, isSquare: Bool) throws {
    let data = try write(
      RGBImage(width: 300, height: 260), to: folder.path("a.svs"),
      options(.aperio, pixelSize: PixelSize(x: x, y: y)))
    let text = try #require(ParsedTIFF(data).chain.first?.text(270))
    #expect(text.contains("|MPP = ") == isSquare)
    #expect(text.contains("|AppMag = ") == isSquare)
  }
}
