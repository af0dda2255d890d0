import Foundation
import Rasters
import Registration
import TestSupport
import Testing

/// A bent, turned transform for tests of the map itself.
func bentTransform(seed: UInt64, largest: Float = 60, angle: Double = 0.7) -> SectionTransform {
  var random = SeededGenerator(seed: seed)
  let frame = SectionFrame(name: "HE.tif", width: 4000, height: 3000, pixelSize: PixelSize(0.5))
  let moving = SectionFrame(name: "IHC.tif", width: 3900, height: 3100, pixelSize: PixelSize(0.5))
  var grid = DisplacementGrid(spacing: 256, covering: frame.extent)
  for index in grid.x.indices {
    grid.x[index] = Float.random(in: -largest...largest, using: &random)
    grid.y[index] = Float.random(in: -largest...largest, using: &random)
  }
  let affine = AffineMap(
    a: cos(angle), b: -sin(angle), c: 900, d: sin(angle), e: cos(angle), f: -300)
  return SectionTransform(
    fixed: frame, moving: moving, affine: affine, displacement: grid, kind: .bspline)
}

@Suite("The transform between two sections")
struct SectionTransformTests {
  @Test("a point that goes there and back returns within a twentieth of a pixel")
  func inverse() {
    let transform = bentTransform(seed: 3)
    var random = SeededGenerator(seed: 4)
    for _ in 0..<500 {
      // Also well beyond the grid, where the edge's displacement holds.
      let point = MicronPoint(
        x: .random(in: -800...2800, using: &random), y: .random(in: -800...2300, using: &random))
      let back = transform.fixedPoint(for: transform.movingPoint(for: point))
      #expect(back.distance(to: point) < 0.05 * 0.5)
    }
  }

  @Test("halving the knot spacing leaves the displacement unchanged")
  func knotInsertion() throws {
    let grid = try #require(bentTransform(seed: 5).displacement)
    let fine = grid.refined()
    var random = SeededGenerator(seed: 6)
    for _ in 0..<200 {
      let point = MicronPoint(
        x: .random(in: 0...2000, using: &random), y: .random(in: 0...1500, using: &random))
      let before = grid.displacement(at: point)
      let after = fine.displacement(at: point)
      // Control points are single precision: 60 µm · 2⁻²³ and a few sums.
      #expect(abs(before.x - after.x) < 5e-5 && abs(before.y - after.y) < 5e-5)
    }
  }

  @Test("the gradient agrees with central differences")
  func gradient() throws {
    let grid = try #require(bentTransform(seed: 7).displacement)
    let point = MicronPoint(x: 731, y: 402)
    let step = 0.01
    let right = grid.displacement(at: MicronPoint(x: point.x + step, y: point.y))
    let left = grid.displacement(at: MicronPoint(x: point.x - step, y: point.y))
    let slope = grid.gradient(at: point)
    #expect(abs((right.x - left.x) / (2 * step) - slope.xx) < 1e-6)
    #expect(abs((right.y - left.y) / (2 * step) - slope.yx) < 1e-6)
  }

  @Test("a transform file says the same after writing and reading")
  func file() throws {
    let transform = bentTransform(seed: 8)
    let data = try transform.data()
    #expect(data.count < 1_000_000)
    #expect(try SectionTransform(data: data, name: "t.json") == transform)
  }

  @Test("the file of a whole slide with the most knots there can be stays under 1 MB")
  func largeFile() throws {
    var random = SeededGenerator(seed: 12)
    var grid = DisplacementGrid(spacing: 220, covering: MicronPoint(x: 25_000, y: 56_000))
    #expect(grid.x.count > 29_000)
    for index in grid.x.indices {
      grid.x[index] = .random(in: -400...400, using: &random)
      grid.y[index] = .random(in: -400...400, using: &random)
    }
    let frame = SectionFrame(
      name: "slide.svs", width: 100_000, height: 224_000, pixelSize: PixelSize(0.25))
    let transform = SectionTransform(
      fixed: frame, moving: frame, affine: .identity, displacement: grid, kind: .bspline,
      residuals: ResidualMap(
        spacing: 640, columns: 43, rows: 95,
        microns: (0..<43 * 95).map { _ in .random(in: 0...60, using: &random) }))
    #expect(try transform.data().count < 1_000_000)
  }

  @Test(
    "a file that is no transform is refused by name",
    arguments: [
      "", "{}", "[]", #"{"format": "restain-transform", "version": 1}"#,
      #"{"format": "restain-transform", "version": 99}"#,
    ])
  func hostile(text: String) {
    #expect(throws: RegistrationError.self) {
      try SectionTransform(data: Data(text.utf8), name: "t.json")
    }
  }

  @Test("a slide of another extent is refused, one of another pixel size is not")
  func extent() throws {
    let frame = bentTransform(seed: 9).moving
    var other = SectionFrame(
      name: "half.tif", width: 1950, height: 1550, pixelSize: PixelSize(1.0))
    try frame.requireSameExtent(as: other)
    // 0.4 % is rounding, 0.6 % another slide.
    other.width = 1958
    try frame.requireSameExtent(as: other)
    other.width = 1962
    #expect(throws: RegistrationError.self) { try frame.requireSameExtent(as: other) }
  }
}

@Suite("The moving section resampled into the fixed frame")
struct WarpedSourceTests {
  private let picture: RGBImage = {
    var random = SeededGenerator(seed: 11)
    return RGBImage(
      width: 300, height: 200,
      pixels: (0..<180_000).map { _ in .random(in: 0...255, using: &random) })
  }()
  private let frame = SectionFrame(name: "a", width: 300, height: 200, pixelSize: PixelSize(1))

  @Test("the identity leaves every pixel as it is, and what lies outside is white")
  func identity() throws {
    let transform = SectionTransform(fixed: frame, moving: frame, affine: .identity)
    let source = WarpedSource(
      picture, movingPixelSize: PixelSize(1), transform: transform, pixelSize: PixelSize(1))
    #expect(source.width == 300 && source.height == 200)
    #expect(try source.read(picture.bounds) == picture)
    let outside = try source.read(PixelRegion(x: -90, y: 0, width: 80, height: 10))
    #expect(outside.pixels.allSatisfy { $0 == 255 })
  }

  @Test("a shift by whole pixels moves the pixels")
  func shift() throws {
    let transform = SectionTransform(
      fixed: frame, moving: frame, affine: AffineMap(a: 1, b: 0, c: 7, d: 0, e: 1, f: -3))
    let source = WarpedSource(
      picture, movingPixelSize: PixelSize(1), transform: transform, pixelSize: PixelSize(1))
    let region = PixelRegion(x: 20, y: 20, width: 64, height: 64)
    #expect(try source.read(region) == picture.cropped(to: region.translated(x: 7, y: -3)))
  }

  @Test("a pixel does not depend on the region that it is read with")
  func regions() throws {
    let bent = bentTransform(seed: 12, largest: 5)
    let transform = SectionTransform(
      fixed: bent.fixed, moving: bent.moving, affine: .identity, displacement: bent.displacement)
    let source = WarpedSource(
      picture, movingPixelSize: PixelSize(5), transform: transform, pixelSize: PixelSize(1.25))
    let whole = try source.read(PixelRegion(x: 0, y: 0, width: 1200, height: 800))
    for region in [
      PixelRegion(x: 3, y: 5, width: 40, height: 30),
      PixelRegion(x: 500, y: 300, width: 300, height: 90),
    ] {
      #expect(try source.read(region) == whole.cropped(to: region))
    }
  }
}
