import Foundation
import Rasters
import TestSupport
import Testing

@Suite("PSNR and SSIM")
struct ImageQualityTests {
  @Test("a constant offset of 5 levels is 34.15 dB")
  func offset() {
    let first = RGBImage(
      width: 16, height: 16, filledWith: RGBColor(red: 100, green: 100, blue: 100))
    let second = RGBImage(
      width: 16, height: 16, filledWith: RGBColor(red: 105, green: 105, blue: 105))
    #expect(abs(ImageQuality.peakSignalToNoise(first, second) - 20 * log10(255.0 / 5)) < 1e-12)
    #expect(ImageQuality.peakSignalToNoise(first, first) == .infinity)
  }

  @Test("tiles add up to the whole and a mask leaves pixels out")
  func sums() {
    let first = ResampledSourceTests.noise(width: 20, height: 10, seed: 5)
    let second = ResampledSourceTests.noise(width: 20, height: 10, seed: 6)
    var sum = ImageQuality.SquaredError()
    for x in [0, 10] {
      let region = PixelRegion(x: x, y: 0, width: 10, height: 10)
      sum.add(ImageQuality.squaredError(first.cropped(to: region), second.cropped(to: region)))
    }
    #expect(sum == ImageQuality.squaredError(first, second))
    var mask = [Bool](repeating: false, count: 200)
    mask[7] = true
    #expect(ImageQuality.squaredError(first, second, mask: mask).count == 3)
  }

  @Test("structural similarity is 1 for equal pictures and follows its formula for constants")
  func similarity() {
    let image = ResampledSourceTests.noise(width: 24, height: 20, seed: 7)
    #expect(abs(ImageQuality.structuralSimilarity(image, image) - 1) < 1e-6)
    let dark = RGBImage(width: 12, height: 12, filledWith: RGBColor(red: 50, green: 50, blue: 50))
    let light = RGBImage(
      width: 12, height: 12, filledWith: RGBColor(red: 150, green: 150, blue: 150))
    // Without variance the formula is (2 μx μy + C1) / (μx² + μy² + C1), C1 = 2.55².
    let expected = (2.0 * 50 * 150 + 6.5025) / (2500 + 22500 + 6.5025)
    #expect(abs(ImageQuality.structuralSimilarity(dark, light) - expected) < 1e-5)
    #expect(ImageQuality.structuralSimilarity(dark, light).isFinite)
  }
}
