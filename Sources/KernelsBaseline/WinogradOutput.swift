// The two-dimensional transform of products back to pixels after a Winograd convolution: Aᵀ m A.

/// Transforms the products of one tile to its pixels, all channels.
///
/// - Parameters:
///   - size: Rows and columns of the tile of input: 3, 5 or 6.
///   - outputSize: Rows and columns of pixels: 2 with 3; 4 with 5; 4 or 3 with 6.
///   - source: The first channel of position 0.
///   - stride: Elements from one position to the next.
///   - channelCount: Channels, a multiple of 16.
///   - bias: `[channelCount]`, added; nil for 0.
///   - slope: Factor of results below 0; 1 leaves them.
///   - scratch: Room for `size · outputSize · (channelCount + 16)` floats.
///   - targets: `[outputSize²]`: where each pixel's first channel goes; nil for pixels beyond the map.
@inline(never)
public func transformOutput(
  size: Int, outputSize: Int, source: UnsafePointer<Float>, stride: Int, channelCount: Int,
  bias: UnsafePointer<Float>?, slope: Float, scratch: UnsafeMutablePointer<Float>,
  targets: UnsafePointer<UnsafeMutablePointer<Float>?>
) {
  switch (size, outputSize) {
  case (3, _): transformOutput3(source, stride, channelCount, bias, slope, scratch, targets)
  case (5, _): transformOutput5(source, stride, channelCount, bias, slope, scratch, targets)
  case (_, 3): transformOutput6To3(source, stride, channelCount, bias, slope, scratch, targets)
  default: transformOutput6To4(source, stride, channelCount, bias, slope, scratch, targets)
  }
}

/// Aᵀ for 3 points and 2 pixels.
@inline(__always)
private func gather(_ m0: Vector, _ m1: Vector, _ m2: Vector) -> (Vector, Vector) {
  (m0 + m1, m0 - m1 + m2)
}

/// Aᵀ for 5 points and 4 pixels.
@inline(__always)
private func gather(
  _ m0: Vector, _ m1: Vector, _ m2: Vector, _ m3: Vector, _ m4: Vector
) -> (Vector, Vector, Vector, Vector) {
  let (a, b) = (inner5, outer5)
  let nearSum = m0 + m1
  let near = m0 - m1
  let farSum = m2 + m3
  let far = m2 - m3
  return (
    nearSum + farSum,
    multiplyAdd(all(a) * near, all(b), far),
    multiplyAdd(all(a * a) * nearSum, all(b * b), farSum),
    multiplyAdd(multiplyAdd(m4, all(a * a * a), near), all(b * b * b), far)
  )
}

/// Aᵀ for 6 points and 4 pixels.
@inline(__always)
private func gather4(
  _ m0: Vector, _ m1: Vector, _ m2: Vector, _ m3: Vector, _ m4: Vector, _ m5: Vector
) -> (Vector, Vector, Vector, Vector) {
  let (a, b) = (inner6, outer6)
  let nearSum = m1 + m2
  let near = m1 - m2
  let farSum = m3 + m4
  let far = m3 - m4
  return (
    m0 + nearSum + farSum,
    multiplyAdd(all(a) * near, all(b), far),
    multiplyAdd(all(a * a) * nearSum, all(b * b), farSum),
    multiplyAdd(multiplyAdd(m5, all(a * a * a), near), all(b * b * b), far)
  )
}

/// Aᵀ for 6 points and 3 pixels.
@inline(__always)
private func gather3(
  _ m0: Vector, _ m1: Vector, _ m2: Vector, _ m3: Vector, _ m4: Vector, _ m5: Vector
) -> (Vector, Vector, Vector) {
  let (a, b) = (inner6, outer6)
  let nearSum = m1 + m2
  let farSum = m3 + m4
  return (
    m0 + nearSum + farSum,
    multiplyAdd(all(a) * (m1 - m2), all(b), m3 - m4),
    multiplyAdd(multiplyAdd(m5, all(a * a), nearSum), all(b * b), farSum)
  )
}

/// `x` where it is above 0, `slope · x` elsewhere.
@inline(__always)
private func rectified(_ x: Vector, _ slope: Float) -> Vector {
  (x * all(slope)).replacing(with: x, where: x .> 0)
}

/// Writes a pixel's channels where the pixel is on the map.
@inline(__always)
private func write(_ value: Vector, _ target: UnsafeMutablePointer<Float>?, _ channel: Int) {
  if let target { write(value, target + channel) }
}

@inline(never)
private func transformOutput3(
  _ source: UnsafePointer<Float>, _ stride: Int, _ channelCount: Int,
  _ bias: UnsafePointer<Float>?, _ slope: Float, _ scratch: UnsafeMutablePointer<Float>,
  _ targets: UnsafePointer<UnsafeMutablePointer<Float>?>
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 3 {
    var channel = 0
    while channel < channelCount {
      let place = source + column * stride + channel
      let result = gather(
        load(place),
        load(place + 3 * stride),
        load(place + 6 * stride))
      let middle = scratch + column * rowLength + channel
      write(result.0, middle)
      write(result.1, middle + 3 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 2 {
    let target0 = targets[2 * row]
    let target1 = targets[2 * row + 1]
    var channel = 0
    while channel < channelCount {
      let place = scratch + 3 * row * rowLength + channel
      let result = gather(
        load(place),
        load(place + 1 * rowLength),
        load(place + 2 * rowLength))
      var start = Vector()
      if let bias { start = load(bias + channel) }
      write(rectified(result.0 + start, slope), target0, channel)
      write(rectified(result.1 + start, slope), target1, channel)
      channel += width
    }
    row += 1
  }
}

@inline(never)
private func transformOutput5(
  _ source: UnsafePointer<Float>, _ stride: Int, _ channelCount: Int,
  _ bias: UnsafePointer<Float>?, _ slope: Float, _ scratch: UnsafeMutablePointer<Float>,
  _ targets: UnsafePointer<UnsafeMutablePointer<Float>?>
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 5 {
    var channel = 0
    while channel < channelCount {
      let place = source + column * stride + channel
      let result = gather(
        load(place),
        load(place + 5 * stride),
        load(place + 10 * stride),
        load(place + 15 * stride),
        load(place + 20 * stride))
      let middle = scratch + column * rowLength + channel
      write(result.0, middle)
      write(result.1, middle + 5 * rowLength)
      write(result.2, middle + 10 * rowLength)
      write(result.3, middle + 15 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 4 {
    let target0 = targets[4 * row]
    let target1 = targets[4 * row + 1]
    let target2 = targets[4 * row + 2]
    let target3 = targets[4 * row + 3]
    var channel = 0
    while channel < channelCount {
      let place = scratch + 5 * row * rowLength + channel
      let result = gather(
        load(place),
        load(place + 1 * rowLength),
        load(place + 2 * rowLength),
        load(place + 3 * rowLength),
        load(place + 4 * rowLength))
      var start = Vector()
      if let bias { start = load(bias + channel) }
      write(rectified(result.0 + start, slope), target0, channel)
      write(rectified(result.1 + start, slope), target1, channel)
      write(rectified(result.2 + start, slope), target2, channel)
      write(rectified(result.3 + start, slope), target3, channel)
      channel += width
    }
    row += 1
  }
}

@inline(never)
private func transformOutput6To4(
  _ source: UnsafePointer<Float>, _ stride: Int, _ channelCount: Int,
  _ bias: UnsafePointer<Float>?, _ slope: Float, _ scratch: UnsafeMutablePointer<Float>,
  _ targets: UnsafePointer<UnsafeMutablePointer<Float>?>
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 6 {
    var channel = 0
    while channel < channelCount {
      let place = source + column * stride + channel
      let result = gather4(
        load(place),
        load(place + 6 * stride),
        load(place + 12 * stride),
        load(place + 18 * stride),
        load(place + 24 * stride),
        load(place + 30 * stride))
      let middle = scratch + column * rowLength + channel
      write(result.0, middle)
      write(result.1, middle + 6 * rowLength)
      write(result.2, middle + 12 * rowLength)
      write(result.3, middle + 18 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 4 {
    let target0 = targets[4 * row]
    let target1 = targets[4 * row + 1]
    let target2 = targets[4 * row + 2]
    let target3 = targets[4 * row + 3]
    var channel = 0
    while channel < channelCount {
      let place = scratch + 6 * row * rowLength + channel
      let result = gather4(
        load(place),
        load(place + 1 * rowLength),
        load(place + 2 * rowLength),
        load(place + 3 * rowLength),
        load(place + 4 * rowLength),
        load(place + 5 * rowLength))
      var start = Vector()
      if let bias { start = load(bias + channel) }
      write(rectified(result.0 + start, slope), target0, channel)
      write(rectified(result.1 + start, slope), target1, channel)
      write(rectified(result.2 + start, slope), target2, channel)
      write(rectified(result.3 + start, slope), target3, channel)
      channel += width
    }
    row += 1
  }
}

@inline(never)
private func transformOutput6To3(
  _ source: UnsafePointer<Float>, _ stride: Int, _ channelCount: Int,
  _ bias: UnsafePointer<Float>?, _ slope: Float, _ scratch: UnsafeMutablePointer<Float>,
  _ targets: UnsafePointer<UnsafeMutablePointer<Float>?>
) {
  let width = Vector.scalarCount
  let rowLength = channelCount + 16
  var column = 0
  while column < 6 {
    var channel = 0
    while channel < channelCount {
      let place = source + column * stride + channel
      let result = gather3(
        load(place),
        load(place + 6 * stride),
        load(place + 12 * stride),
        load(place + 18 * stride),
        load(place + 24 * stride),
        load(place + 30 * stride))
      let middle = scratch + column * rowLength + channel
      write(result.0, middle)
      write(result.1, middle + 6 * rowLength)
      write(result.2, middle + 12 * rowLength)
      channel += width
    }
    column += 1
  }
  var row = 0
  while row < 3 {
    let target0 = targets[3 * row]
    let target1 = targets[3 * row + 1]
    let target2 = targets[3 * row + 2]
    var channel = 0
    while channel < channelCount {
      let place = scratch + 6 * row * rowLength + channel
      let result = gather3(
        load(place),
        load(place + 1 * rowLength),
        load(place + 2 * rowLength),
        load(place + 3 * rowLength),
        load(place + 4 * rowLength),
        load(place + 5 * rowLength))
      var start = Vector()
      if let bias { start = load(bias + channel) }
      write(rectified(result.0 + start, slope), target0, channel)
      write(rectified(result.1 + start, slope), target1, channel)
      write(rectified(result.2 + start, slope), target2, channel)
      channel += width
    }
    row += 1
  }
}
