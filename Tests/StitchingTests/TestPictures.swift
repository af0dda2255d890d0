import Rasters
import Stitching
import TestSupport

/// A smooth random texture, darker than the tissue limit: sums of a coarse and a fine noise.
func texture(width: Int, height: Int, seed: UInt64) -> RGBImage {
  var generator = SeededGenerator(seed: seed)
  let cell = 7
  let columns = width / cell + 2
  let rows = height / cell + 2
  let knots = (0..<(columns * rows * 3)).map { _ in Float(generator.next() % 120) + 50 }
  var image = RGBImage(width: width, height: height)
  for y in 0..<height {
    for x in 0..<width {
      let (fx, fy) = (Float(x % cell) / Float(cell), Float(y % cell) / Float(cell))
      let start = (y / cell) * columns + x / cell
      for channel in 0..<3 {
        func knot(_ offset: Int) -> Float { knots[(start + offset) * 3 + channel] }
        let top = knot(0) * (1 - fx) + knot(1) * fx
        let bottom = knot(columns) * (1 - fx) + knot(columns + 1) * fx
        let noise = Float(generator.next() % 8)
        image.pixels[(y * width + x) * 3 + channel] = UInt8(top * (1 - fy) + bottom * fy + noise)
      }
    }
  }
  return image
}

/// Random pixels, every level alike.
func noise(width: Int, height: Int, seed: UInt64) -> RGBImage {
  var generator = SeededGenerator(seed: seed)
  return RGBImage(
    width: width, height: height,
    pixels: (0..<(width * height * 3)).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
}

/// Hands a raster's rows out through a stitcher and puts them together again.
func stitched(
  _ source: any PixelSource, plan: TilePlan, batchSize: Int = 1, concurrency: Int = 1,
  from row: Int? = nil, forEach: ForEach? = nil,
  needsConversion: @escaping @Sendable (SourceTile) -> Bool = { _ in true },
  convert: @escaping @Sendable ([SourceTile]) throws -> [[Float]]
) throws -> RGBImage {
  let serial: ForEach = { count, body in for index in 0..<count { body(index) } }
  let stitcher = TileStitcher(
    plan: plan, batchSize: batchSize, concurrency: concurrency, forEach: forEach ?? serial)
  var result = RGBImage(width: plan.region.width, height: plan.region.height)
  try stitcher.run(
    source: source, from: row, needsConversion: needsConversion, convert: convert
  ) { band in
    result.paste(band.image, x: 0, y: band.y - plan.region.y)
  }
  return result
}

/// A stand-in for a network: what becomes of a pixel depends on the whole tile and on the place in it.
@Sendable func distort(_ tiles: [SourceTile]) -> [[Float]] {
  tiles.map { tile in
    let mean = Float(tile.image.pixels.reduce(0) { $0 + Int($1) }) / Float(tile.image.pixels.count)
    return tile.image.pixels.enumerated().map { index, value in
      Float(value) * 0.7 + mean * 0.2 + Float(index % 768) * 0.03
    }
  }
}
