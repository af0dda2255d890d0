import Evaluation
import Rasters
import Tensors
import TestSupport
import Testing

@Suite("comparison on aligned truth")
struct ConversionComparisonTests {
  private let pixelSize = PixelSize(0.5)

  private func tissue(width: Int, height: Int, seed: UInt64 = 1) -> RGBImage {
    AffineColorMap(rows: [[0.8, 0, 0, 0], [0, 0.8, 0, 0], [0, 0, 0.8, 0]])
      .applied(to: AffineColorMapTests.noise(width: width, height: height, seed: seed))
  }

  private func changed(_ image: RGBImage, by amount: ClosedRange<Int>, seed: UInt64 = 9) -> RGBImage
  {
    var generator = SeededGenerator(seed: seed)
    var result = image
    for index in result.pixels.indices {
      let value = Int(result.pixels[index]) + Int.random(in: amount, using: &generator)
      result.pixels[index] = UInt8(max(0, min(255, value)))
    }
    return result
  }

  /// The map of similarities is stored in Float: each value is off by at most 6e-8.
  private static let similarityTolerance = 1e-6

  @Test("tile by tile gives what the whole pictures give")
  func wholePictures() throws {
    // More than one tile of 512 each way, and no multiple of a block.
    let real = tissue(width: 700, height: 555)
    let generated = changed(real, by: -30...30)
    let quality = try ConversionComparison(real: real, generated: generated, pixelSize: pixelSize)
      .measured()
    #expect(quality.peakSignalToNoise == ImageQuality.peakSignalToNoise(real, generated))
    let similarity = try #require(quality.structuralSimilarity)
    let expected = ImageQuality.structuralSimilarity(real, generated)
    #expect(abs(similarity - expected) < Self.similarityTolerance)
    #expect(quality.pixelCount == 700 * 555)
    #expect(quality.windowCount == 690 * 545)
  }

  @Test("glass is left out: only blocks with tissue in the real slide count")
  func glass() throws {
    var real = RGBImage(width: 640, height: 320)
    real.paste(tissue(width: 128, height: 64), x: 192, y: 128)
    // A difference on the glass must not count.
    var generated = RGBImage(
      width: 640, height: 320, filledWith: RGBColor(red: 0, green: 90, blue: 0))
    let patch = changed(tissue(width: 128, height: 64), by: -5...5)
    generated.paste(patch, x: 192, y: 128)
    let quality = try ConversionComparison(real: real, generated: generated, pixelSize: pixelSize)
      .measured()
    #expect(quality.pixelCount == 128 * 64)
    #expect(
      quality.peakSignalToNoise
        == ImageQuality.peakSignalToNoise(tissue(width: 128, height: 64), patch))
  }

  @Test("what was not scanned of the real slide is left out, though it is dark")
  func fillings() throws {
    let black = RGBColor(red: 0, green: 0, blue: 0)
    var real = RGBImage(width: 640, height: 320, filledWith: black)
    real.paste(tissue(width: 320, height: 320), x: 0, y: 0)
    var generated = changed(real, by: -20...20)
    generated.paste(RGBImage(width: 320, height: 320), x: 320, y: 0)
    let quality = try ConversionComparison(
      real: real, generated: generated, pixelSize: pixelSize, fillings: [black]
    ).measured()
    let left = PixelRegion(x: 0, y: 0, width: 320, height: 320)
    #expect(quality.pixelCount == 320 * 320)
    #expect(
      quality.peakSignalToNoise
        == ImageQuality.peakSignalToNoise(real.cropped(to: left), generated.cropped(to: left)))
    let told = try ConversionComparison(real: real, generated: generated, pixelSize: pixelSize)
      .measured()
    #expect(told.pixelCount == 640 * 320)
  }

  @Test("a mask decides alone which pixels count")
  func mask() throws {
    let real = tissue(width: 300, height: 200)
    let generated = changed(real, by: -30...30)
    var mask = RGBImage(
      width: 300, height: 200, filledWith: RGBColor(red: 0, green: 0, blue: 0))
    let region = PixelRegion(x: 37, y: 11, width: 101, height: 77)
    mask.paste(
      RGBImage(width: 101, height: 77, filledWith: RGBColor(red: 0, green: 1, blue: 0)), x: 37,
      y: 11)
    let quality = try ConversionComparison(
      real: real, generated: generated, pixelSize: pixelSize, mask: mask
    ).measured()
    #expect(quality.pixelCount == 101 * 77)
    #expect(
      quality.peakSignalToNoise
        == ImageQuality.peakSignalToNoise(
          real.cropped(to: region), generated.cropped(to: region)))
  }

  @Test(
    "blocks that were not imaged for the generated slide are left out and counted, also under a mask"
  )
  func outside() throws {
    let real = tissue(width: 700, height: 320)
    var generated = changed(real, by: -20...20)
    generated.paste(RGBImage(width: 300, height: 320), x: 400, y: 0)
    let left = PixelRegion(x: 0, y: 0, width: 384, height: 320)
    let expected = ImageQuality.peakSignalToNoise(
      real.cropped(to: left), generated.cropped(to: left))
    let all = RGBImage(width: 700, height: 320)
    for mask in [nil, all] {
      let quality = try ConversionComparison(
        real: real, generated: generated, pixelSize: pixelSize, mask: mask,
        isImaged: { $0.maxX <= 400 }
      ).measured()
      #expect(quality.pixelCount == 384 * 320)
      #expect(quality.outsideBlockCount == 5 * 5)
      #expect(quality.peakSignalToNoise == expected)
    }
    let none = try ConversionComparison(
      real: real, generated: generated, pixelSize: pixelSize, isImaged: { _ in false })
    #expect(throws: EvaluationError.nothingToCompare) { try none.measured() }
  }

  @Test("one, two and three threads give the same figures")
  func threads() throws {
    let real = tissue(width: 1300, height: 600)
    let comparison = try ConversionComparison(
      real: real, generated: changed(real, by: -20...20), pixelSize: pixelSize)
    let one = try comparison.measured()
    #expect(try comparison.measured(parallelism: Parallelism(threadCount: 2)) == one)
    #expect(try comparison.measured(parallelism: Parallelism(threadCount: 3)) == one)
  }

  @Test("the interval of resampled squares holds the figure and widens with unequal squares")
  func intervals() throws {
    let real = tissue(width: 512, height: 512)
    let even = changed(real, by: -20...20)
    var uneven = even
    uneven.paste(
      changed(real.cropped(to: PixelRegion(x: 0, y: 0, width: 128, height: 512)), by: -90...90),
      x: 0, y: 0)
    func width(_ generated: RGBImage) throws -> Double {
      let quality = try ConversionComparison(
        real: real, generated: generated, pixelSize: pixelSize
      ).measured()
      let interval = try #require(quality.peakSignalToNoiseInterval)
      let figure = try #require(quality.peakSignalToNoise)
      #expect(interval[0] <= figure && figure <= interval[1])
      let similarity = try #require(quality.structuralSimilarityInterval)
      #expect(similarity[0] < similarity[1])
      // 512 px are 256 µm: squares of 1 mm are halved until there are ten.
      #expect(quality.squareCount >= 10)
      return interval[1] - interval[0]
    }
    #expect(try width(uneven) > 5 * width(even))
  }

  @Test("equal pictures are said to be identical, without an infinite number")
  func identical() throws {
    let real = tissue(width: 64, height: 64)
    let quality = try ConversionComparison(real: real, generated: real, pixelSize: pixelSize)
      .measured()
    #expect(quality.isIdentical)
    #expect(quality.peakSignalToNoise == nil)
    #expect(quality.structuralSimilarity == 1)
  }

  @Test("sizes that differ and slides without tissue are errors")
  func errors() throws {
    let real = RGBImage(width: 64, height: 64)
    #expect(throws: EvaluationError.self) {
      try ConversionComparison(
        real: real, generated: RGBImage(width: 64, height: 63), pixelSize: pixelSize)
    }
    let comparison = try ConversionComparison(real: real, generated: real, pixelSize: pixelSize)
    #expect(throws: EvaluationError.nothingToCompare) { try comparison.measured() }
  }

  @Test("an error of a source reaches the caller")
  func sourceError() throws {
    struct Broken: PixelSource {
      struct Failure: Error {}
      let width = 64
      let height = 64
      func read(_ region: PixelRegion) throws -> RGBImage { throw Failure() }
    }
    let comparison = try ConversionComparison(
      real: Broken(), generated: RGBImage(width: 64, height: 64), pixelSize: pixelSize)
    #expect(throws: Broken.Failure.self) { try comparison.measured() }
  }
}
