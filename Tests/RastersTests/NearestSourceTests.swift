import Rasters
import TestSupport
import Testing

@Suite("labels at another pixel size")
struct NearestSourceTests {
  private func labels(width: Int, height: Int) -> RGBImage {
    var generator = SeededGenerator(seed: 4)
    var image = RGBImage(width: width, height: height)
    for index in image.pixels.indices { image.pixels[index] = UInt8(generator.next() % 3) }
    return image
  }

  @Test("every pixel is the one of the source that its centre lies in", arguments: [3, 7, 12, 40])
  func places(width: Int) throws {
    let image = labels(width: 12, height: 9)
    let source = NearestSource(image, width: width, height: 2 * width)
    let whole = try source.read(PixelRegion(x: 0, y: 0, width: width, height: 2 * width))
    for y in 0..<2 * width {
      for x in 0..<width {
        let place = (
          Int((Double(x) + 0.5) * 12 / Double(width)),
          Int((Double(y) + 0.5) * 9 / Double(2 * width))
        )
        #expect(whole[x, y] == image[place.0, place.1])
      }
    }
  }

  @Test("a region is a part of the whole, and white beyond it")
  func regions() throws {
    let source = NearestSource(labels(width: 31, height: 17), width: 20, height: 30)
    let whole = try source.read(PixelRegion(x: 0, y: 0, width: 20, height: 30))
    for region in [
      PixelRegion(x: 3, y: 5, width: 7, height: 11), PixelRegion(x: -4, y: -2, width: 9, height: 9),
      PixelRegion(x: 15, y: 25, width: 10, height: 10),
      PixelRegion(x: 50, y: 0, width: 3, height: 3),
    ] {
      #expect(try source.read(region) == whole.cropped(to: region))
    }
  }
}
