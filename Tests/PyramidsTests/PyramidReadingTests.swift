import Foundation
import Pyramids
import Rasters
import TestSupport
import Testing

@Suite("Pyramids in other programs")
struct PyramidReadingTests {
  /// Quality 90, ±6 levels of noise: what JPEG takes away is mostly noise, on average under 6 · ½ levels.
  static let meanJPEGDifference = 3.0

  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  /// The pixels of a file that vips can open, through a raw file.
  private func pixels(_ name: String, width: Int, height: Int) throws -> RGBImage {
    try Tool.vips.run(["rawsave", name, folder.path("pixels.raw")])
    let bytes = try Data(contentsOf: folder.url.appendingPathComponent("pixels.raw"))
    guard bytes.count == width * height * 3 else { return RGBImage(width: 0, height: 0) }
    return RGBImage(width: width, height: height, pixels: [UInt8](bytes))
  }

  private func expectSame(
    _ found: RGBImage, _ written: RGBImage, _ compression: PyramidCompression, _ what: Comment
  ) {
    let (mean, max) = difference(found, written)
    if compression == .jpeg {
      #expect(mean < Self.meanJPEGDifference, what)
    } else {
      #expect(max == 0, what)
    }
  }

  @Test(
    "libvips reads every level of every layout and compression",
    .enabled(if: Tool.vips.isPresent, Comment(rawValue: Tool.vips.absence)),
    // It hands Aperio files to OpenSlide, which the next test asks itself.
    arguments: [PyramidLayout.universal, .chained, .ome], PyramidCompression.allCases)
  func vips(layout: PyramidLayout, compression: PyramidCompression) throws {
    let image = picture(width: 1101, height: 1030, seed: 1)
    try write(image, to: folder.path("a.tif"), options(layout, compression))
    for (index, level) in levels(of: image).enumerated() {
      let choice = layout == .ome ? "[subifd=\(index - 1)]" : "[page=\(index)]"
      let found = try pixels(
        folder.path("a.tif") + choice, width: level.width, height: level.height)
      expectSame(found, level, compression, "\(layout), \(compression), level \(index)")
    }
  }

  @Test(
    "chroma has the full resolution from quality 90 up, and half of it below",
    .enabled(if: Tool.vips.isPresent, Comment(rawValue: Tool.vips.absence)))
  func chroma() throws {
    // Columns of red and green of one luma, a pixel wide: halved chroma mixes them to one colour.
    let colors: [[UInt8]] = [[200, 60, 100], [70, 126, 100]]
    let image = RGBImage(
      width: 256, height: 256, pixels: (0..<256 * 256).flatMap { colors[$0 % 2] })
    var errors: [Double] = []
    for (quality, side) in [(90, 1), (89, 2)] {
      var options = options()
      options.quality = quality
      let path = folder.path("\(quality).tif")
      let tiff = try ParsedTIFF(try write(image, to: path, options))
      #expect(tiff.levels.allSatisfy { $0.numbers(530) == [side, side] })
      errors.append(difference(try pixels(path, width: 256, height: 256), image).mean)
    }
    // Mixed, red is wrong by 65, green by 33 and blue by nothing: 33 on average. In full, a step of
    // chroma's coarsest coefficient at quality 90 is 20 levels, which errs by 5 on average.
    #expect(errors[0] < 5 && errors[1] > 25, "mean differences \(errors)")
  }

  @Test(
    "OpenSlide reads every level of the chained layouts, and the pixel size of the Aperio one",
    .enabled(if: Tool.vips.isPresent, Comment(rawValue: Tool.vips.absence)),
    .enabled(
      if: Tool.openslideProperties.isPresent, Comment(rawValue: Tool.openslideProperties.absence)),
    arguments: [PyramidLayout.universal, .chained, .aperio], PyramidCompression.allCases)
  func openslide(layout: PyramidLayout, compression: PyramidCompression) throws {
    // Multiples of 4: elsewhere OpenSlide takes the quotient of the widths for the downsample, and
    // vips, which addresses levels in pixels of level 0, gets pixels between pixels.
    let image = picture(width: 1104, height: 1032, seed: 1)
    let path = folder.path("a.tif")
    try write(image, to: path, options(layout, compression))
    let properties = try Tool.openslideProperties.run([path]).output
    #expect(properties.contains("openslide.level-count: '3'"))
    #expect(properties.contains("tiff.XResolution: '20000'"))
    #expect(
      properties.contains("openslide.vendor: '\(layout == .aperio ? "aperio" : "generic-tiff")'"))
    if layout == .aperio {
      #expect(properties.contains("openslide.mpp-x: '0.5'"))
      #expect(properties.contains("aperio.Stain notice: 'virtual stain, not for diagnosis'"))
      #expect(properties.contains("openslide.objective-power: '20'"))
    }
    for (index, level) in levels(of: image).enumerated() {
      try Tool.vips.run(["openslideload", path, folder.path("l.v"), "--level", "\(index)"])
      try Tool.vips.run(["extract_band", folder.path("l.v"), folder.path("m.v"), "0", "--n", "3"])
      let found = try pixels(folder.path("m.v"), width: level.width, height: level.height)
      expectSame(found, level, compression, "\(layout), \(compression), level \(index)")
    }
  }

  @Test(
    "odd sizes come back whole",
    .enabled(if: Tool.vips.isPresent, Comment(rawValue: Tool.vips.absence)),
    arguments: [(1, 1), (255, 3), (257, 513), (1, 700), (640, 1025)])
  func oddSizes(width: Int, height: Int) throws {
    let image = picture(width: width, height: height, seed: 8)
    try write(image, to: folder.path("a.tif"), options(.universal, .lzw), rowsAtOnce: 77)
    for (index, level) in levels(of: image).enumerated() {
      let name = folder.path("a.tif") + "[page=\(index)]"
      let found = try pixels(name, width: level.width, height: level.height)
      #expect(difference(found, level).max == 0)
    }
  }

  @Test(
    "colours survive JPEG", .enabled(if: Tool.vips.isPresent, Comment(rawValue: Tool.vips.absence)))
  func colors() throws {
    let colors = [
      RGBColor.white, RGBColor(red: 0, green: 0, blue: 0),
      RGBColor(red: 226, green: 158, blue: 196),
      RGBColor(red: 94, green: 60, blue: 140), RGBColor(red: 255, green: 0, blue: 0),
    ]
    for color in colors {
      let image = RGBImage(width: 300, height: 260, filledWith: color)
      try FileManager.default.removeItemIfPresent(folder.path("a.tif"))
      try write(image, to: folder.path("a.tif"), options())
      let found = try pixels(folder.path("a.tif"), width: 300, height: 260)
      // A flat tile is rounded twice: to whole levels of YCbCr, and to half a step of 3 in its mean.
      #expect(difference(found, image).max <= 3)
    }
  }

  @Test(
    "libtiff's tools have nothing to warn of",
    .enabled(if: Tool.tiffinfo.isPresent, Comment(rawValue: Tool.tiffinfo.absence)),
    .enabled(if: Tool.tiffdump.isPresent, Comment(rawValue: Tool.tiffdump.absence)),
    arguments: PyramidLayout.allCases, PyramidCompression.allCases)
  func silence(layout: PyramidLayout, compression: PyramidCompression) throws {
    let image = picture(width: 600, height: 520, seed: 1)
    try write(image, to: folder.path("a.tif"), options(layout, compression))
    let information = try Tool.tiffinfo.run([folder.path("a.tif")])
    #expect(information.diagnostics.isEmpty)
    #expect(information.output.contains("Resolution: 20000, 20000 pixels/cm"))
    #expect(information.output.contains("Resolution: 10000, 10000 pixels/cm"))
    let dump = try Tool.tiffdump.run([folder.path("a.tif")])
    #expect(dump.diagnostics.isEmpty)
    let count = dump.output.split(separator: "\n").filter { $0.hasPrefix("Directory ") }.count
    #expect(count == (layout == .ome ? 1 : layout == .aperio ? 3 : 2))
  }
}

extension FileManager {
  fileprivate func removeItemIfPresent(_ path: String) throws {
    if fileExists(atPath: path) { try removeItem(atPath: path) }
  }
}
