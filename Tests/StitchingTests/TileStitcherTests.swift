import Dispatch
import Rasters
import Stitching
import Testing

@Suite("Stitching")
struct TileStitcherTests {
  private struct Planted: Error, Equatable { let x: Int }

  @Test(
    "an identity gives back identical pixels",
    arguments: [(700, 500, 64), (256, 256, 64), (100, 40, 64), (641, 777, 0), (700, 500, 128)])
  func identity(width: Int, height: Int, overlap: Int) throws {
    let image = noise(width: width, height: height, seed: 3)
    let plan = TilePlan(width: width, height: height, overlap: overlap)
    let result = try stitched(image, plan: plan) { $0.map { $0.image.pixels.map(Float.init) } }
    #expect(result == image)
    // The way through [−1, 1] that a network takes.
    let scaled = try stitched(image, plan: plan) { tiles in
      tiles.map { $0.image.pixels.map { (Float($0) / 127.5 - 1 + 1) * 127.5 } }
    }
    #expect(scaled == image)
  }

  @Test("results do not depend on threads, batch size or the order in which workers finish")
  func independence() throws {
    let image = texture(width: 900, height: 600, seed: 1)
    let plan = TilePlan(width: 900, height: 600)
    let expected = try stitched(image, plan: plan, convert: distort)
    let backwards: ForEach = { count, body in
      for index in stride(from: count - 1, through: 0, by: -1) { body(index) }
    }
    let threads: ForEach = { count, body in
      withoutActuallyEscaping(body) { body in
        DispatchQueue.concurrentPerform(iterations: count) { body($0) }
      }
    }
    for batchSize in [1, 2, 3, 50] {
      for (concurrency, forEach) in [(1, backwards), (2, threads), (5, backwards)] {
        let result = try stitched(
          image, plan: plan, batchSize: batchSize, concurrency: concurrency, forEach: forEach,
          convert: distort)
        #expect(result == expected, "batch \(batchSize), \(concurrency) at once")
      }
    }
  }

  @Test("a region's pixels equal those of the whole run", arguments: [0, 64, 100])
  func region(overlap: Int) throws {
    let image = texture(width: 1100, height: 850, seed: 2)
    let whole = try stitched(
      image, plan: TilePlan(width: 1100, height: 850, overlap: overlap), convert: distort)
    for region in [
      PixelRegion(x: 0, y: 0, width: 256, height: 256),
      PixelRegion(x: 512, y: 256, width: 256, height: 256),
      PixelRegion(x: 300, y: 600, width: 800, height: 250),
    ] {
      let plan = TilePlan(width: 1100, height: 850, overlap: overlap, region: region)
      let part = try stitched(image, plan: plan, convert: distort)
      #expect(part == whole.cropped(to: plan.region))
    }
  }

  @Test("without overlap every tile is exactly what the converter gives, rounded half up")
  func plainGrid() throws {
    let image = texture(width: 512, height: 256, seed: 4)
    let plan = TilePlan(width: 512, height: 256, overlap: 0)
    let result = try stitched(image, plan: plan, convert: distort)
    let tile = SourceTile(
      image: image.cropped(to: PixelRegion(x: 256, y: 0, width: 256, height: 256)), x: 256, y: 0)
    let alone = distort([tile])[0].map { UInt8(min(max(($0 + 0.5).rounded(.down), 0), 255)) }
    #expect(result.cropped(to: PixelRegion(x: 256, y: 0, width: 256, height: 256)).pixels == alone)
  }

  @Test("halves are rounded up and values out of range are clamped")
  func rounding() throws {
    let plan = TilePlan(width: 5, height: 1, overlap: 0)
    let levels: [Float] = [-3, 0.5, 1.4999, 254.5, 300]
    let result = try stitched(RGBImage(width: 5, height: 1), plan: plan) { tiles in
      tiles.map { _ in (0..<(256 * 256 * 3)).map { levels[($0 / 3) % 256 % 5] } }
    }
    #expect((0..<5).map { result[$0, 0].red } == [0, 1, 1, 255, 255])
  }

  @Test("tiles left alone keep their pixels, and cross over to converted ones without an edge")
  func background() throws {
    let image = RGBImage(width: 900, height: 256, filledWith: .white)
    let plan = TilePlan(width: 900, height: 256)
    let result = try stitched(
      image, plan: plan, needsConversion: { $0.x == 384 },
      convert: { $0.map { _ in [Float](repeating: 155, count: 256 * 256 * 3) } })
    let levels = (0..<900).map { Int(result[$0, 100].red) }
    #expect(levels[0..<400].allSatisfy { $0 == 255 })
    #expect(levels[432..<592].allSatisfy { $0 == 155 })
    #expect(levels[624..<900].allSatisfy { $0 == 255 })
    // 100 levels over 32 pixels of cosine: π/2 · 100/32 = 4.9 at the steepest.
    #expect(zip(levels, levels.dropFirst()).allSatisfy { abs($0 - $1) <= 5 })
  }

  @Test("a run resumed at any tile row hands out the rows that were missing")
  func resume() throws {
    let image = texture(width: 400, height: 1300, seed: 5)
    let plan = TilePlan(width: 400, height: 1300)
    let whole = try stitched(image, plan: plan, convert: distort)
    for row in 1..<plan.rowCount {
      var missing = RGBImage(width: 400, height: 1300)
      var firstY: Int?
      try TileStitcher(plan: plan).run(
        source: image, from: row, needsConversion: { _ in true }, convert: distort
      ) { band in
        guard !band.isRepeated else { return }
        firstY = firstY ?? band.y
        missing.paste(band.image, x: 0, y: band.y)
      }
      let start = row * plan.stride + plan.discarded
      #expect(firstY == start)
      let region = PixelRegion(x: 0, y: start, width: 400, height: 1300 - start)
      #expect(missing.cropped(to: region) == whole.cropped(to: region), "row \(row)")
    }
  }

  @Test("the first error in the order of the tiles is thrown")
  func errors() {
    let plan = TilePlan(width: 1000, height: 256)
    #expect(throws: Planted(x: 192)) {
      _ = try stitched(
        RGBImage(width: 1000, height: 256), plan: plan, concurrency: 5,
        convert: { tiles in
          if tiles[0].x > 0 { throw Planted(x: tiles[0].x) }
          return distort(tiles)
        })
    }
  }
}
