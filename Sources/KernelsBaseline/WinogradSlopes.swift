// The transform of the output's gradient before a Winograd weight gradient, A g Aᵀ: the adjoint of
// ``transformOutput``.

/// Transforms the gradient of one tile's pixels, all channels.
///
/// - Parameters:
///   - size: Rows and columns of the tile of input: 3, 5 or 6.
///   - outputSize: Rows and columns of pixels: 2 with 3; 4 with 5; 4 or 3 with 6.
///   - sources: `[outputSize²]`: where each pixel's first channel lies; zeros for pixels beyond the map.
///   - channelCount: Channels, a multiple of 16.
///   - scratch: Room for `size · outputSize · (channelCount + 16)` floats.
///   - target: Where the first channel of position 0 goes.
///   - stride: Elements from one position to the next.
@inline(never)
public func transformSlopes(
  size: Int, outputSize: Int, sources: UnsafePointer<UnsafePointer<Float>>, channelCount: Int,
  scratch: UnsafeMutablePointer<Float>, target: UnsafeMutablePointer<Float>, stride: Int
) {
  switch (size, outputSize) {
  case (3, _): transformSlopes3(sources, channelCount, scratch, target, stride)
  case (5, _): transformSlopes5(sources, channelCount, scratch, target, stride)
  case (_, 3): transformSlopes6From3(sources, channelCount, scratch, target, stride)
  default: transformSlopes6From4(sources, channelCount, scratch, target, stride)
  }
}

/// The values at `point` and `−point` of the polynomial with four coefficients.
@inline(__always)
private func opposite(
  _ point: Float, _ g0: Vector, _ g1: Vector, _ g2: Vector, _ g3: Vector
) -> (Vector, Vector) {
  let even = multiplyAdd(g0, all(point * point), g2)
  let odd = multiplyAdd(all(point) * g1, all(point * point * point), g3)
  return (even + odd, even - odd)
}

/// The values at `point` and `−point` of the polynomial with three coefficients.
@inline(__always)
private func opposite(
  _ point: Float, _ g0: Vector, _ g1: Vector, _ g2: Vector
) -> (Vector, Vector) {
  let even = multiplyAdd(g0, all(point * point), g2)
  let odd = all(point) * g1
  return (even + odd, even - odd)
}

@inline(never)
private func transformSlopes3(
  _ sources: UnsafePointer<UnsafePointer<Float>>, _ channelCount: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 2 {
    var channel = 0
    while channel < channelCount {
      let middle = scratch + column * rowLength + channel
      let g0 = load(sources[column] + channel)
      let g1 = load(sources[2 + column] + channel)
      write(g0 + g1, middle)
      write(g0 - g1, middle + 2 * rowLength)
      write(g1, middle + 4 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 3 {
    var channel = 0
    while channel < channelCount {
      let place = scratch + 2 * row * rowLength + channel
      let position = target + 3 * row * stride + channel
      let g0 = load(place)
      let g1 = load(place + 1 * rowLength)
      write(g0 + g1, position)
      write(g0 - g1, position + 1 * stride)
      write(g1, position + 2 * stride)
      channel += width
    }
    row += 1
  }
}

@inline(never)
private func transformSlopes5(
  _ sources: UnsafePointer<UnsafePointer<Float>>, _ channelCount: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 4 {
    var channel = 0
    while channel < channelCount {
      let middle = scratch + column * rowLength + channel
      let g0 = load(sources[column] + channel)
      let g1 = load(sources[4 + column] + channel)
      let g2 = load(sources[8 + column] + channel)
      let g3 = load(sources[12 + column] + channel)
      let near = opposite(inner5, g0, g1, g2, g3)
      let far = opposite(outer5, g0, g1, g2, g3)
      write(near.0, middle)
      write(near.1, middle + 4 * rowLength)
      write(far.0, middle + 8 * rowLength)
      write(far.1, middle + 12 * rowLength)
      write(g3, middle + 16 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 5 {
    var channel = 0
    while channel < channelCount {
      let place = scratch + 4 * row * rowLength + channel
      let position = target + 5 * row * stride + channel
      let g0 = load(place)
      let g1 = load(place + 1 * rowLength)
      let g2 = load(place + 2 * rowLength)
      let g3 = load(place + 3 * rowLength)
      let near = opposite(inner5, g0, g1, g2, g3)
      let far = opposite(outer5, g0, g1, g2, g3)
      write(near.0, position)
      write(near.1, position + 1 * stride)
      write(far.0, position + 2 * stride)
      write(far.1, position + 3 * stride)
      write(g3, position + 4 * stride)
      channel += width
    }
    row += 1
  }
}

@inline(never)
private func transformSlopes6From4(
  _ sources: UnsafePointer<UnsafePointer<Float>>, _ channelCount: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 4 {
    var channel = 0
    while channel < channelCount {
      let middle = scratch + column * rowLength + channel
      let g0 = load(sources[column] + channel)
      let g1 = load(sources[4 + column] + channel)
      let g2 = load(sources[8 + column] + channel)
      let g3 = load(sources[12 + column] + channel)
      let near = opposite(inner6, g0, g1, g2, g3)
      let far = opposite(outer6, g0, g1, g2, g3)
      write(g0, middle)
      write(near.0, middle + 4 * rowLength)
      write(near.1, middle + 8 * rowLength)
      write(far.0, middle + 12 * rowLength)
      write(far.1, middle + 16 * rowLength)
      write(g3, middle + 20 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 6 {
    var channel = 0
    while channel < channelCount {
      let place = scratch + 4 * row * rowLength + channel
      let position = target + 6 * row * stride + channel
      let g0 = load(place)
      let g1 = load(place + 1 * rowLength)
      let g2 = load(place + 2 * rowLength)
      let g3 = load(place + 3 * rowLength)
      let near = opposite(inner6, g0, g1, g2, g3)
      let far = opposite(outer6, g0, g1, g2, g3)
      write(g0, position)
      write(near.0, position + 1 * stride)
      write(near.1, position + 2 * stride)
      write(far.0, position + 3 * stride)
      write(far.1, position + 4 * stride)
      write(g3, position + 5 * stride)
      channel += width
    }
    row += 1
  }
}

@inline(never)
private func transformSlopes6From3(
  _ sources: UnsafePointer<UnsafePointer<Float>>, _ channelCount: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ stride: Int
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 3 {
    var channel = 0
    while channel < channelCount {
      let middle = scratch + column * rowLength + channel
      let g0 = load(sources[column] + channel)
      let g1 = load(sources[3 + column] + channel)
      let g2 = load(sources[6 + column] + channel)
      let near = opposite(inner6, g0, g1, g2)
      let far = opposite(outer6, g0, g1, g2)
      write(g0, middle)
      write(near.0, middle + 3 * rowLength)
      write(near.1, middle + 6 * rowLength)
      write(far.0, middle + 9 * rowLength)
      write(far.1, middle + 12 * rowLength)
      write(g2, middle + 15 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 6 {
    var channel = 0
    while channel < channelCount {
      let place = scratch + 3 * row * rowLength + channel
      let position = target + 6 * row * stride + channel
      let g0 = load(place)
      let g1 = load(place + 1 * rowLength)
      let g2 = load(place + 2 * rowLength)
      let near = opposite(inner6, g0, g1, g2)
      let far = opposite(outer6, g0, g1, g2)
      write(g0, position)
      write(near.0, position + 1 * stride)
      write(near.1, position + 2 * stride)
      write(far.0, position + 3 * stride)
      write(far.1, position + 4 * stride)
      write(g2, position + 5 * stride)
      channel += width
    }
    row += 1
  }
}
