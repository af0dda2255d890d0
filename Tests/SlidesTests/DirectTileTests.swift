import Dispatch
import Foundation
import Pyramids
import Rasters
import Slides
import Synchronization
import TestSupport
import Testing

@Suite("tiles read without OpenSlide")
struct DirectTileTests {
  private let folder: SlideFolder

  init() throws { folder = try SlideFolder() }

  /// The same level-0 pixels by both roads; OpenSlide places no level-0 pixel between others.
  private func expectEqual(_ path: String) throws {
    let direct = try Slide(path: path)
    let library = try Slide(path: path, readsTilesDirectly: false)
    let region = direct.levels[0].bounds.expanded(by: 5)
    #expect(try direct.read(region, level: 0) == library.read(region, level: 0))
  }

  @Test(
    "a pyramid of ours gives the same pixels by both roads", arguments: PyramidCompression.allCases)
  func pyramid(compression: PyramidCompression) throws {
    defer { folder.keep() }
    let path = folder.path("pyramid.tif")
    let image = TestPicture.smooth(width: 900, height: 611)
    _ = try PyramidCopy.write(
      source: image, path: path,
      options: PyramidOptions(
        compression: compression, pixelSize: PixelSize(0.5),
        description: PyramidDescription(name: "test")))
    try expectEqual(path)
    let slide = try Slide(path: path)
    #expect(slide.levels.count == 2)
    #expect(slide.pixelSize == PixelSize(0.5))
    if compression != .jpeg {
      #expect(try slide.read(slide.levels[0].bounds, level: 0) == image)
    }
  }

  @Test("a lossless level smaller than a tile is read as it is stored")
  func smallLevel() throws {
    defer { folder.keep() }
    let image = TestPicture.noise(width: 60, height: 50)
    let tiff = TinyTIFF(pyramid: image, levelCount: 3)
    let slide = try folder.open(tiff)
    for (index, directory) in tiff.directories.enumerated() {
      #expect(try slide.read(slide.levels[index].bounds, level: index) == directory.image)
    }
  }

  @Test(
    "a grey level smaller than a tile is read as it is stored, and larger ones as OpenSlide does")
  func greyLevel() throws {
    defer { folder.keep() }
    var tiff = TinyTIFF(pyramid: TestPicture.noise(width: 120, height: 100), levelCount: 3)
    for index in tiff.directories.indices { tiff.directories[index].isGrey = true }
    let slide = try folder.open(tiff)
    try expectEqual(slide.path)
    for (index, directory) in tiff.directories.enumerated() {
      let found = try slide.read(slide.levels[index].bounds, level: index)
      var grey = directory.image
      for pixel in 0..<grey.width * grey.height {
        for channel in 1...2 { grey.pixels[pixel * 3 + channel] = grey.pixels[pixel * 3] }
      }
      #expect(found == grey, "level \(index)")
    }
  }

  @Test("where only OpenSlide could read such a level, it is refused and not used")
  func smallLevelRefused() throws {
    defer { folder.keep() }
    var tiff = TinyTIFF(pyramid: TestPicture.noise(width: 60, height: 50), levelCount: 2)
    tiff.directories[0].resolution = (20_000, 20_000)
    tiff.directories[0].resolutionUnit = 3
    let slide = try Slide(path: folder.write(tiff), readsTilesDirectly: false)
    #expect(throws: SlideError.self) { try slide.read(slide.levels[1].bounds, level: 1) }
    #expect(try slide.source(pixelSize: 1).level == 0)
  }

  @Test("two threads over more tiles than are kept read the same as one")
  func threads() throws {
    defer { folder.keep() }
    // 4500 × 2600 px are 35 MB: more than the tiles that are kept.
    let image = TestPicture.smooth(width: 4500, height: 2600)
    let slide = try folder.open(TinyTIFF([.init(image: image)]))
    let wrong = Mutex(0)
    for _ in 0..<2 {
      DispatchQueue.concurrentPerform(iterations: 26) { @Sendable index in
        let region = PixelRegion(x: -3, y: index * 100 - 3, width: 4506, height: 120)
        // A thrown error counts as a wrong read; the sum is checked below.
        let isRight = (try? slide.read(region, level: 0)) == image.cropped(to: region)
        if !isRight { wrong.withLock { $0 += 1 } }
      }
    }
    #expect(wrong.withLock { $0 } == 0)
  }

  @Test(
    "real slides give the same pixels by both roads",
    .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)),
    arguments: [
      "slides/CMU-1-Small-Region.svs", "slides/osp_boxes.tiff", "slides/osp_small.svs",
      "sections/lesion3/HE.tif", "sections/lesion3/Ki67.tif",
    ])
  func realSlides(name: String) throws {
    try expectEqual(SharedData.url(name).path)
  }
}
