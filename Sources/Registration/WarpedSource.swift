public import Rasters

/// A moving section as it looks in the fixed frame, at any pixel size, read region by region.
///
/// Each output pixel is read from the moving raster at its mapped place by cubic convolution, in one
/// interpolation; what lies outside is white. The map is evaluated on a lattice of at most 16 pixels and
/// interpolated in between. A pixel depends on its own place alone. Memory is bounded by the region and a
/// block of 512 pixels.
///
/// Reference: Keys 1981, IEEE TASSP 29(6).
public struct WarpedSource: PixelSource {
  /// Columns of the output.
  public let width: Int
  /// Rows of the output.
  public let height: Int
  private let moving: any PixelSource
  private let movingPixelSize: PixelSize
  private let transform: SectionTransform
  private let pixelSize: PixelSize
  private let latticeStep: Int

  /// Makes a warped view of a moving raster.
  ///
  /// - Parameters:
  ///   - moving: The moving slide or a conversion of it, from its first pixel. Hand in a raster about as fine
  ///     as the output: cubic convolution does not average.
  ///   - movingPixelSize: Microns a pixel of `moving`.
  ///   - transform: Maps fixed to moving points.
  ///   - pixelSize: Microns a pixel of the output.
  ///   - width: Columns of the output; all of the fixed section unless given.
  ///   - height: Rows of the output; all of the fixed section unless given.
  public init(
    _ moving: any PixelSource, movingPixelSize: PixelSize, transform: SectionTransform,
    pixelSize: PixelSize, width: Int? = nil, height: Int? = nil
  ) {
    self.moving = moving
    self.movingPixelSize = movingPixelSize
    self.transform = transform
    self.pixelSize = pixelSize
    let extent = transform.fixed.extent
    self.width = width ?? Self.pixelCount(extent.x, pixelSize.x)
    self.height = height ?? Self.pixelCount(extent.y, pixelSize.y)
    // Between lattice points the map is off by at most step² / 8 · |u″|; with a spacing of at most a 32nd
    // of the knots' that is below 0.01 µm for every displacement that does not fold.
    let spacing = transform.displacement?.spacing ?? .infinity
    var step = 16
    while step > 1 && Double(step) * max(pixelSize.x, pixelSize.y) * 32 > spacing { step /= 2 }
    latticeStep = transform.displacement == nil ? 16 : step
  }

  /// Reads a region of the fixed frame.
  ///
  /// - Parameter region: In pixels of the output; may reach outside.
  /// - Returns: The region, rounded half up once.
  /// - Throws: What the moving source throws.
  public func read(_ region: PixelRegion) throws -> RGBImage {
    if region.width <= Self.blockSize && region.height <= Self.blockSize {
      return try readBlock(region)
    }
    // A turned section's bounding box grows with the region, so that large regions are read in blocks.
    var result = RGBImage(width: region.width, height: region.height)
    var y = 0
    while y < region.height {
      let blockHeight = min(Self.blockSize, region.height - y)
      var x = 0
      while x < region.width {
        let block = PixelRegion(
          x: region.x + x, y: region.y + y, width: min(Self.blockSize, region.width - x),
          height: blockHeight)
        result.paste(try readBlock(block), x: x, y: y)
        x += block.width
      }
      y += blockHeight
    }
    return result
  }

  /// Columns or rows that cover a length: whole pixels, the last one kept when at least half is there.
  private static func pixelCount(_ length: Double, _ pixel: Double) -> Int {
    max(1, Int((length / pixel).rounded()))
  }

  private static let blockSize = 512

  private func readBlock(_ region: PixelRegion) throws -> RGBImage {
    let lattice = Lattice(region: region, step: latticeStep, map: movingPixel)
    guard let needed = lattice.bounds(width: moving.width, height: moving.height) else {
      return RGBImage(width: region.width, height: region.height)
    }
    let source = try moving.read(needed)
    var pixels = [UInt8](repeating: 255, count: region.width * region.height * 3)
    source.pixels.withUnsafeBufferPointer { from in
      pixels.withUnsafeMutableBufferPointer { to in
        for y in 0..<region.height {
          for x in 0..<region.width {
            let place = lattice.value(x: region.x + x, y: region.y + y)
            let inSlide =
              place.x > -1 && place.y > -1 && place.x < Double(moving.width) + 1
              && place.y < Double(moving.height) + 1
            guard inSlide else { continue }
            Self.sample(
              from, width: needed.width, height: needed.height, x: place.x - Double(needed.x),
              y: place.y - Double(needed.y), into: to, at: (y * region.width + x) * 3)
          }
        }
      }
    }
    return RGBImage(width: region.width, height: region.height, pixels: pixels)
  }

  /// Where the centre of an output pixel, or a corner between pixels, lies in pixels of the moving raster.
  private func movingPixel(x: Double, y: Double) -> (x: Double, y: Double) {
    let point = transform.movingPoint(for: MicronPoint(x: x * pixelSize.x, y: y * pixelSize.y))
    return (point.x / movingPixelSize.x, point.y / movingPixelSize.y)
  }

  private static func sample(
    _ source: UnsafeBufferPointer<UInt8>, width: Int, height: Int, x: Double, y: Double,
    into target: UnsafeMutableBufferPointer<UInt8>, at index: Int
  ) {
    let left = (x - 0.5).rounded(.down)
    let top = (y - 0.5).rounded(.down)
    let across = CubicConvolution.tuple(Float(x - 0.5 - left))
    let down = CubicConvolution.tuple(Float(y - 0.5 - top))
    let horizontal = SIMD4(across.0, across.1, across.2, across.3)
    let vertical = SIMD4(down.0, down.1, down.2, down.3)
    let firstColumn = Int(left) - 1
    let firstRow = Int(top) - 1
    var sum = SIMD3<Float>(repeating: 0)
    for row in 0..<4 {
      let pixelY = firstRow + row
      var line = SIMD3<Float>(repeating: 0)
      for column in 0..<4 {
        let pixelX = firstColumn + column
        var color = SIMD3<Float>(repeating: 255)
        if pixelX >= 0 && pixelY >= 0 && pixelX < width && pixelY < height {
          let start = (pixelY * width + pixelX) * 3
          color = SIMD3(Float(source[start]), Float(source[start + 1]), Float(source[start + 2]))
        }
        line += horizontal[column] * color
      }
      sum += vertical[row] * line
    }
    sum = (sum + 0.5).rounded(.down).clamped(
      lowerBound: SIMD3(repeating: 0), upperBound: SIMD3(repeating: 255))
    for channel in 0..<3 { target[index + channel] = UInt8(sum[channel]) }
  }
}

/// The map at the nodes of a lattice whose lines are absolute multiples of a step.
private struct Lattice {
  let originX: Int
  let originY: Int
  let step: Int
  let columns: Int
  let places: [SIMD2<Double>]

  init(
    region: PixelRegion, step: Int, map: (_ x: Double, _ y: Double) -> (x: Double, y: Double)
  ) {
    self.step = step
    originX = Self.floor(region.x, step)
    originY = Self.floor(region.y, step)
    columns = (region.maxX - originX) / step + 2
    let rows = (region.maxY - originY) / step + 2
    var places: [SIMD2<Double>] = []
    places.reserveCapacity(columns * rows)
    for row in 0..<rows {
      for column in 0..<columns {
        let place = map(Double(originX + column * step), Double(originY + row * step))
        places.append(SIMD2(place.x, place.y))
      }
    }
    self.places = places
  }

  /// The place of the centre of an output pixel.
  @inline(__always)
  func value(x: Int, y: Int) -> SIMD2<Double> {
    let column = (x - originX) / step
    let row = (y - originY) / step
    let across = (Double(x - originX - column * step) + 0.5) / Double(step)
    let down = (Double(y - originY - row * step) + 0.5) / Double(step)
    let start = row * columns + column
    let upper = places[start] + across * (places[start + 1] - places[start])
    let next = start + columns
    let lower = places[next] + across * (places[next + 1] - places[next])
    return upper + down * (lower - upper)
  }

  /// The part of a raster that the nodes span, with the interpolation's margin; nothing where they miss it.
  func bounds(width: Int, height: Int) -> PixelRegion? {
    var low = SIMD2<Double>(repeating: .infinity)
    var high = SIMD2<Double>(repeating: -.infinity)
    for place in places {
      low = pointwiseMin(low, place)
      high = pointwiseMax(high, place)
    }
    let left = max(0, low.x - 3)
    let top = max(0, low.y - 3)
    let right = min(Double(width), high.x + 4)
    let bottom = min(Double(height), high.y + 4)
    guard right > left, bottom > top else { return nil }
    let x = Int(left)
    let y = Int(top)
    return PixelRegion(
      x: x, y: y, width: Int(right.rounded(.up)) - x, height: Int(bottom.rounded(.up)) - y)
  }

  private static func floor(_ value: Int, _ step: Int) -> Int {
    Int((Double(value) / Double(step)).rounded(.down)) * step
  }
}
