/// `eˣ` for `x` from −87 to 88, relative error below 2e-7: `2ⁿ · eʳ` with `r` within half of ln 2.
///
/// Adding 1.5 · 2²³ leaves the nearest integer in the low bits of the sum, see HyperbolicTangent.swift.
/// Reference: Moshier's Cephes library, expf.c.
@inline(__always)
func exponential(bounded x: Vector) -> Vector {
  let power =
    multiplyAdd(Vector(repeating: 12_582_912), x, Vector(repeating: 1.442_695_04)) - 12_582_912
  var rest = multiplyAdd(x, power, Vector(repeating: -0.693_359_375))
  rest = multiplyAdd(rest, power, Vector(repeating: 2.121_944_4e-4))
  var series = multiplyAdd(
    Vector(repeating: 1.398_199_9e-3), rest, Vector(repeating: 1.987_569_1e-4))
  series = multiplyAdd(Vector(repeating: 8.333_452e-3), series, rest)
  series = multiplyAdd(Vector(repeating: 4.166_579_6e-2), series, rest)
  series = multiplyAdd(Vector(repeating: 1.666_666_5e-1), series, rest)
  series = multiplyAdd(Vector(repeating: 5.000_000_1e-1), series, rest)
  series = multiplyAdd(rest, series, rest * rest) + 1
  let bits = unsafeBitCast(power + 12_583_039, to: Vector.MaskStorage.self) &<< 23
  return series * unsafeBitCast(bits, to: Vector.self)
}

/// `x` within two bounds; what is not a number stays so.
@inline(__always)
func clamped(_ x: Vector, _ lower: Float, _ upper: Float) -> Vector {
  let above = x.replacing(with: lower, where: x .< Vector(repeating: lower))
  return above.replacing(with: upper, where: above .> Vector(repeating: upper))
}

/// `1 / (1 + e⁻ᶻ)`.
@inline(__always)
func sigmoid(_ z: Vector) -> Vector {
  1 / (1 + exponential(bounded: clamped(-z, -87, 88)))
}

/// Scales and shifts pixels by channel, and activates: `y = scale[c] · x + shift[c]`,
/// `output = y / (1 + e⁻ʸ)`.
///
/// - Parameters:
///   - pixelCount: Pixels to treat.
///   - channelCount: Channels of a pixel.
///   - input: The first pixel's first channel.
///   - inputStride: Elements from one pixel to the next.
///   - scale: `[channelCount]`.
///   - shift: `[channelCount]`.
///   - activates: Whether to activate, or to scale and shift only.
///   - output: Where the first pixel goes.
///   - outputStride: Elements from one pixel to the next.
@inline(never)
public func scaleShiftActivate(
  pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, inputStride: Int,
  scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, activates: Bool,
  output: UnsafeMutablePointer<Float>, outputStride: Int
) {
  let width = Vector.scalarCount
  var pixel = 0
  while pixel < pixelCount {
    let source = input + pixel * inputStride
    let target = output + pixel * outputStride
    var channel = 0
    while channel + width <= channelCount {
      let y = multiplyAdd(load(shift + channel), load(source + channel), load(scale + channel))
      store(activates ? y * sigmoid(y) : y, target + channel, first: width)
      channel += width
    }
    if channel < channelCount {
      let rest = channelCount - channel
      let y = multiplyAdd(
        load(shift + channel, first: rest), load(source + channel, first: rest),
        load(scale + channel, first: rest))
      store(activates ? y * sigmoid(y) : y, target + channel, first: rest)
    }
    pixel += 1
  }
}

/// The backward pass of ``scaleShiftActivate``, and the sums that a normalisation's backward pass needs.
///
/// With `y = scale[c] · x + shift[c]` and `s = 1 / (1 + e⁻ʸ)`, `d = g · s · (1 + y · (1 − s))` goes to the
/// output, `Σ d` and `Σ d · (x − mean[c]) · inverseDeviation[c]` are added to the sums.
///
/// - Parameters:
///   - pixelCount: Pixels to treat.
///   - channelCount: Channels of a pixel.
///   - gradient: Of the activated values.
///   - gradientStride: Elements from one pixel to the next, also of the output.
///   - input: What was scaled.
///   - inputStride: Elements from one pixel to the next.
///   - scale: `[channelCount]`.
///   - shift: `[channelCount]`.
///   - mean: `[channelCount]`.
///   - inverseDeviation: `[channelCount]`.
///   - activates: Whether the forward pass did; else `d = g`.
///   - output: May be the gradient's memory.
///   - gradientSums: `[channelCount]`, added to.
///   - productSums: `[channelCount]`, added to.
@inline(never)
public func activationGradient(
  pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, gradientStride: Int,
  input: UnsafePointer<Float>, inputStride: Int, scale: UnsafePointer<Float>,
  shift: UnsafePointer<Float>, mean: UnsafePointer<Float>, inverseDeviation: UnsafePointer<Float>,
  activates: Bool, output: UnsafeMutablePointer<Float>,
  gradientSums: UnsafeMutablePointer<Float>, productSums: UnsafeMutablePointer<Float>
) {
  let width = Vector.scalarCount
  var pixel = 0
  while pixel < pixelCount {
    let source = input + pixel * inputStride
    let slope = gradient + pixel * gradientStride
    let target = output + pixel * gradientStride
    var channel = 0
    while channel < channelCount {
      let rest = channelCount - channel
      let x = load(source + channel, first: rest)
      var d = load(slope + channel, first: rest)
      if activates {
        let y = multiplyAdd(
          load(shift + channel, first: rest), x, load(scale + channel, first: rest))
        let s = sigmoid(y)
        d *= s * multiplyAdd(Vector(repeating: 1), y, 1 - s)
      }
      let normalized =
        (x - load(mean + channel, first: rest)) * load(inverseDeviation + channel, first: rest)
      store(d, target + channel, first: rest)
      store(load(gradientSums + channel, first: rest) + d, gradientSums + channel, first: rest)
      store(
        multiplyAdd(load(productSums + channel, first: rest), d, normalized), productSums + channel,
        first: rest)
      channel += width
    }
    pixel += 1
  }
}

/// Joins a gradient, the values that it belongs to, and another gradient:
/// `output = g · a[c] + x · b[c] + d[c] + addend`.
///
/// - Parameters:
///   - pixelCount: Pixels to treat.
///   - channelCount: Channels of a pixel.
///   - gradient: `g`.
///   - gradientStride: Elements from one pixel to the next.
///   - input: `x`.
///   - inputStride: Elements from one pixel to the next.
///   - gradientScale: `a`, `[channelCount]`.
///   - inputScale: `b`, `[channelCount]`.
///   - shift: `d`, `[channelCount]`.
///   - addend: nil for 0.
///   - addendStride: Elements from one pixel to the next.
///   - output: Where the first pixel goes.
///   - outputStride: Elements from one pixel to the next.
@inline(never)
public func combineGradients(
  pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, gradientStride: Int,
  input: UnsafePointer<Float>, inputStride: Int, gradientScale: UnsafePointer<Float>,
  inputScale: UnsafePointer<Float>, shift: UnsafePointer<Float>, addend: UnsafePointer<Float>?,
  addendStride: Int, output: UnsafeMutablePointer<Float>, outputStride: Int
) {
  let width = Vector.scalarCount
  var pixel = 0
  while pixel < pixelCount {
    let source = input + pixel * inputStride
    let slope = gradient + pixel * gradientStride
    let target = output + pixel * outputStride
    var channel = 0
    while channel < channelCount {
      let rest = channelCount - channel
      var value = multiplyAdd(
        load(shift + channel, first: rest), load(source + channel, first: rest),
        load(inputScale + channel, first: rest))
      value = multiplyAdd(
        value, load(slope + channel, first: rest), load(gradientScale + channel, first: rest))
      if let addend {
        value += load(addend + pixel * addendStride + channel, first: rest)
      }
      store(value, target + channel, first: rest)
      channel += width
    }
    pixel += 1
  }
}

/// The sum of 2 × 2 pixels times a factor, for one row of the smaller map.
///
/// - Parameters:
///   - pixelCount: Pixels of the smaller map.
///   - channelCount: Channels of a pixel; pixels are contiguous.
///   - upper: The upper of two rows of the larger map.
///   - lower: The lower one.
///   - factor: ¼ gives the mean.
///   - output: `[pixelCount, channelCount]`.
@inline(never)
public func sumQuads(
  pixelCount: Int, channelCount: Int, upper: UnsafePointer<Float>, lower: UnsafePointer<Float>,
  factor: Float, output: UnsafeMutablePointer<Float>
) {
  let width = Vector.scalarCount
  var pixel = 0
  while pixel < pixelCount {
    let above = upper + 2 * pixel * channelCount
    let below = lower + 2 * pixel * channelCount
    let target = output + pixel * channelCount
    var channel = 0
    while channel < channelCount {
      let rest = channelCount - channel
      let first =
        load(above + channel, first: rest) + load(above + channelCount + channel, first: rest)
      let second =
        load(below + channel, first: rest) + load(below + channelCount + channel, first: rest)
      store((first + second) * factor, target + channel, first: rest)
      channel += width
    }
    pixel += 1
  }
}

/// Every pixel of a row times a factor, written twice.
///
/// - Parameters:
///   - pixelCount: Pixels of the input.
///   - channelCount: Channels of a pixel; pixels are contiguous.
///   - input: `[pixelCount, channelCount]`.
///   - factor: 1 repeats.
///   - output: `[2 · pixelCount, channelCount]`.
@inline(never)
public func repeatPixels(
  pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, factor: Float,
  output: UnsafeMutablePointer<Float>
) {
  let width = Vector.scalarCount
  var pixel = 0
  while pixel < pixelCount {
    let source = input + pixel * channelCount
    let target = output + 2 * pixel * channelCount
    var channel = 0
    while channel < channelCount {
      let rest = channelCount - channel
      let value = load(source + channel, first: rest) * factor
      store(value, target + channel, first: rest)
      store(value, target + channelCount + channel, first: rest)
      channel += width
    }
    pixel += 1
  }
}
