// The two-dimensional transform of a tile of input before a Winograd convolution: Bᵀ d B.
//
// Interpolation points, in the order of the rows: ±1, ∞ for tiles of 3; ±⅜, ±1⅜, ∞ for tiles of 5;
// 0, ±⅝, ±1½, ∞ for tiles of 6. Pairs of opposite points share their even and odd parts. The points were
// chosen by the rounding error of 32-bit sums over random data among all pairs of eighths: the error is a
// third of that of the customary 0, ±1, ±2, ∞.

/// The smaller and the larger point of tiles of 5.
@inline(__always) var inner5: Float { 0.375 }
@inline(__always) var outer5: Float { 1.375 }
/// The smaller and the larger point of tiles of 6.
@inline(__always) var inner6: Float { 0.625 }
@inline(__always) var outer6: Float { 1.5 }

/// The finite interpolation points of a tile size, in the order of the transforms' rows; infinity follows.
///
/// - Parameters:
///   - size: Rows and columns of a tile of input: 3, 5 or 6.
///   - index: From 0 to `size − 2`.
/// - Returns: The point.
@inline(never)
public func interpolationPoint(size: Int, index: Int) -> Float {
  switch size {
  case 3: index == 0 ? 1 : -1
  case 5: (index < 2 ? inner5 : outer5) * (index % 2 == 0 ? 1 : -1)
  default: index == 0 ? 0 : (index < 3 ? inner6 : outer6) * (index % 2 == 1 ? 1 : -1)
  }
}

/// A vector of one number.
@inline(__always)
func all(_ number: Float) -> Vector { Vector(repeating: number) }

/// One vector written to memory of any alignment.
@inline(__always)
func write(_ value: Vector, _ target: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(target).storeBytes(of: value, as: Vector.self)
}

/// Transforms one tile of input, all its channels.
///
/// Column by column of the tile with all channels, then row by row: so few streams are read at a time that
/// the processor fetches them ahead.
///
/// - Parameters:
///   - size: Rows and columns of the tile: 3, 5 or 6.
///   - sources: `[size²]`: where each pixel's first channel lies.
///   - channelCount: Channels, a multiple of 16.
///   - scratch: Room for `size² · (channelCount + 16)` floats.
///   - target: Where the first channel of position 0 goes; the channels of a position lie side by side.
///   - stride: Elements from one position to the next.
@inline(never)
public func transformInput(
  size: Int, sources: UnsafePointer<UnsafePointer<Float>>, channelCount: Int,
  scratch: UnsafeMutablePointer<Float>, target: UnsafeMutablePointer<Float>, stride: Int
) {
  switch size {
  case 3: transformInput3(sources, channelCount, scratch, target, stride)
  case 5: transformInput5(sources, channelCount, scratch, target, stride)
  default: transformInput6(sources, channelCount, scratch, target, stride)
  }
}

/// Bᵀ for 3 points.
@inline(__always)
private func spread(_ d0: Vector, _ d1: Vector, _ d2: Vector) -> (Vector, Vector, Vector) {
  (d1 + d0, d1 - d0, d2 - d0)
}

/// Bᵀ for 5 points.
@inline(__always)
private func spread(
  _ d0: Vector, _ d1: Vector, _ d2: Vector, _ d3: Vector, _ d4: Vector
) -> (Vector, Vector, Vector, Vector, Vector) {
  let (a, b) = (inner5, outer5)
  let nearOdd = multiplyAdd(d3, all(-b * b), d1)
  let nearEven = all(a) * multiplyAdd(d2, all(-b * b), d0)
  let farOdd = multiplyAdd(d3, all(-a * a), d1)
  let farEven = all(b) * multiplyAdd(d2, all(-a * a), d0)
  let last = multiplyAdd(multiplyAdd(d4, all(-a * a - b * b), d2), all(a * a * b * b), d0)
  return (nearOdd + nearEven, nearOdd - nearEven, farOdd + farEven, farOdd - farEven, last)
}

/// Bᵀ for 6 points.
@inline(__always)
private func spread(
  _ d0: Vector, _ d1: Vector, _ d2: Vector, _ d3: Vector, _ d4: Vector, _ d5: Vector
) -> (Vector, Vector, Vector, Vector, Vector, Vector) {
  let (a, b) = (inner6, outer6)
  let first = multiplyAdd(multiplyAdd(d4, all(-a * a - b * b), d2), all(a * a * b * b), d0)
  let nearEven = multiplyAdd(d4, all(-b * b), d2)
  let nearOdd = all(a) * multiplyAdd(d3, all(-b * b), d1)
  let farEven = multiplyAdd(d4, all(-a * a), d2)
  let farOdd = all(b) * multiplyAdd(d3, all(-a * a), d1)
  let last = multiplyAdd(multiplyAdd(d5, all(-a * a - b * b), d3), all(a * a * b * b), d1)
  return (
    first, nearEven + nearOdd, nearEven - nearOdd, farEven + farOdd, farEven - farOdd, last
  )
}

@inline(never)
private func transformInput3(
  _ sources: UnsafePointer<UnsafePointer<Float>>, _ channelCount: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 3 {
    let row = sources + column
    var channel = 0
    while channel < channelCount {
      let result = spread(
        load(row[0] + channel),
        load(row[3] + channel),
        load(row[6] + channel))
      let place = scratch + column * rowLength + channel
      write(result.0, place)
      write(result.1, place + 3 * rowLength)
      write(result.2, place + 6 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 3 {
    var channel = 0
    while channel < channelCount {
      let place = scratch + 3 * row * rowLength + channel
      let result = spread(
        load(place),
        load(place + 1 * rowLength),
        load(place + 2 * rowLength))
      let position = target + 3 * row * stride + channel
      write(result.0, position)
      write(result.1, position + 1 * stride)
      write(result.2, position + 2 * stride)
      channel += width
    }
    row += 1
  }
}

@inline(never)
private func transformInput5(
  _ sources: UnsafePointer<UnsafePointer<Float>>, _ channelCount: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 5 {
    let row = sources + column
    var channel = 0
    while channel < channelCount {
      let result = spread(
        load(row[0] + channel),
        load(row[5] + channel),
        load(row[10] + channel),
        load(row[15] + channel),
        load(row[20] + channel))
      let place = scratch + column * rowLength + channel
      write(result.0, place)
      write(result.1, place + 5 * rowLength)
      write(result.2, place + 10 * rowLength)
      write(result.3, place + 15 * rowLength)
      write(result.4, place + 20 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 5 {
    var channel = 0
    while channel < channelCount {
      let place = scratch + 5 * row * rowLength + channel
      let result = spread(
        load(place),
        load(place + 1 * rowLength),
        load(place + 2 * rowLength),
        load(place + 3 * rowLength),
        load(place + 4 * rowLength))
      let position = target + 5 * row * stride + channel
      write(result.0, position)
      write(result.1, position + 1 * stride)
      write(result.2, position + 2 * stride)
      write(result.3, position + 3 * stride)
      write(result.4, position + 4 * stride)
      channel += width
    }
    row += 1
  }
}

@inline(never)
private func transformInput6(
  _ sources: UnsafePointer<UnsafePointer<Float>>, _ channelCount: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 6 {
    let row = sources + column
    var channel = 0
    while channel < channelCount {
      let result = spread(
        load(row[0] + channel),
        load(row[6] + channel),
        load(row[12] + channel),
        load(row[18] + channel),
        load(row[24] + channel),
        load(row[30] + channel))
      let place = scratch + column * rowLength + channel
      write(result.0, place)
      write(result.1, place + 6 * rowLength)
      write(result.2, place + 12 * rowLength)
      write(result.3, place + 18 * rowLength)
      write(result.4, place + 24 * rowLength)
      write(result.5, place + 30 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 6 {
    var channel = 0
    while channel < channelCount {
      let place = scratch + 6 * row * rowLength + channel
      let result = spread(
        load(place),
        load(place + 1 * rowLength),
        load(place + 2 * rowLength),
        load(place + 3 * rowLength),
        load(place + 4 * rowLength),
        load(place + 5 * rowLength))
      let position = target + 6 * row * stride + channel
      write(result.0, position)
      write(result.1, position + 1 * stride)
      write(result.2, position + 2 * stride)
      write(result.3, position + 3 * stride)
      write(result.4, position + 4 * stride)
      write(result.5, position + 5 * stride)
      channel += width
    }
    row += 1
  }
}
