import Rasters
import Slides
import TestSupport
import Testing

@Suite("a slide at a pixel size")
struct SlideSourceTests {
  private let folder: SlideFolder

  init() throws { folder = try SlideFolder() }

  /// 0.5 µm pixels, three levels, odd sizes.
  private func fixture() throws -> (TinyTIFF, Slide) {
    var tiff = TinyTIFF(
      pyramid: TestPicture.noise(width: 331, height: 217), levelCount: 3)
    tiff.directories[0].resolution = (20_000, 20_000)
    tiff.directories[0].resolutionUnit = 3
    let path = try folder.write(tiff)
    return (tiff, try Slide(path: path))
  }

  @Test(
    "the coarsest level that is fine enough is read, and its own size kept within 0.5 %",
    arguments: [
      (0.3, 0, true), (0.5, 0, false), (0.502, 0, false), (0.51, 0, true), (0.99, 0, true),
      (1, 1, false), (1.004, 1, false), (1.5, 1, true), (2, 2, false), (9, 2, true),
    ])
  func level(asked: Double, level: Int, isResampled: Bool) throws {
    defer { folder.keep() }
    let slide = try fixture().1
    let source = try slide.source(pixelSize: asked)
    #expect(source.level == level)
    #expect(source.isResampled == isResampled)
    let expected = isResampled ? asked : 0.5 * slide.levels[level].downsample
    #expect(source.pixelSize == PixelSize(expected))
  }

  @Test("an equal pixel size gives the stored pixels, byte for byte")
  func stored() throws {
    defer { folder.keep() }
    let (tiff, slide) = try fixture()
    let source = try slide.source(pixelSize: 0.501)
    #expect(source.width == 331 && source.height == 217)
    #expect(try source.read(slide.levels[0].bounds) == tiff.directories[0].image)
    #expect(
      try slide.level0Source.read(slide.levels[0].bounds) == tiff.directories[0].image)
  }

  @Test("the width is the microns of level 0 over the pixel size, rounded, and at least 1")
  func size() throws {
    defer { folder.keep() }
    let slide = try fixture().1
    let source = try slide.source(pixelSize: 0.8)
    // 165.5 µm / 0.8 = 206.9, 108.5 µm / 0.8 = 135.6
    #expect(source.width == 207 && source.height == 136)
    let coarse = try slide.source(pixelSize: 500)
    #expect(coarse.width == 1 && coarse.height == 1)
  }

  @Test("a pixel is the area mean of the microns that it covers")
  func area() throws {
    defer { folder.keep() }
    let (tiff, slide) = try fixture()
    // 0.75 µm from 0.5 µm: pixel 0 covers one and a half stored pixels each way.
    let pixel = try slide.source(pixelSize: 0.75).read(
      PixelRegion(x: 0, y: 0, width: 1, height: 1))[0, 0]
    let image = tiff.directories[0].image
    let sum =
      Double(image[0, 0].green) + 0.5 * Double(image[1, 0].green) + 0.5 * Double(image[0, 1].green)
      + 0.25 * Double(image[1, 1].green)
    #expect(abs(Double(pixel.green) - sum / 2.25) <= 0.51)
  }

  @Test("pixels that are not square become square")
  func notSquare() throws {
    defer { folder.keep() }
    var tiff = TinyTIFF([.init(image: TestPicture.noise(width: 100, height: 60))])
    tiff.directories[0].resolution = (20_000, 10_000)
    tiff.directories[0].resolutionUnit = 3
    let source = try folder.open(tiff).source(pixelSize: 1)
    #expect(source.width == 50 && source.height == 60)
    #expect(source.ratio == (2, 1))
  }

  @Test("overlapping reads agree and the outside is background", arguments: [0.4, 0.7, 1.3, 5])
  func overlap(pixelSize: Double) throws {
    defer { folder.keep() }
    let source = try fixture().1.source(pixelSize: pixelSize)
    let whole = try source.read(
      PixelRegion(x: 0, y: 0, width: source.width, height: source.height))
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<10 {
      let region = PixelRegion(
        x: Int.random(in: -5..<source.width, using: &generator),
        y: Int.random(in: -5..<source.height, using: &generator),
        width: Int.random(in: 1..<90, using: &generator),
        height: Int.random(in: 1..<90, using: &generator))
      #expect(try source.read(region) == whole.cropped(to: region))
    }
  }

  @Test("a read that needs many source pixels is made of pieces that fit")
  func pieces() throws {
    defer { folder.keep() }
    // 5000 × 3500 at ratio 1.5 is more than one piece each way.
    var tiff = TinyTIFF([.init(image: TestPicture.noise(width: 5000, height: 3500))])
    tiff.directories[0].resolution = (20_000, 20_000)
    tiff.directories[0].resolutionUnit = 3
    let source = try folder.open(tiff).source(pixelSize: 0.75)
    let whole = try source.read(
      PixelRegion(x: 0, y: 0, width: source.width, height: source.height))
    for region in [
      PixelRegion(x: 2700, y: 2200, width: 100, height: 100),
      PixelRegion(x: 0, y: 2300, width: 3333, height: 8),
    ] {
      #expect(try source.read(region) == whole.cropped(to: region))
    }
  }
}
