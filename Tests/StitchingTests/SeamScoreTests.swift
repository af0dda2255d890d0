import Rasters
import Stitching
import Testing

@Suite("Seam score")
struct SeamScoreTests {
  /// Spread of the score on textures without seams: 6 tile borders of 900 pixels each, five seeds.
  private let quietTolerance = 0.02

  private func planted(
    on image: RGBImage, plan: TilePlan,
    _ change: (_ value: Float, _ column: Int, _ row: Int, _ x: Int, _ y: Int) -> Float
  ) -> RGBImage {
    var result = image
    for y in 0..<image.height {
      for x in 0..<image.width {
        let (column, row) = (x / plan.stride, y / plan.stride)
        for channel in 0..<3 {
          let index = (y * image.width + x) * 3 + channel
          let value = change(
            Float(image.pixels[index]), column, row, x % plan.stride, y % plan.stride)
          result.pixels[index] = UInt8(min(max(value + 0.5, 0), 255))
        }
      }
    }
    return result
  }

  @Test("a picture without seams scores one", arguments: [UInt64(11), 12, 13])
  func quiet(seed: UInt64) throws {
    let image = texture(width: 900, height: 800, seed: seed)
    for overlap in [0, 64] {
      let score = try SeamScore.measured(
        on: image, plan: TilePlan(width: 900, height: 800, overlap: overlap))
      #expect(abs(try #require(score.score) - 1) < quietTolerance)
      #expect(abs(try #require(score.zValue)) < 4)
      #expect(abs(try #require(score.lowFrequencyScore) - 1) < 0.15)
    }
  }

  @Test("what is special at the slide's own borders is no seam")
  func borders() throws {
    // Before the first tile border, and behind the last tile, nothing changes from pixel to pixel.
    var image = texture(width: 1000, height: 1000, seed: 14)
    let plan = TilePlan(width: 1000, height: 1000)
    let last = plan.columnCount * plan.stride
    #expect(last < 1000)
    for y in 0..<1000 {
      for x in 0..<1000 where min(x, y) < 180 || max(x, y) > last {
        image.pixels.replaceSubrange(
          (y * 1000 + x) * 3..<(y * 1000 + x) * 3 + 3, with: [90, 90, 90])
      }
    }
    let score = try #require(SeamScore.measured(on: image, plan: plan).score)
    #expect(abs(score - 1) < quietTolerance, "\(score)")
  }

  @Test("planted offsets, gains, shifts and halos raise the score")
  func plants() throws {
    let image = texture(width: 1024, height: 1024, seed: 20)
    let plan = TilePlan(width: 1024, height: 1024, overlap: 0)
    let plain = try #require(SeamScore.measured(on: image, plan: plan).score)
    let offset = planted(on: image, plan: plan) { value, column, row, _, _ in
      value + ((column + row).isMultiple(of: 2) ? 3 : -3)
    }
    let gain = planted(on: image, plan: plan) { value, column, _, _, _ in
      value * (column.isMultiple(of: 2) ? 1.04 : 0.96)
    }
    let halo = planted(on: image, plan: plan) { value, _, _, x, y in
      value - 8 * max(0, 1 - Float(min(x, y)) / 6)
    }
    var shift = image
    for column in 0..<4 {
      let tile = PixelRegion(
        x: column * 256 + (column.isMultiple(of: 2) ? 2 : 0), y: 0, width: 256, height: 1024)
      shift.paste(image.cropped(to: tile), x: column * 256, y: 0)
    }
    for (name, picture) in [("offset", offset), ("gain", gain), ("halo", halo), ("shift", shift)] {
      let score = try SeamScore.measured(on: picture, plan: plan)
      #expect(try #require(score.score) > plain + 0.1, "\(name)")
      #expect(try #require(score.zValue) > 5, "\(name)")
    }
    let quietLow = try #require(SeamScore.measured(on: image, plan: plan).lowFrequencyScore)
    let low = try #require(SeamScore.measured(on: offset, plan: plan).lowFrequencyScore)
    #expect(low > quietLow + 0.02)
  }

  @Test("a low step that noise hides shows in the signed step and at low frequency")
  func ramp() throws {
    let image = noise(width: 1024, height: 512, seed: 6)
    let dimmed = RGBImage(width: 1024, height: 512, pixels: image.pixels.map { $0 / 8 + 100 })
    let plan = TilePlan(width: 1024, height: 512, overlap: 64)
    // Each tile 4 levels above the one before, crossing over in the 32 pixels of the blend.
    let climbing = planted(on: dimmed, plan: plan) { value, column, _, x, _ in
      value + Float(column * 4) - 4 * max(0, min(1, Float(48 - x) / 32)) * (column > 0 ? 1 : 0)
    }
    let score = try SeamScore.measured(on: climbing, plan: plan)
    let columns = try #require(score.columns)
    // 4 levels a tile; the mean over 5 borders of 512 pixels of noise with deviation 9.2 · √2.
    #expect(abs(columns.signedStep - 4) < 1)
    #expect(try #require(columns.lowFrequencyScore) > 1.1)
    #expect(abs(try #require(score.rows).score - 1) < 0.05)
  }

  @Test("background does not count, and without tissue at a seam there is no score")
  func background() throws {
    var image = texture(width: 600, height: 600, seed: 8)
    let plan = TilePlan(width: 600, height: 600)
    image.paste(RGBImage(width: 300, height: 600, filledWith: .white), x: 0, y: 0)
    let bright = planted(on: image, plan: plan) { value, column, _, _, _ in
      value > 230 ? value - Float(column) * 8 : value
    }
    let score = try #require(SeamScore.measured(on: bright, plan: plan).score)
    #expect(abs(score - 1) < 3 * quietTolerance)
    let white = RGBImage(width: 600, height: 600, filledWith: .white)
    #expect(try SeamScore.measured(on: white, plan: plan).score == nil)
    let small = texture(width: 200, height: 200, seed: 9)
    #expect(try SeamScore.measured(on: small, plan: TilePlan(width: 200, height: 200)).score == nil)
  }

  @Test("flat tiles of different levels have a seam, one flat picture has none")
  func flat() throws {
    let plan = TilePlan(width: 512, height: 512, overlap: 0)
    let flat = RGBImage(
      width: 512, height: 512, filledWith: RGBColor(red: 100, green: 100, blue: 100))
    #expect(try SeamScore.measured(on: flat, plan: plan).score == 1)
    let stepped = planted(on: flat, plan: plan) { value, column, _, _, _ in value + Float(column) }
    #expect(try #require(SeamScore.measured(on: stepped, plan: plan).score) > 100)
  }

  @Test("a measurement taken up again ends with the same figures")
  func resume() throws {
    let image = texture(width: 500, height: 900, seed: 10)
    let plan = TilePlan(width: 500, height: 900)
    func rows(_ first: Int, _ last: Int) -> RGBImage {
      image.cropped(to: PixelRegion(x: 0, y: first, width: 500, height: last - first))
    }
    let expected = try SeamScore.measured(on: image, plan: plan)
    for split in [208, 400, 592, 784] {
      var first = SeamMeter(plan: plan)
      first.add(rows(0, split), y: 0)
      var second = SeamMeter(plan: plan, state: first.snapshot)
      second.add(rows(split - 64, split), y: split - 64, isRepeated: true)
      second.add(rows(split, 900), y: split)
      #expect(second.score == expected)
    }
  }
}
