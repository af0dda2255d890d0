import Dispatch
import Rasters
import Stitching
import Testing

@Suite("Joint walks over a raster")
struct JointStitcherTests {
  /// A network's stand-in: looks four pixels around, and is disturbed by the edges of its tile.
  private struct Blur: FieldWalk {
    var moveCount = 3

    func start(_ source: RGBImage) -> [Float] { source.pixels.map { Float($0) / 127.5 - 1 } }

    func estimate(_ tile: SourceTile, state: [Float], move: Int) -> [Float] {
      let size = tile.image.width
      return (0..<state.count).map { index in
        let (x, y, channel) = (index / 3 % size, index / 3 / size, index % 3)
        var sum = 0.3 * state[index]
        for (dx, dy) in [(4, 0), (-4, 0), (0, 3), (0, -3)] {
          let (column, row) = (x + dx, y + dy)
          guard (0..<size).contains(column), (0..<size).contains(row) else { continue }
          sum += 0.2 * state[(row * size + column) * 3 + channel]
        }
        return sum + 0.05 * Float(move)
      }
    }

    func advance(
      _ state: inout [Float], estimate: [Float], source: RGBImage, origin: (x: Int, y: Int),
      move: Int
    ) {
      let start = start(source)
      for index in state.indices {
        let pixel = index / 3
        let place = (origin.y + pixel / source.width) * 5 + origin.x + pixel % source.width
        state[index] =
          0.6 * estimate[index] + 0.3 * state[index] + 0.1 * start[index]
          + 0.01 * Float((place + move) % 7)
      }
    }

    func levels(_ state: [Float], origin: (x: Int, y: Int)) -> [Float] {
      state.map { ($0 + 1) * 127.5 }
    }
  }

  private static let backwards: ForEach = { count, body in
    for index in stride(from: count - 1, through: 0, by: -1) { body(index) }
  }

  private static let threads: ForEach = { count, body in
    withoutActuallyEscaping(body) { body in
      DispatchQueue.concurrentPerform(iterations: count) { body($0) }
    }
  }

  private func walked(
    _ image: RGBImage, plan: TilePlan, concurrency: Int = 1, forEach: @escaping ForEach = backwards,
    needsConversion: @escaping @Sendable (SourceTile) -> Bool = { _ in true },
    kept: @escaping @Sendable (SourceTile) -> [Float]? = { _ in nil }
  ) throws -> RGBImage {
    var result = RGBImage(width: plan.region.width, height: plan.region.height)
    let stitcher = JointStitcher(
      plan: plan, walk: Blur(), concurrency: concurrency, forEach: forEach)
    try stitcher.run(source: image, needsConversion: needsConversion, kept: kept) { band in
      if band.image.height > 0 { result.paste(band.image, x: 0, y: band.y - plan.region.y) }
    }
    return result
  }

  /// The same with whole fields: every move on every tile, the blend of all, then the pixels.
  private func expected(
    _ image: RGBImage, plan: TilePlan, isConverted: (Int, Int) -> Bool = { _, _ in true }
  ) -> [Float] {
    let walk = Blur()
    let (width, height, size) = (plan.width, plan.height, plan.tileSize)
    func reflected(_ index: Int, _ length: Int) -> Int {
      let rest = ((index % (2 * length)) + 2 * length) % (2 * length)
      return rest < length ? rest : 2 * length - 1 - rest
    }
    var state = walk.start(image)
    for move in 0..<walk.moveCount {
      var blended = [Float](repeating: 0, count: state.count)
      for row in 0..<plan.rowCount {
        for column in 0..<plan.columnCount {
          let region = plan.tileRegion(column: column, row: row)
          var source = RGBImage(width: size, height: size)
          var own = [Float](repeating: 0, count: size * size * 3)
          for place in 0..<(size * size * 3) {
            let (x, y) = (region.x + place / 3 % size, region.y + place / 3 / size)
            let from = (reflected(y, height) * width + reflected(x, width)) * 3 + place % 3
            source.pixels[place] = image.pixels[from]
            own[place] = state[from]
          }
          let estimate =
            isConverted(column, row)
            ? walk.estimate(
              SourceTile(image: source, x: region.x, y: region.y), state: own, move: move)
            : walk.start(source)
          let across = BlendWindow.weights(
            tileSize: size, overlap: plan.overlap, hasPrevious: column > 0,
            hasNext: column < plan.columnCount - 1)
          let down = BlendWindow.weights(
            tileSize: size, overlap: plan.overlap, hasPrevious: row > 0,
            hasNext: row < plan.rowCount - 1)
          for place in 0..<(size * size * 3) {
            let (x, y) = (place / 3 % size, place / 3 / size)
            guard region.x + x < width, region.y + y < height else { continue }
            blended[((region.y + y) * width + region.x + x) * 3 + place % 3] +=
              across[x] * down[y] * estimate[place]
          }
        }
      }
      walk.advance(&state, estimate: blended, source: image, origin: (0, 0), move: move)
    }
    return walk.levels(state, origin: (0, 0))
  }

  @Test(
    "row by row gives what whole fields give",
    arguments: [(700, 500, 64), (640, 461, 0), (300, 660, 128), (100, 40, 64)])
  func wholeFields(width: Int, height: Int, overlap: Int) throws {
    let image = texture(width: width, height: height, seed: 8)
    let plan = TilePlan(width: width, height: height, overlap: overlap)
    let found = try walked(image, plan: plan)
    let wanted = expected(image, plan: plan).map { UInt8(min(max($0 + 0.5, 0), 255.5)) }
    // Weights add up to 1 but for their rounding, which the share of converted tiles brings in.
    #expect(zip(found.pixels, wanted).allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    #expect(zip(found.pixels, wanted).count { $0 != $1 } < found.pixels.count / 1000)
    #expect(found != image)
  }

  @Test("threads and the order of workers change nothing")
  func independence() throws {
    let image = texture(width: 640, height: 500, seed: 1)
    let plan = TilePlan(width: 640, height: 500)
    let one = try walked(image, plan: plan)
    for concurrency in [2, 3] {
      #expect(
        try walked(image, plan: plan, concurrency: concurrency, forEach: Self.threads) == one)
    }
  }

  @Test("a region's pixels equal those of the whole run", arguments: [0, 64])
  func region(overlap: Int) throws {
    let image = texture(width: 1100, height: 900, seed: 2)
    let whole = try walked(image, plan: TilePlan(width: 1100, height: 900, overlap: overlap))
    for region in [
      PixelRegion(x: 0, y: 0, width: 256, height: 256),
      PixelRegion(x: 768, y: 512, width: 256, height: 256),
      PixelRegion(x: 1024, y: 768, width: 76, height: 132),
    ] {
      let plan = TilePlan(width: 1100, height: 900, overlap: overlap, region: region)
      #expect(try walked(image, plan: plan) == whole.cropped(to: plan.region))
      let stitcher = JointStitcher(plan: plan, walk: Blur())
      // Without overlap a tile walks by itself, but for the mirrored part of a last one.
      #expect(stitcher.estimatesPerTile >= 3 && (overlap == 0 || stitcher.estimatesPerTile > 3))
      #expect(stitcher.memory > 0)
    }
    #expect(
      JointStitcher(plan: TilePlan(width: 1100, height: 900), walk: Blur()).estimatesPerTile == 3)
  }

  @Test("a run resumed at any tile row hands out the rows that were missing")
  func resume() throws {
    let image = texture(width: 300, height: 1300, seed: 5)
    let plan = TilePlan(width: 300, height: 1300)
    let whole = try walked(image, plan: plan)
    for row in 1..<plan.rowCount {
      var missing = RGBImage(width: 300, height: 1300)
      var firstY: Int?
      try JointStitcher(plan: plan, walk: Blur()).run(
        source: image, from: row, needsConversion: { _ in true }
      ) { band in
        guard !band.isRepeated else { return }
        firstY = firstY ?? band.y
        missing.paste(band.image, x: 0, y: band.y)
      }
      let start = row * plan.stride + plan.discarded
      #expect(firstY == start)
      let region = PixelRegion(x: 0, y: start, width: 300, height: 1300 - start)
      #expect(missing.cropped(to: region) == whole.cropped(to: region), "row \(row)")
    }
  }

  @Test("tiles left alone keep their pixels, and cross over to converted ones")
  func background() throws {
    let image = texture(width: 900, height: 256, seed: 6)
    let plan = TilePlan(width: 900, height: 256)
    let result = try walked(image, plan: plan, needsConversion: { $0.x == 384 })
    for region in [
      PixelRegion(x: 0, y: 0, width: 400, height: 256),
      PixelRegion(x: 624, y: 0, width: 276, height: 256),
    ] {
      #expect(result.cropped(to: region) == image.cropped(to: region))
    }
    let inside = PixelRegion(x: 432, y: 0, width: 160, height: 256)
    let levels = expected(image, plan: plan) { column, _ in column == 2 }
    let wanted = RGBImage(
      width: 900, height: 256, pixels: levels.map { UInt8(min(max($0 + 0.5, 0), 255.5)) }
    ).cropped(to: inside)
    #expect(
      zip(result.cropped(to: inside).pixels, wanted.pixels)
        .allSatisfy { abs(Int($0) - Int($1)) <= 1 })
    #expect(wanted != image.cropped(to: inside))
  }

  @Test("converted tiles keep what was not scanned, and a region keeps the same")
  func keptSource() throws {
    let image = texture(width: 700, height: 500, seed: 8)
    // The same places of the raster in every tile that shows them.
    let kept: @Sendable (SourceTile) -> [Float]? = { tile in
      (0..<256 * 256).map { pixel in
        let (x, y) = (tile.x + pixel % 256, tile.y + pixel / 256)
        return x >= 250 && x < 420 && y >= 100 && y < 330 ? 1 : 0
      }
    }
    let plan = TilePlan(width: 700, height: 500)
    let result = try walked(image, plan: plan, kept: kept)
    let without = try walked(image, plan: plan)
    let hole = PixelRegion(x: 250, y: 100, width: 170, height: 230)
    #expect(result.cropped(to: hole) == image.cropped(to: hole))
    #expect(without.cropped(to: hole) != image.cropped(to: hole))
    var outside = result
    outside.paste(without.cropped(to: hole), x: hole.x, y: hole.y)
    #expect(outside == without)
    let region = PixelRegion(x: 200, y: 256, width: 300, height: 244)
    let part = TilePlan(width: 700, height: 500, region: region)
    #expect(try walked(image, plan: part, kept: kept) == result.cropped(to: part.region))
  }

  @Test("an error of the walk reaches the caller")
  func errors() {
    struct Broken: Error {}
    let image = texture(width: 500, height: 300, seed: 7)
    let plan = TilePlan(width: 500, height: 300)
    #expect(throws: Broken.self) {
      try JointStitcher(plan: plan, walk: Blur()).run(
        source: image, needsConversion: { _ in true }, emit: { _ in throw Broken() })
    }
  }
}
