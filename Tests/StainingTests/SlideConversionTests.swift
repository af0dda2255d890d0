import Foundation
import Networks
import Pyramids
import Rasters
import Slides
import Staining
import Stitching
import Synchronization
import Tensors
import TestSupport
import Testing

@Suite("Conversion")
struct SlideConversionTests {
  private let folder: TemporaryDirectory
  private let image: RGBImage
  private let slide: Slide

  init() throws {
    folder = try TemporaryDirectory()
    // Glass from x = 720 on: whole tile columns without tissue.
    image = section(width: 1200, height: 900, glassFrom: 0.6, seed: 31)
    try writeSlide(image, folder.path("IHC.tif"), microns: 0.5)
    slide = try Slide(path: folder.path("IHC.tif"))
  }

  private func conversion(
    _ model: StainModel, of other: Slide? = nil, threads: Int = 1,
    change: (inout ConversionOptions) -> Void = { _ in }
  ) throws -> SlideConversion {
    let path = folder.path("model.safetensors")
    try model.write(to: path)
    var options = ConversionOptions()
    options.compression = .none
    change(&options)
    return try SlideConversion(
      slide: other ?? slide, model: model, modelPath: path, options: options,
      restainVersion: "test",
      context: ComputeContext(parallelism: Parallelism(threadCount: threads)))
  }

  private func converted(
    _ conversion: SlideConversion, _ name: String = "out.tif"
  ) throws -> RGBImage {
    _ = try conversion.run(to: folder.path(name), replaces: true)
    return try pixels(name)
  }

  private func pixels(_ name: String) throws -> RGBImage {
    let result = try Slide(path: folder.path(name))
    return try result.read(
      PixelRegion(x: 0, y: 0, width: result.width, height: result.height), level: 0)
  }

  @Test(
    "an identity model gives back identical pixels", arguments: [0, 64, 128], [true, false])
  func identity(overlap: Int, convertsBackground: Bool) throws {
    let conversion = try conversion(identityModel(microns: 0.5), threads: 2) {
      $0.overlap = overlap
      $0.convertsBackground = convertsBackground
    }
    #expect(try converted(conversion) == image)
    #expect(conversion.pixelSize == PixelSize(0.5))
  }

  @Test("background tiles stay as they are, tissue does not")
  func background() throws {
    let result = try converted(try conversion(randomModel(microns: 0.5)))
    let right = PixelRegion(x: 1040, y: 0, width: 160, height: 900)
    #expect(result.cropped(to: right) == image.cropped(to: right))
    let left = PixelRegion(x: 0, y: 0, width: 500, height: 900)
    #expect(ImageQuality.peakSignalToNoise(result.cropped(to: left), image.cropped(to: left)) < 30)
    let all = try conversion(randomModel(microns: 0.5)) { $0.convertsBackground = true }
    #expect(try converted(all).cropped(to: right) != image.cropped(to: right))
  }

  @Test(
    "glass stays in tiles with tissue, up to the tissue, unless a tile is what the network gives")
  func openGlass() throws {
    let glass = PixelRegion(x: 744, y: 0, width: 456, height: 900)
    let beside = PixelRegion(x: 744, y: 0, width: 24, height: 900)
    let result = try converted(try conversion(randomModel(microns: 0.5)))
    #expect(result.cropped(to: glass) == image.cropped(to: glass))
    // A speck of dust in the middle of glass is no tissue.
    var dusty = image
    dusty.paste(
      RGBImage(width: 7, height: 7, filledWith: RGBColor(red: 40, green: 40, blue: 60)),
      x: 776, y: 300)
    try writeSlide(dusty, folder.path("dusty.tif"), microns: 0.5)
    let kept = try converted(
      try conversion(randomModel(microns: 0.5), of: Slide(path: folder.path("dusty.tif"))))
    #expect(kept.cropped(to: glass) == dusty.cropped(to: glass))
    let tissue = PixelRegion(x: 700, y: 0, width: 20, height: 900)
    let all = try converted(
      try conversion(randomModel(microns: 0.5)) { $0.convertsBackground = true })
    #expect(result.cropped(to: tissue) == all.cropped(to: tissue))
    let plain = try converted(try conversion(randomModel(microns: 0.5)) { $0.overlap = 0 })
    #expect(plain.cropped(to: beside) != image.cropped(to: beside))
  }

  @Test("what was not scanned stays, to the pixel, and the tissue beside it is converted")
  func filling() throws {
    var filled = section(width: 1200, height: 900, glassFrom: 1, seed: 32)
    let black = PixelRegion(x: 602, y: 0, width: 598, height: 900)
    filled.paste(
      RGBImage(
        width: 598, height: 900, filledWith: RGBColor(red: 0, green: 0, blue: 0)), x: 602, y: 0)
    try writeSlide(filled, folder.path("filled.tif"), microns: 0.5)
    let slide = try Slide(path: folder.path("filled.tif"))
    func converted(allTiles: Bool) throws -> (RGBImage, Int) {
      let conversion = try conversion(randomModel(microns: 0.5), of: slide) {
        $0.convertsBackground = allTiles
      }
      let summary = try conversion.run(to: folder.path("out.tif"), replaces: true)
      return (try pixels("out.tif"), summary.convertedCount)
    }
    let (result, count) = try converted(allTiles: false)
    let (all, allCount) = try converted(allTiles: true)
    #expect(result.cropped(to: black) == filled.cropped(to: black))
    #expect(all.cropped(to: black) != filled.cropped(to: black))
    let tissue = PixelRegion(x: 0, y: 0, width: 602, height: 900)
    #expect(result.cropped(to: tissue) == all.cropped(to: tissue))
    #expect(count == allCount - 10)
  }

  @Test(
    "threads do not change the file, and a region equals the same part of the whole",
    arguments: [NormalizationMode.running, .interpolated])
  func independence(mode: NormalizationMode) throws {
    var model = randomModel(microns: 0.5)
    model.card.normalization = mode
    let one = try conversion(model)
    let whole = try converted(one, "one.tif")
    _ = try converted(try conversion(model, threads: 3), "three.tif")
    #expect(try data("one.tif") == data("three.tif"))
    let part = try conversion(model, threads: 2) {
      $0.region = PixelRegion(x: 300, y: 260, width: 300, height: 200)
    }
    #expect(part.plan.region == PixelRegion(x: 256, y: 256, width: 512, height: 256))
    #expect(try converted(part, "part.tif") == whole.cropped(to: part.plan.region))
  }

  @Test(
    "an interrupted conversion is taken up and ends in the same bytes",
    arguments: [(1, NormalizationMode.running), (2, .running), (3, .running), (2, .interpolated)])
  func resume(rows: Int, mode: NormalizationMode) throws {
    var model = randomModel(microns: 0.5)
    model.card.normalization = mode
    let expected = try conversion(model).run(to: folder.path("whole.tif"), replaces: false)
    let path = folder.path("resumed.tif")
    let bands = Bands()
    #expect(throws: CancellationError.self) {
      _ = try conversion(model).run(
        to: path, replaces: false,
        surroundings: SlideConversion.Surroundings(
          isCancelled: { bands.count >= rows }, progress: { _ in bands.add() }))
    }
    #expect(!FileManager.default.fileExists(atPath: path))
    let started = Bands()
    let summary = try conversion(model, threads: 2).run(
      to: path, replaces: false,
      surroundings: SlideConversion.Surroundings(
        started: { done, _ in for _ in 0..<done { started.add() } }))
    #expect(started.count == rows * 6)
    #expect(try data("resumed.tif") == data("whole.tif"))
    #expect(summary.seam == expected.seam)
    #expect(summary.convertedCount == expected.convertedCount)
    #expect(summary.convertedNow < expected.convertedCount)
  }

  @Test("dropout is off unless asked for, and decided by its seed and the tile's place alone")
  func dropout() throws {
    func run(_ seed: UInt64?, threads: Int = 1, region: PixelRegion? = nil) throws -> RGBImage {
      try converted(
        try conversion(randomModel(microns: 0.5), threads: threads) {
          $0.dropoutSeed = seed
          $0.region = region
        })
    }
    let first = try run(1)
    #expect(try run(1, threads: 3) == first)
    #expect(try run(2) != first)
    #expect(try run(nil) != first)
    let region = PixelRegion(x: 256, y: 256, width: 512, height: 256)
    #expect(try run(1, threads: 2, region: region) == first.cropped(to: region))
  }

  @Test("interpolated statistics are those of the neighbours, too, and glass stays as it is")
  func interpolation() throws {
    func run(_ mode: NormalizationMode) throws -> RGBImage {
      try converted(
        try conversion(randomModel(microns: 0.5), threads: 2) { $0.normalization = mode })
    }
    let (own, interpolated) = (try run(.reference), try run(.interpolated))
    // Had no tile found its neighbours, both would differ by rounding alone.
    #expect(ImageQuality.peakSignalToNoise(own, interpolated) < 45)
    let glass = PixelRegion(x: 1040, y: 0, width: 160, height: 900)
    #expect(interpolated.cropped(to: glass) == image.cropped(to: glass))
  }

  @Test("unfinished work of other settings is refused, and given up with force")
  func otherSettings() throws {
    let model = randomModel(microns: 0.5)
    let path = folder.path("out.tif")
    let bands = Bands()
    let stopping = SlideConversion.Surroundings(
      isCancelled: { bands.count >= 1 }, progress: { _ in bands.add() })
    #expect(throws: CancellationError.self) {
      _ = try conversion(model).run(to: path, replaces: false, surroundings: stopping)
    }
    let other = try conversion(model) { $0.overlap = 32 }
    #expect(throws: (any Error).self) { _ = try other.run(to: path, replaces: false) }
    _ = try other.run(to: path, replaces: true)
    #expect(FileManager.default.fileExists(atPath: path))
  }

  @Test("a model of another pixel size sets the output's, and a slide too coarse is refused")
  func pixelSize() throws {
    let coarse = try conversion(identityModel(microns: 1))
    _ = try coarse.run(to: folder.path("coarse.tif"), replaces: false)
    let result = try Slide(path: folder.path("coarse.tif"))
    #expect(result.width == 600 && result.height == 450)
    #expect(abs(try result.requirePixelSize().mean - 1) < 1e-3)
    let near = try conversion(identityModel(microns: 0.501))
    #expect(near.pixelSize == PixelSize(0.5) && near.plan.width == 1200)
    #expect(throws: StainingError.self) { _ = try conversion(identityModel(microns: 0.45)) }
    _ = try conversion(identityModel(microns: 0.46))
  }

  @Test("the slide's last pixel has a place in an output whose size is rounded")
  func lastPixel() throws {
    // 1281 · 0.4 = 512.4 columns, rounded to two tiles.
    try writeSlide(
      section(width: 1281, height: 300, glassFrom: 1, seed: 5), folder.path("odd.tif"), microns: 0.2
    )
    let odd = try Slide(path: folder.path("odd.tif"))
    let last = try conversion(identityModel(microns: 0.5), of: odd) {
      $0.region = PixelRegion(x: 1280, y: 0, width: 1, height: 100)
    }
    #expect(last.plan.width == 512 && last.plan.region.maxX == 512)
  }

  @Test("a region outside the slide is refused")
  func regionOutside() throws {
    #expect(throws: StainingError.self) {
      _ = try conversion(identityModel(microns: 0.5)) {
        $0.region = PixelRegion(x: 5000, y: 0, width: 10, height: 10)
      }
    }
  }

  @Test(
    "a slide that fails while it is read leaves no file",
    .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)))
  func unreadable() throws {
    let broken = try Slide(
      path: SharedData.url("hostile/osp_unreadable.svs").path, pixelSizeOverride: 0.5)
    let model = identityModel(microns: 0.5)
    let modelPath = folder.path("identity.safetensors")
    try model.write(to: modelPath)
    #expect(throws: SlideError.self) {
      let conversion = try SlideConversion(
        slide: broken, model: model, modelPath: modelPath, options: ConversionOptions(),
        restainVersion: "test", context: ComputeContext())
      _ = try conversion.run(to: folder.path("broken.tif"), replaces: false)
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    #expect(!left.contains { $0.hasPrefix("broken") })
  }

  private func data(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.path(name)))
  }

  private final class Bands: Sendable {
    private let number = Mutex(0)
    var count: Int { number.withLock { $0 } }
    func add() { number.withLock { $0 += 1 } }
  }
}
