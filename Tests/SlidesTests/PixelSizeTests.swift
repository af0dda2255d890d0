import Rasters
import Slides
import TestSupport
import Testing

@Suite("pixel size")
struct PixelSizeTests {
  private let folder: SlideFolder

  init() throws { folder = try SlideFolder() }

  private let image = TestPicture.noise(width: 48, height: 32)

  private func directory(
    perUnit: (Double, Double)? = nil, unit: UInt16? = nil, description: String? = nil
  ) -> TinyTIFF {
    TinyTIFF([
      .init(
        image: image, resolution: perUnit, resolutionUnit: unit, description: description)
    ])
  }

  private func ome(_ attributes: String) -> String {
    """
    <?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">\
    <Image ID="Image:0"><Pixels ID="Pixels:0" Type="uint8" \(attributes)></Pixels></Image></OME>
    """
  }

  @Test("pixels a centimetre and an inch both give microns")
  func resolution() throws {
    defer { folder.keep() }
    let metric = try folder.open(directory(perUnit: (20_000, 20_000), unit: 3))
    #expect(metric.pixelSize == PixelSize(0.5))
    #expect(metric.pixelSizeSource == .tiffResolution)
    let imperial = try folder.open(directory(perUnit: (50_800, 50_800), unit: 2))
    #expect(imperial.pixelSize == PixelSize(0.5))
  }

  @Test("pixels that are not square keep both sizes and are reported")
  func notSquare() throws {
    defer { folder.keep() }
    let slide = try folder.open(directory(perUnit: (20_000, 25_000), unit: 3))
    #expect(slide.pixelSize == PixelSize(x: 0.5, y: 0.4))
    #expect(slide.problems.count == 1)
  }

  @Test(
    "a resolution that no scanner has, or without a length, counts as missing",
    arguments: [(28.3465, UInt16(3)), (72, 2), (3_000_000, 3), (20_000, 1)])
  func implausible(perUnit: Double, unit: UInt16) throws {
    defer { folder.keep() }
    let path = try folder.write(directory(perUnit: (perUnit, perUnit), unit: unit))
    let slide = try Slide(path: path)
    #expect(slide.pixelSize == nil)
    #expect(slide.pixelSizeSource == nil)
    let configured = try Slide(path: path, configuredPixelSize: 0.3)
    #expect(configured.pixelSize == PixelSize(0.3))
    #expect(configured.pixelSizeSource == .configuration)
  }

  @Test(
    "OME-XML gives the size where the resolution does not",
    arguments: [
      ("PhysicalSizeX=\"0.5\" PhysicalSizeY=\"0.25\"", 0.5, 0.25),
      (
        "PhysicalSizeX='500' PhysicalSizeXUnit='nm' PhysicalSizeY='0.25' PhysicalSizeYUnit='µm'",
        0.5, 0.25
      ),
      ("PhysicalSizeX=\"5e-4\" PhysicalSizeXUnit=\"mm\"", 0.5, 0.5),
      ("PhysicalSizeX = \"0.5\" PhysicalSizeXUnit=\"\u{3BC}m\"", 0.5, 0.5),
    ])
  func omeXML(attributes: String, x: Double, y: Double) throws {
    defer { folder.keep() }
    let slide = try folder.open(
      directory(perUnit: (72, 72), unit: 2, description: ome(attributes))
    )
    let size = try slide.requirePixelSize()
    #expect(abs(size.x - x) < 1e-12 && abs(size.y - y) < 1e-12)
    #expect(slide.pixelSizeSource == .omeXML)
  }

  @Test(
    "OME-XML without a length gives nothing",
    arguments: [
      "", "PhysicalSizeX=\"-1\"", "PhysicalSizeX=\"nan\"",
      "PhysicalSizeX=\"1\" PhysicalSizeXUnit=\"pixel\"",
      "PhysicalSizeX=\"0.5", "PhysicalSizeX", "PhysicalSizeX=\"1\" PhysicalSizeXUnit=\"m\"",
    ])
  func brokenOMEXML(attributes: String) throws {
    defer { folder.keep() }
    let slide = try folder.open(directory(description: ome(attributes)))
    #expect(slide.pixelSize == nil)
  }

  @Test("a maker's pixel size that no scanner has counts as missing, and is reported")
  func implausibleMaker() throws {
    defer { folder.keep() }
    let path = try folder.write(
      directory(description: "Aperio Image Library v1\n48x32 |AppMag = 20|MPP = 9e300"))
    let slide = try Slide(path: path)
    try #require(slide.vendor == "aperio")
    #expect(slide.pixelSize == nil)
    #expect(slide.problems.contains { $0.hasPrefix("the stated pixel size of ") })
    #expect(try Slide(path: path, pixelSizeOverride: 0.5).problems.isEmpty)
  }

  @Test("the resolution is asked before OME-XML, the option before both")
  func order() throws {
    defer { folder.keep() }
    let path = try folder.write(
      directory(
        perUnit: (20_000, 20_000), unit: 3, description: ome("PhysicalSizeX=\"0.7\"")))
    #expect(try Slide(path: path).pixelSize == PixelSize(0.5))
    let slide = try Slide(path: path, pixelSizeOverride: 0.25, configuredPixelSize: 0.3)
    #expect(slide.pixelSize == PixelSize(0.25))
    #expect(slide.pixelSizeSource == .option)
  }

  @Test(
    "a description of start tags alone is read once, not once for each of them",
    .timeLimit(.minutes(1)))
  func manyTags() throws {
    var directory = TinyTIFF.Directory(image: RGBImage(width: 64, height: 64))
    directory.description = "<OME" + String(repeating: "<", count: 100_000)
    #expect(try folder.open(TinyTIFF([directory])).pixelSize == nil)
  }

  @Test("a slide without a pixel size names the option that gives it")
  func missing() throws {
    defer { folder.keep() }
    let path = try folder.write(directory())
    let slide = try Slide(path: path)
    let expected = SlideError.missingPixelSize(
      path: path, option: "--slide-pixel-size")
    #expect(throws: expected) { try slide.source(pixelSize: 1) }
    #expect(expected.description.contains("--slide-pixel-size"))
  }

  @Test("an option outside 0.05 to 20 µm is refused", arguments: [0, -1, 0.04, 21, Double.nan])
  func implausibleOption(microns: Double) throws {
    defer { folder.keep() }
    let path = try folder.write(directory())
    #expect(throws: SlideError.self) {
      try Slide(path: path, pixelSizeOverride: microns)
    }
  }
}
