import Foundation
import Pyramids
import Rasters
import Slides
import TestSupport

/// Slides that end-to-end tests make for themselves.
enum SlideFiles {
  /// A picture like tissue: dark noise on a slope, with a margin of glass.
  static func tissue(width: Int, height: Int, seed: UInt64 = 1) -> RGBImage {
    var generator = SeededGenerator(seed: seed)
    var image = RGBImage(width: width, height: height)
    for y in (height / 8)..<(height * 7 / 8) {
      for x in (width / 8)..<(width * 7 / 8) {
        let noise = UInt8.random(in: 0...60, using: &generator)
        image[x, y] = RGBColor(
          red: 110 + noise, green: UInt8(60 + (x / 8 + y / 16) % 80), blue: 190 - noise / 2)
      }
    }
    return image
  }

  /// Writes a lossless pyramid.
  static func write(_ image: RGBImage, to path: String, pixelSize: Double? = 0.5) throws {
    _ = try PyramidCopy.write(
      source: image, path: path,
      options: PyramidOptions(
        compression: .deflate, pixelSize: pixelSize.map { PixelSize($0) },
        description: PyramidDescription(name: "test")))
  }

  /// All pixels of a slide, as OpenSlide reads them.
  static func pixels(of path: String) throws -> RGBImage {
    let slide = try Slide(path: path)
    return try slide.read(
      PixelRegion(x: 0, y: 0, width: slide.width, height: slide.height), level: 0)
  }

  /// The one JSON object that a verb printed.
  static func object(_ output: String) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
    return value as? [String: Any] ?? [:]
  }
}
