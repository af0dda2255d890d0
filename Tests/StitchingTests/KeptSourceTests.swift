import Rasters
import Stitching
import TestSupport
import Testing

@Suite("What a converted tile keeps of its source")
struct KeptSourceTests {
  /// Glass at 243 with noise of ±2 levels, as a codec leaves it.
  private let glass: RGBImage
  private let pixelCount: Int

  init() {
    var generator = SeededGenerator(seed: 4)
    var image = RGBImage(width: 64, height: 5)
    for index in image.pixels.indices { image.pixels[index] = UInt8(241 + generator.next() % 5) }
    glass = image
    pixelCount = image.width * image.height
  }

  /// The glass as a network paints it: without its noise, in another colour.
  private func painted(_ red: Float, _ green: Float, _ blue: Float) -> [Float] {
    (0..<pixelCount).flatMap { _ in [red, green, blue] }
  }

  private func kept(
    _ levels: [Float], tissue: Float = 0, background: Float = 0
  ) -> [Float] {
    var levels = levels
    KeptSource(
      tissue: Array(repeating: tissue, count: pixelCount),
      background: Array(repeating: background, count: pixelCount)
    ).apply(to: &levels, source: glass)
    return levels
  }

  @Test("glass that a network paints in a brighter white keeps its pixels")
  func brighter() {
    let source = glass.pixels.map(Float.init)
    #expect(kept(painted(250, 251, 248)) == source)
    // Half of the way where tissue is half as sure.
    let half = kept(painted(250, 251, 248), tissue: 0.5)
    #expect(abs(half[0] - (source[0] + 250) / 2) < 1e-3)
  }

  @Test("what is darker than the glass below it, much brighter, or on tissue is the network's")
  func others() {
    for levels in [painted(242, 232, 238), painted(234, 240, 243), painted(120, 90, 130)] {
      #expect(kept(levels) == levels)
    }
    let black = RGBImage(width: 64, height: 5, filledWith: RGBColor(red: 0, green: 0, blue: 0))
    var levels = painted(40, 30, 90)
    KeptSource(
      tissue: Array(repeating: 0, count: pixelCount),
      background: Array(repeating: 0, count: pixelCount)
    ).apply(to: &levels, source: black)
    #expect(levels == painted(40, 30, 90))
    #expect(kept(painted(250, 251, 248), tissue: 1) == painted(250, 251, 248))
  }

  @Test("what was not scanned keeps its pixels whatever became of it")
  func background() {
    #expect(kept(painted(40, 30, 90), tissue: 1, background: 1) == glass.pixels.map(Float.init))
  }
}
