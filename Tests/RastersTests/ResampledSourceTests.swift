import Rasters
import TestSupport
import Testing

@Suite("Resampled sources")
struct ResampledSourceTests {
  static func noise(width: Int, height: Int, seed: UInt64) -> RGBImage {
    var generator = SeededGenerator(seed: seed)
    let pixels = (0..<(width * height * 3)).map { _ in UInt8.random(in: 0...255, using: &generator)
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  @Test("a ratio of 1 gives the source back")
  func identity() throws {
    let image = Self.noise(width: 37, height: 23, seed: 1)
    let source = ResampledSource(image, ratio: (1, 1), width: 37, height: 23)
    #expect(try source.read(image.bounds) == image)
  }

  @Test("a ratio of 2 is the 2 × 2 box")
  func box() throws {
    let image = Self.noise(width: 40, height: 26, seed: 2)
    let source = ResampledSource(image, ratio: (2, 2), width: 20, height: 13)
    #expect(try source.read(PixelRegion(x: 0, y: 0, width: 20, height: 13)) == image.halved())
  }

  @Test("a pixel does not depend on the region it is read with", arguments: [0.7, 1.37, 2.9])
  func regions(ratio: Double) throws {
    let image = Self.noise(width: 90, height: 70, seed: 3)
    let width = Int(90 / ratio)
    let height = Int(70 / ratio)
    let source = ResampledSource(image, ratio: (ratio, ratio), width: width, height: height)
    let whole = try source.read(PixelRegion(x: 0, y: 0, width: width, height: height))
    let part = PixelRegion(x: 5, y: 7, width: 11, height: 9)
    #expect(try source.read(part) == whole.cropped(to: part))
    let beyond = PixelRegion(x: -3, y: height - 4, width: 20, height: 8)
    #expect(try source.read(beyond) == whole.cropped(to: beyond))
  }

  @Test("the mean level is kept by an uneven ratio")
  func meanIsKept() throws {
    let image = Self.noise(width: 300, height: 300, seed: 4)
    let source = ResampledSource(image, ratio: (2.5, 2.5), width: 120, height: 120)
    let result = try source.read(PixelRegion(x: 0, y: 0, width: 120, height: 120))
    func mean(_ image: RGBImage) -> Double {
      Double(image.pixels.reduce(0) { $0 + Int($1) }) / Double(image.pixels.count)
    }
    // Rounding to whole levels moves a mean of 43,200 samples by far less than 0.02 levels.
    #expect(abs(mean(result) - mean(image)) < 0.02)
  }

  @Test("enlarging a constant picture keeps it")
  func constant() throws {
    let color = RGBColor(red: 12, green: 130, blue: 250)
    let image = RGBImage(width: 9, height: 9, filledWith: color)
    let source = ResampledSource(image, ratio: (0.31, 0.31), width: 29, height: 29)
    let result = try source.read(PixelRegion(x: 0, y: 0, width: 29, height: 29))
    #expect(result == RGBImage(width: 29, height: 29, filledWith: color))
  }
}
