import Dispatch
import Foundation
import Rasters
import Slides
import Synchronization
import TestSupport
import Testing

@Suite("reading regions")
struct SlideReadingTests {
  private let folder: SlideFolder

  init() throws { folder = try SlideFolder() }

  @Test("levels, sizes, tiles and the format are those of the file")
  func metadata() throws {
    defer { folder.keep() }
    let image = TestPicture.noise(width: 270, height: 201)
    let slide = try folder.open(TinyTIFF(pyramid: image, levelCount: 3))
    #expect(slide.levels.map(\.width) == [270, 135, 67])
    #expect(slide.levels.map(\.height) == [201, 100, 50])
    #expect(slide.levels.map(\.downsampleX) == [1, 2, 4])
    #expect(slide.levels.map(\.downsampleY) == [1, 2, 4])
    #expect(slide.levels.allSatisfy { $0.tileWidth == 32 && $0.tileHeight == 32 })
    #expect(slide.vendor == "generic-tiff")
    #expect(slide.background == .white)
  }

  @Test("every level is read as it is stored")
  func storedPixels() throws {
    defer { folder.keep() }
    let tiff = TinyTIFF(
      pyramid: TestPicture.noise(width: 270, height: 201), levelCount: 3)
    let slide = try folder.open(tiff)
    for (index, directory) in tiff.directories.enumerated() {
      #expect(try slide.read(slide.levels[index].bounds, level: index) == directory.image)
    }
  }

  @Test("what lies outside a level is background, inside is untouched")
  func outside() throws {
    defer { folder.keep() }
    let image = TestPicture.noise(width: 40, height: 33)
    let slide = try folder.open(TinyTIFF([.init(image: image)]))
    let region = PixelRegion(x: -7, y: -5, width: 60, height: 50)
    #expect(try slide.read(region, level: 0) == image.cropped(to: region))
    let far = PixelRegion(x: 500, y: 500, width: 3, height: 2)
    #expect(try slide.read(far, level: 0) == RGBImage(width: 3, height: 2))
  }

  @Test("alpha is composited over the background, never shown as black")
  func alpha() throws {
    defer { folder.keep() }
    // Premultiplied: a channel is at most its alpha.
    let image = RGBImage(width: 64, height: 32, filledWith: RGBColor(red: 100, green: 0, blue: 40))
    var alpha = [UInt8](repeating: 100, count: 64 * 32)
    alpha[0] = 255
    alpha[1] = 255
    let slide = try folder.open(TinyTIFF([.init(image: image, alpha: alpha)]))
    let read = try slide.read(slide.levels[0].bounds, level: 0)
    #expect(read[0, 0] == RGBColor(red: 100, green: 0, blue: 40))
    #expect(read[5, 5] == RGBColor(red: 255, green: 155, blue: 195))
  }

  @Test(
    "overlapping reads agree where the downsample is no whole number, with and without OpenSlide",
    arguments: [true, false])
  func overlap(readsTilesDirectly: Bool) throws {
    defer { folder.keep() }
    // 1333 / 666 and 811 / 405 are no whole numbers to OpenSlide, which interpolates such levels.
    let image = TestPicture.noise(width: 1333, height: 811)
    let path = try folder.write(TinyTIFF(pyramid: image, levelCount: 2))
    let slide = try Slide(path: path, readsTilesDirectly: readsTilesDirectly)
    let whole = try slide.read(slide.levels[1].bounds, level: 1)
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<20 {
      let region = PixelRegion(
        x: Int.random(in: -20..<600, using: &generator),
        y: Int.random(in: -20..<380, using: &generator),
        width: Int.random(in: 1..<300, using: &generator),
        height: Int.random(in: 1..<300, using: &generator))
      #expect(try slide.read(region, level: 1) == whole.cropped(to: region))
    }
  }

  @Test("two threads on one slide read the same as one")
  func threads() throws {
    defer { folder.keep() }
    let image = TestPicture.noise(width: 300, height: 200)
    let slide = try folder.open(TinyTIFF([.init(image: image)]))
    let wrong = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 64) { @Sendable index in
      let region = PixelRegion(x: index * 4 - 10, y: index * 2, width: 50, height: 40)
      // A thrown error counts as a wrong read; the sum is checked below.
      let isRight = (try? slide.read(region, level: 0)) == image.cropped(to: region)
      if !isRight { wrong.withLock { $0 += 1 } }
    }
    #expect(wrong.withLock { $0 } == 0)
  }

  @Test("the ICC profile is handed out as stored, and is absent where there is none")
  func iccProfile() throws {
    defer { folder.keep() }
    let profile = (0..<200).map { UInt8($0) }
    let image = TestPicture.noise(width: 32, height: 32)
    let with = try folder.open(
      TinyTIFF([.init(image: image, iccProfile: profile)]), name: "profile.tif")
    let without = try folder.open(TinyTIFF([.init(image: image)]))
    #expect(with.iccProfile() == profile)
    #expect(without.iccProfile() == nil)
  }
}

@Suite("real slides", .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)))
struct RealSlideTests {
  private func slide(_ name: String) throws -> Slide {
    try Slide(path: SharedData.url(name).path)
  }

  @Test("an Aperio slide opens with the maker's pixel size, objective and pictures")
  func aperio() throws {
    let slide = try slide("slides/CMU-1-Small-Region.svs")
    #expect(slide.vendor == "aperio")
    #expect(slide.width == 2220 && slide.height == 2967)
    #expect(slide.pixelSize == PixelSize(0.499))
    #expect(slide.pixelSizeSource == .openslide)
    #expect(slide.objective == 20)
    #expect(slide.associatedImageNames.contains("macro"))
  }

  @Test("overlapping reads of an Aperio slide agree at level 0")
  func aperioOverlap() throws {
    let slide = try slide("slides/CMU-1-Small-Region.svs")
    let whole = try slide.read(slide.levels[0].bounds, level: 0)
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<25 {
      let region = PixelRegion(
        x: Int.random(in: -50..<2200, using: &generator),
        y: Int.random(in: -50..<2900, using: &generator),
        width: Int.random(in: 1..<600, using: &generator),
        height: Int.random(in: 1..<600, using: &generator))
      #expect(try slide.read(region, level: 0) == whole.cropped(to: region))
    }
  }

  @Test("a generic TIFF gets its pixel size from the resolution tags")
  func resolution() throws {
    let slide = try slide("sections/lesion3/HE.tif")
    let size = try slide.requirePixelSize()
    #expect(abs(size.x - 3.48) < 1e-4 && abs(size.y - 3.48) < 1e-4)
    #expect(slide.pixelSizeSource == .tiffResolution)
    #expect(slide.levels.map(\.downsampleX) == [1, 2, 4])
  }

  @Test("72 dots an inch is no pixel size")
  func noPixelSize() throws {
    let slide = try slide("slides/osp_boxes.tiff")
    #expect(slide.pixelSize == nil)
    #expect(slide.problems.count == 2)
    #expect(slide.iccProfile()?.count == 588)
    #expect(
      throws: SlideError.missingPixelSize(path: slide.path, option: "--fixed-pixel-size")
    ) { try slide.requirePixelSize(option: "--fixed-pixel-size") }
  }
}
