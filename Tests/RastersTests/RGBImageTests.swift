import Foundation
import Rasters
import Testing

@Suite("Pictures and planes")
struct RGBImageTests {
  @Test("a crop beyond the edge is filled with the background")
  func crop() {
    var image = RGBImage(width: 4, height: 3, filledWith: RGBColor(red: 1, green: 2, blue: 3))
    image[3, 2] = RGBColor(red: 9, green: 8, blue: 7)
    let crop = image.cropped(to: PixelRegion(x: 3, y: 2, width: 2, height: 2))
    #expect(crop[0, 0] == RGBColor(red: 9, green: 8, blue: 7))
    #expect(crop[1, 0] == .white)
    #expect(crop[0, 1] == .white)
  }

  @Test("halving repeats an odd edge and rounds half up")
  func halving() {
    let image = RGBImage(
      width: 3, height: 1, pixels: [0, 10, 20, 1, 10, 20, 7, 8, 9])
    let half = image.halved()
    #expect(half.width == 2 && half.height == 1)
    #expect(half[0, 0] == RGBColor(red: 1, green: 10, blue: 20))
    #expect(half[1, 0] == RGBColor(red: 7, green: 8, blue: 9))
  }

  @Test("an affine map and its inverse cancel")
  func affine() throws {
    let map = AffineMap(a: 0.9, b: -0.3, c: 12, d: 0.25, e: 1.1, f: -7)
    let inverse = try #require(map.inverse)
    let there = map(x: 31, y: -4)
    let back = inverse(x: there.x, y: there.y)
    #expect(abs(back.x - 31) < 1e-12 && abs(back.y + 4) < 1e-12)
    let both = map.followed(by: inverse)
    #expect(abs(both.a - 1) < 1e-12 && abs(both.b) < 1e-12 && abs(both.c) < 1e-12)
    #expect(AffineMap(a: 1, b: 2, c: 0, d: 2, e: 4, f: 0).inverse == nil)
  }

  @Test("bilinear sampling is exact on a slope and a blur leaves a constant alone")
  func planes() {
    var slope = Plane(width: 8, height: 6)
    for y in 0..<6 { for x in 0..<8 { slope[x, y] = Float(x) + 10 * Float(y) } }
    #expect(abs(slope.sampledBilinear(x: 3.25, y: 2.75) - (2.75 + 22.5)) < 1e-5)
    let flat = Plane(width: 8, height: 6, filledWith: 0.5).blurred(deviation: 1.3)
    #expect(flat.values.allSatisfy { abs($0 - 0.5) < 1e-6 })
  }

  @Test(
    "a blur is the weighted mean of the places around, the edge repeated outside",
    arguments: [1, 3, 7, 8, 9, 14, 15, 40])
  func blur(width: Int) {
    var plane = Plane(width: width, height: 5)
    for index in plane.values.indices { plane.values[index] = Float((index * 37) % 23) / 23 }
    let deviation = 2.3
    let radius = 7
    let blurred = plane.blurred(deviation: deviation)
    for y in 0..<5 {
      for x in 0..<width {
        var (sum, weights) = (0.0, 0.0)
        for (dx, dy) in (-radius...radius).flatMap({ dx in (-radius...radius).map { (dx, $0) } }) {
          let weight = exp(-Double(dx * dx + dy * dy) / (2 * deviation * deviation))
          let place = (min(max(x + dx, 0), width - 1), min(max(y + dy, 0), 4))
          sum += weight * Double(plane[place.0, place.1])
          weights += weight
        }
        #expect(abs(Double(blurred[x, y]) - sum / weights) < 1e-6, "\(x), \(y)")
      }
    }
  }

  @Test("optical density is 0 at the white point and 1 at a tenth of it")
  func density() {
    let table = OpticalDensity.table(white: 255)
    #expect(table[255] == 0)
    // (v + 1) / 256 = 1 / 10 lies between the levels 24 and 25.
    #expect(table[24] > 1 && table[25] < 1)
    #expect(OpticalDensity.table(white: 240)[250] == 0)
  }

  @Test("red light shows haematoxylin and passes eosin")
  func redDensity() {
    func pixel(_ stain: StainVector) -> RGBImage {
      var image = RGBImage(width: 1, height: 1)
      for (channel, density) in [stain.red, stain.green, stain.blue].enumerated() {
        image.pixels[channel] = UInt8((240 * pow(10, -density)).rounded())
      }
      return image
    }
    let haematoxylin = pixel(.haematoxylin)
    #expect(abs(OpticalDensity.red(of: haematoxylin, white: 240)[0, 0] - 0.650) < 0.01)
    #expect(abs(OpticalDensity.red(of: pixel(.eosin), white: 240)[0, 0] - 0.072) < 0.01)
    // All colours together see as much of either.
    #expect(OpticalDensity.mean(of: pixel(.eosin), white: (240, 240, 240))[0, 0] > 0.3)
  }
}
