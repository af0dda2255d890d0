import Rasters
import Stitching
import Testing

@Suite("Tile plans and windows")
struct TilePlanTests {
  /// The windows are Float: sums of two products of two weights round to a few units of 2⁻²⁴.
  private let unityTolerance: Float = 1e-6

  @Test(
    "the weights of all tiles sum to one at every pixel",
    arguments: [(0, 700), (32, 513), (50, 256), (64, 257), (64, 1000), (128, 700)])
  func partition(overlap: Int, length: Int) {
    let plan = TilePlan(width: length, height: 1, overlap: overlap)
    var sums = [Float](repeating: 0, count: length)
    for column in 0..<plan.columnCount {
      let weights = BlendWindow.weights(
        tileSize: 256, overlap: overlap, hasPrevious: column > 0,
        hasNext: column < plan.columnCount - 1)
      for (index, weight) in weights.enumerated() where column * plan.stride + index < length {
        sums[column * plan.stride + index] += weight
      }
    }
    #expect(sums.allSatisfy { abs($0 - 1) <= unityTolerance })
  }

  @Test(
    "a quarter of the overlap is discarded at each inner tile edge, the middle half is a cosine")
  func window() {
    let weights = BlendWindow.weights(tileSize: 256, overlap: 64)
    #expect(weights[0..<16].allSatisfy { $0 == 0 })
    #expect(weights[48..<208].allSatisfy { $0 == 1 })
    #expect(weights[240..<256].allSatisfy { $0 == 0 })
    #expect(abs(weights[31] + weights[32] - 1) <= unityTolerance)
    #expect(zip(weights[16..<48], weights[17..<48]).allSatisfy { $0 < $1 })
    // ½ − ½ cos(π · 8.5 / 32)
    #expect(abs(weights[24] - 0.1642) < 1e-4)
  }

  @Test("the grid starts at zero and its last tiles reach beyond the raster")
  func grid() {
    let plan = TilePlan(width: 1000, height: 256)
    #expect(plan.columns == 0..<5)
    #expect(plan.rows == 0..<1)
    #expect(plan.tileRegion(column: 4, row: 0).x == 768)
    #expect(plan.tileCount == 5)
    #expect(TilePlan(width: 512, height: 300, overlap: 0).columnCount == 2)
    #expect(TilePlan(width: 513, height: 300, overlap: 0).columnCount == 3)
    #expect(TilePlan(width: 3, height: 2).tileCount == 1)
  }

  @Test("a region is snapped outward to multiples of 256 and clipped to the raster")
  func region() {
    let plan = TilePlan(
      width: 2000, height: 900, region: PixelRegion(x: 300, y: 700, width: 200, height: 150))
    #expect(plan.region == PixelRegion(x: 256, y: 512, width: 256, height: 388))
    let corner = TilePlan(
      width: 2000, height: 900, region: PixelRegion(x: -20, y: -20, width: 50, height: 50))
    #expect(
      TilePlan.snapped(PixelRegion(x: -20, y: 5, width: 50, height: 20))
        == PixelRegion(x: -256, y: 0, width: 512, height: 256))
    #expect(corner.region.width == 256)
  }

  @Test(
    "a region needs exactly the tiles whose weights reach into it", arguments: [0, 32, 64, 128])
  func neededTiles(overlap: Int) {
    for x in stride(from: 0, to: 1800, by: 256) {
      let plan = TilePlan(
        width: 1900, height: 300, overlap: overlap,
        region: PixelRegion(x: x, y: 0, width: 256, height: 10))
      let reaching = (0..<plan.columnCount).filter { column in
        let weights = BlendWindow.weights(
          tileSize: 256, overlap: overlap, hasPrevious: column > 0,
          hasNext: column < plan.columnCount - 1)
        return weights.enumerated().contains { index, weight in
          let position = column * plan.stride + index
          return weight > 0 && position >= plan.region.x && position < plan.region.maxX
        }
      }
      #expect(Array(plan.columns) == reaching, "x = \(x)")
    }
  }

  @Test("borders are mirrored, also of rasters smaller than what is read")
  func reflection() throws {
    var image = RGBImage(width: 3, height: 1)
    for x in 0..<3 { image[x, 0] = RGBColor(red: UInt8(x), green: 0, blue: 0) }
    let read = try ReflectedSource(image).read(PixelRegion(x: -4, y: -1, width: 12, height: 3))
    let reds = (0..<12).map { read[$0, 2].red }
    #expect(reds == [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1])
    #expect((0..<12).map { read[$0, 0].red } == reds)
  }
}
