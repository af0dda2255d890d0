import Foundation
import Pictures
import Rasters
import Slides
import TestSupport
import Testing

@Suite("JPEG tiles smaller than their place")
struct SmallTileTests {
  private let folder: SlideFolder

  init() throws { folder = try SlideFolder() }

  private static let color = RGBColor(red: 90, green: 140, blue: 60)

  /// A flat colour comes back from JPEG within the rounding of YCbCr and of one step of a block's mean.
  private static let largestDifference = 4

  private func stream(width: Int, height: Int) throws -> [UInt8] {
    try PictureFile.jpegBytes(
      of: RGBImage(width: width, height: height, filledWith: Self.color), quality: 95)
  }

  /// A slide of 2 × 2 tiles whose last tile is a picture of another size.
  private func slide(width: Int, height: Int, last: (width: Int, height: Int)) throws -> Slide {
    let whole = try stream(width: 32, height: 32)
    var directory = TinyTIFF.Directory(image: RGBImage(width: width, height: height))
    directory.jpegTiles = [
      whole, whole, whole, try stream(width: last.width, height: last.height),
    ]
    return try folder.open(TinyTIFF([directory]))
  }

  private func isColor(_ found: RGBColor) -> Bool {
    zip(
      [found.red, found.green, found.blue], [Self.color.red, Self.color.green, Self.color.blue]
    ).allSatisfy { abs(Int($0) - Int($1)) <= Self.largestDifference }
  }

  @Test("what the data lack is white, and the tile is damaged")
  func short() throws {
    defer { folder.keep() }
    let slide = try slide(width: 64, height: 64, last: (16, 24))
    let image = try slide.read(slide.levels[0].bounds, level: 0)
    for y in 0..<64 {
      for x in 0..<64 {
        let isMissing = x >= 32 && y >= 32 && (x >= 48 || y >= 56)
        let isRight = isMissing ? image[x, y] == .white : isColor(image[x, y])
        #expect(isRight, "\(x), \(y): \(image[x, y])")
      }
    }
    #expect(slide.damagedTiles.map(\.tile) == [3])
    #expect(slide.damage?.hasSuffix("its picture has 16 × 24 pixels in place of 32 × 32") == true)
  }

  @Test("a picture whose colours are sampled other than the directory says is read all the same")
  func sampling() throws {
    defer { folder.keep() }
    let whole = try stream(width: 32, height: 32)
    var directory = TinyTIFF.Directory(image: RGBImage(width: 64, height: 64))
    directory.jpegTiles = [whole, whole, whole, whole]
    directory.subsampling = 1
    let slide = try folder.open(TinyTIFF([directory]))
    let image = try slide.read(slide.levels[0].bounds, level: 0)
    #expect(isColor(image[3, 60]) && isColor(image[60, 3]))
    #expect(slide.damagedTiles.isEmpty)
  }

  @Test("a picture that ends at the level's edge is whole")
  func edge() throws {
    defer { folder.keep() }
    let slide = try slide(width: 48, height: 56, last: (16, 24))
    let image = try slide.read(slide.levels[0].bounds, level: 0)
    #expect(isColor(image[47, 55]))
    #expect(slide.damagedTiles.isEmpty)
  }
}
