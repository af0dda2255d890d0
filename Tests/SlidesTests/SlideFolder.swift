import Rasters
import Slides
import TestSupport

/// A folder for the slides of one test.
struct SlideFolder {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// The path of a file of that name.
  func path(_ name: String) -> String { folder.path(name) }

  /// Writes a slide and gives its path.
  func write(_ tiff: TinyTIFF, name: String = "slide.tif") throws -> String {
    let path = folder.path(name)
    try tiff.write(to: path)
    return path
  }

  /// Writes a slide and opens it.
  func open(_ tiff: TinyTIFF, name: String = "slide.tif") throws -> Slide {
    try Slide(path: write(tiff, name: name))
  }

  /// Keeps the folder until here; to be called in a `defer`.
  ///
  /// OpenSlide opens a file again by its path, long after the test has used the folder last.
  func keep() { withExtendedLifetime(folder) {} }
}

/// Pictures for tests.
enum TestPicture {
  /// A picture of seeded noise over a slope, so that any shift of a pixel shows.
  static func noise(width: Int, height: Int, seed: UInt64 = 1) -> RGBImage {
    var generator = SeededGenerator(seed: seed)
    var image = RGBImage(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width {
        let noise = UInt8.random(in: 0...100, using: &generator)
        image[x, y] = RGBColor(
          red: noise, green: UInt8((x * 7 + y * 3) % 256), blue: UInt8((x + y * 5) % 256))
      }
    }
    return image
  }

  /// A picture without noise, quick to make at any size.
  static func smooth(width: Int, height: Int) -> RGBImage {
    var pixels: [UInt8] = []
    pixels.reserveCapacity(width * height * 3)
    for y in 0..<height {
      for x in 0..<width {
        pixels.append(UInt8(truncatingIfNeeded: x / 3 ^ y / 5))
        pixels.append(UInt8(truncatingIfNeeded: x + y / 2))
        pixels.append(UInt8(truncatingIfNeeded: y / 2))
      }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
