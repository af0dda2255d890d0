import Evaluation
import Networks
import Rasters
import Tensors
import Testing

/// Which tiles FID and its kin compare, and what is looked at.
@Suite("Tiles for FID")
struct InceptionTileTests {
  private static let dark = RGBColor(red: 120, green: 60, blue: 130)

  /// Glass with rectangles of tissue.
  private static func slide(
    width: Int, height: Int, tissue: [PixelRegion]
  ) -> RGBImage {
    var image = RGBImage(width: width, height: height)
    for region in tissue {
      image.paste(
        RGBImage(width: region.width, height: region.height, filledWith: dark), x: region.x,
        y: region.y)
    }
    return image
  }

  private func tiles(
    _ real: RGBImage, mask: RGBImage? = nil,
    isImaged: (@Sendable (PixelRegion) -> Bool)? = nil
  ) throws -> [PixelRegion] {
    let comparison = try ConversionComparison(
      real: real, generated: real, pixelSize: PixelSize(0.5), mask: mask, isImaged: isImaged)
    var told = 0
    let serial = try comparison.inceptionTiles { told += $0 }
    #expect(told == comparison.inceptionTileCount)
    #expect(try comparison.inceptionTiles(parallelism: Parallelism(threadCount: 3)) == serial)
    return serial
  }

  private func place(_ column: Int, _ row: Int) -> PixelRegion {
    PixelRegion(x: column * 256, y: row * 256, width: 256, height: 256)
  }

  @Test("a tile counts where half of its blocks show tissue, and only whole tiles do")
  func half() throws {
    // Columns of tiles: all tissue; 8 of 16 blocks; 7 of 16; and a part of a tile.
    let real = Self.slide(
      width: 3 * 256 + 200, height: 300,
      tissue: [
        PixelRegion(x: 0, y: 0, width: 256, height: 300),
        PixelRegion(x: 256, y: 64, width: 128, height: 192),
        PixelRegion(x: 384, y: 0, width: 64, height: 128),
        PixelRegion(x: 512, y: 0, width: 64, height: 256),
        PixelRegion(x: 576, y: 64, width: 64, height: 192),
        PixelRegion(x: 768, y: 0, width: 200, height: 256),
      ])
    #expect(try tiles(real) == [place(0, 0), place(1, 0)])
  }

  @Test("a mask decides instead of the tissue")
  func mask() throws {
    let real = Self.slide(width: 512, height: 256, tissue: [place(0, 0)])
    let mask = Self.slide(width: 512, height: 256, tissue: [])
    var black = RGBImage(
      width: 512, height: 256, filledWith: RGBColor(red: 0, green: 0, blue: 0))
    #expect(try tiles(real, mask: black).isEmpty)
    black.paste(mask.cropped(to: place(0, 0)), x: 256, y: 0)
    #expect(try tiles(real, mask: black) == [place(1, 0)])
  }

  @Test("a tile that was not imaged from edge to edge is left out")
  func outside() throws {
    let real = Self.slide(
      width: 768, height: 256,
      tissue: [
        PixelRegion(x: 0, y: 0, width: 768, height: 256)
      ])
    let found = try tiles(real) { $0.maxX <= 700 }
    #expect(found == [place(0, 0), place(1, 0)])
  }

  private static func comparison(
    _ tiles: [PixelRegion], threadCount: Int
  ) throws -> InceptionComparison {
    let context = ComputeContext(parallelism: Parallelism(threadCount: threadCount))
    return InceptionComparison(
      tiles: tiles,
      network: try InceptionNetwork(
        state: InceptionNetwork.randomState(divisor: 32, seed: 9), context: context),
      resize: .torchFidelity, context: context)
  }

  /// Noise whose contrast grows to the right.
  private static func noise(width: Int, height: Int) -> RGBImage {
    let random = CounterRandom(seed: 3, stream: 0)
    var image = RGBImage(width: width, height: height)
    for index in image.pixels.indices {
      let contrast = Float(index / 3 % width) / Float(width)
      image.pixels[index] = UInt8(200 - 150 * contrast * random.uniform(at: UInt64(index)))
    }
    return image
  }

  @Test("tiles are looked at in their order, each by itself, whatever the number of threads")
  func looks() throws {
    let image = Self.noise(width: 5 * 256, height: 256)
    let all = (0..<5).map { place($0, 0) }
    var told = 0
    let looks = try Self.comparison(all, threadCount: 2).looks(at: image) { told += $0 }
    #expect(told == 5 && looks.features.count == 5 && looks.logits.count == 5)
    #expect(try Self.comparison(all, threadCount: 1).looks(at: image) == looks)
    let backward = try Self.comparison(all.reversed(), threadCount: 1).looks(at: image)
    #expect(backward.features.selected((0..<5).reversed()) == looks.features)
    #expect(Set(looks.features.values).count > looks.features.featureCount)
  }

  @Test("figures are the formulas of the looks, floors those of two halves of the real ones")
  func figures() throws {
    let image = Self.noise(width: 4 * 256, height: 512)
    var other = image
    for index in other.pixels.indices { other.pixels[index] ^= 31 }
    let places = (0..<8).map { place($0 % 4, $0 / 4) }
    let comparison = try Self.comparison(places, threadCount: 2)
    let real = try comparison.looks(at: image)
    let reference = try comparison.reference(real)
    let same = try comparison.figures(real, reference: reference)
    #expect(same.frechetDistance < 1e-9 * same.frechetFloor)
    #expect(same.tileCount == 8 && same.resize == .torchFidelity)

    let looks = try comparison.looks(at: other)
    var shares: [Double] = []
    let figures = try comparison.figures(looks, reference: reference) { shares.append($0) }
    #expect(shares == [0, 1])
    let (first, second) = real.features.halves(seed: 2020)
    func distance(_ left: FeatureTable, _ right: FeatureTable) -> Double? {
      FeatureMoments(left).frechetDistance(to: FeatureMoments(right))
    }
    #expect(figures.frechetDistance == distance(real.features, looks.features))
    #expect(figures.frechetFloor == distance(first, second))
    let kernel = try KernelDistance(real.features, looks.features, seed: 2020)
    #expect(figures.kernelDistance == kernel.mean && figures.kernelDeviation == kernel.deviation)
    #expect(figures.kernelFloor == (try KernelDistance(first, second, seed: 2020)).mean)
    let score = InceptionScore(logits: looks.logits, seed: 2020)
    #expect(figures.score == score.mean && figures.scoreDeviation == score.deviation)
  }

  @Test("numbers of the network that are not finite are an error")
  func notFinite() throws {
    var state = InceptionNetwork.randomState(divisor: 32, seed: 9)
    for (index, tensor) in state.tensors.enumerated() where tensor.name.hasSuffix("bn.weight") {
      state.tensors[index] = NamedTensor(
        tensor.name, tensor.shape, [Float](repeating: 1e15, count: tensor.count))
    }
    let comparison = InceptionComparison(
      tiles: (0..<4).map { place($0, 0) },
      network: try InceptionNetwork(state: state, context: ComputeContext()),
      resize: .pytorchFID, context: ComputeContext())
    let looks = try comparison.looks(at: Self.noise(width: 1024, height: 256))
    #expect(throws: EvaluationError.notFinite) { try comparison.reference(looks) }
  }

  @Test("a stop between tiles ends the look")
  func stop() throws {
    struct Stop: Error {}
    let comparison = try Self.comparison((0..<4).map { place($0, 0) }, threadCount: 1)
    let image = Self.noise(width: 1024, height: 256)
    #expect(throws: Stop.self) { try comparison.looks(at: image) { _ in throw Stop() } }
  }
}
