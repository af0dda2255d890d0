import Phantoms
import Rasters
import Testing

@Suite("The sections of a phantom")
struct SerialSectionsTests {
  /// Small enough to draw whole in a test, large enough for every kind of tissue: 384 µm.
  private static func phantom(
    seed: UInt64 = 3, stain: PhantomStain = .immunohistochemistry, rotation: Double? = nil,
    missing: Double = 0
  ) throws -> SerialSections {
    try SerialSections(
      PhantomOptions(
        size: 768, seed: seed, stain: stain, rotationDegrees: rotation, missingShare: missing))
  }

  private static let whole = PixelRegion(x: 0, y: 0, width: 768, height: 768)

  @Test("the same seed gives the same pixels, another seed others")
  func determinism() throws {
    let region = PixelRegion(x: 200, y: 300, width: 200, height: 150)
    let first = try SerialSectionsTests.phantom().moving.read(region)
    #expect(try SerialSectionsTests.phantom().moving.read(region) == first)
    #expect(try SerialSectionsTests.phantom(seed: 4).moving.read(region) != first)
  }

  @Test(
    "a region's pixels are those of the whole",
    arguments: [PhantomStain.immunohistochemistry, .unstained])
  func regions(stain: PhantomStain) throws {
    let phantom = try SerialSectionsTests.phantom(stain: stain)
    let whole = phantom.moving.read(SerialSectionsTests.whole)
    for region in [
      PixelRegion(x: 250, y: 250, width: 17, height: 140),
      PixelRegion(x: 383, y: 129, width: 130, height: 1),
      PixelRegion(x: -20, y: 700, width: 60, height: 100),
    ] {
      #expect(phantom.moving.read(region) == whole.cropped(to: region))
    }
  }

  @Test("the pass over both stains reads what each stain reads alone")
  func bothStains() throws {
    let phantom = try SerialSectionsTests.phantom(stain: .unstained)
    let region = PixelRegion(x: 300, y: 200, width: 150, height: 150)
    let both = phantom.readMoving(region)
    #expect(both.stained == phantom.moving.read(region))
    #expect(both.truth == phantom.movingTruth.read(region))
    #expect(both.classes == phantom.moving.tissueClasses(region))
  }

  @Test(
    "half to seven tenths of the slide are tissue, glass the rest",
    arguments: 1...4 as ClosedRange<UInt64>)
  func tissueShare(seed: UInt64) throws {
    // At 4 µm/px a section of 1 mm is quickly drawn.
    let phantom = try SerialSections(PhantomOptions(size: 256, seed: seed, pixelSize: 4))
    let region = PixelRegion(x: 0, y: 0, width: 256, height: 256)
    for section in [phantom.fixed, phantom.moving] {
      let classes = section.tissueClasses(region)
      let tissue = classes.count { $0 != TissueClass.background.rawValue }
      #expect((0.5...0.7).contains(Double(tissue) / Double(classes.count)))
    }
    // Not every block has every tissue, but none is stroma alone.
    #expect(Set(phantom.fixed.tissueClasses(region)).count >= 6)
  }

  @Test("the moving section keeps its tissue on the slide, however it is turned")
  func frame() throws {
    let phantom = try SerialSections(
      PhantomOptions(size: 256, seed: 6, pixelSize: 4, rotationDegrees: 45))
    let region = PixelRegion(x: 0, y: 0, width: 256, height: 256)
    let shares = [phantom.fixed, phantom.moving].map { section in
      Double(section.tissueClasses(region).count { $0 != TissueClass.background.rawValue })
    }
    // What leaves the slide is at most a tip of a lobe.
    #expect(shares[1] / shares[0] > 0.97)
  }

  @Test("both stains of the moving section show the same nuclei")
  func sharedNuclei() throws {
    let phantom = try SerialSectionsTests.phantom()
    let region = PixelRegion(x: 240, y: 240, width: 256, height: 256)
    let read = phantom.readMoving(region)
    let other = phantom.fixed.read(region)
    let density = OpticalDensity.table()
    // Red light is what haematoxylin takes and eosin leaves; brown takes less of it.
    func red(_ image: RGBImage) -> [Double] {
      (0..<(image.width * image.height)).map { Double(density[Int(image.pixels[$0 * 3])]) }
    }
    let same = correlation(red(read.stained), red(read.truth))
    #expect(same > 0.8)
    #expect(same > correlation(red(read.stained), red(other)) + 0.4)
  }

  @Test("the fixed and the moving section show the same block at places that the map joins")
  func neighbouringSections() throws {
    let phantom = try SerialSectionsTests.phantom()
    let side = 256
    let truth = phantom.movingTruth.read(SerialSectionsTests.whole).luminance()
    let fixed = phantom.fixed.read(PixelRegion(x: 256, y: 256, width: side, height: side))
      .luminance()
    var warped: [Double] = []
    var still: [Double] = []
    for y in 0..<side {
      for x in 0..<side {
        let place = Level0Point(x: Double(256 + x) + 0.5, y: Double(256 + y) + 0.5)
        let there = phantom.map.moving(place.microns(pixelSize: phantom.fixed.pixelSize))
          .level0(pixelSize: phantom.moving.pixelSize)
        guard (0..<768).contains(there.x), (0..<768).contains(there.y) else { continue }
        warped.append(Double(truth[Int(there.x), Int(there.y)]))
        still.append(Double(fixed[x, y]))
      }
    }
    // Alike, as neighbours are, and not the same section twice.
    #expect((0.4...0.95).contains(correlation(warped, still)))
  }

  @Test("stains have their colours: glass bright, H&E pink, IHC bluish, unstained nearly grey")
  func colors() throws {
    let region = PixelRegion(x: 200, y: 200, width: 368, height: 368)
    let stained = try SerialSectionsTests.phantom()
    let he = mean(stained.fixed.read(region))
    #expect(he.red > he.blue + 10 && he.blue > he.green + 15)
    let ihc = mean(stained.moving.read(region))
    #expect(ihc.blue > ihc.red && ihc.red > 150)
    let unstained = mean(try SerialSectionsTests.phantom(stain: .unstained).moving.read(region))
    #expect(abs(unstained.red - unstained.blue) < 15 && unstained.green > 200)
    for section in [stained.fixed, stained.moving] {
      let corner = mean(section.read(PixelRegion(x: 0, y: 0, width: 24, height: 24)))
      #expect(min(corner.red, corner.green, corner.blue) > 215)
    }
  }

  @Test("the wanted share of tissue is missing from the moving section")
  func missing() throws {
    func tissueCount(_ missing: Double) throws -> Double {
      let phantom = try SerialSections(
        PhantomOptions(size: 256, seed: 2, pixelSize: 4, missingShare: missing))
      return Double(
        phantom.moving.tissueClasses(PixelRegion(x: 0, y: 0, width: 256, height: 256))
          .count { $0 != TissueClass.background.rawValue })
    }
    let lost = 1 - (try tissueCount(0.3)) / (try tissueCount(0))
    // The share is that of a grid of 160 × 160 places, and of tissue before slits: 4 % suffice.
    #expect(abs(lost - 0.3) < 0.04)
  }

  private func correlation(_ first: [Double], _ second: [Double]) -> Double {
    let count = Double(first.count)
    let (meanFirst, meanSecond) = (first.reduce(0, +) / count, second.reduce(0, +) / count)
    var (product, squareFirst, squareSecond) = (0.0, 0.0, 0.0)
    for (a, b) in zip(first, second) {
      product += (a - meanFirst) * (b - meanSecond)
      squareFirst += (a - meanFirst) * (a - meanFirst)
      squareSecond += (b - meanSecond) * (b - meanSecond)
    }
    return product / (squareFirst * squareSecond).squareRoot()
  }

  private func mean(_ image: RGBImage) -> (red: Double, green: Double, blue: Double) {
    var sums = [0.0, 0.0, 0.0]
    for (index, value) in image.pixels.enumerated() { sums[index % 3] += Double(value) }
    let count = Double(image.width * image.height)
    return (sums[0] / count, sums[1] / count, sums[2] / count)
  }
}
