/// Eight floats at a time: elementwise loops are bound by memory, so one width serves every family.
typealias Lanes = SIMD8<Float>

/// Eight floats read from memory of any alignment.
@inline(__always)
func lanes(_ source: UnsafePointer<Float>) -> Lanes {
  UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
}

/// Eight floats written to memory of any alignment.
@inline(__always)
func put(_ value: Lanes, _ target: UnsafeMutablePointer<Float>) {
  UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
}

/// `x` where it is above 0, `slope · x` elsewhere.
@inline(__always)
func leaky(_ x: Lanes, _ slope: Float) -> Lanes {
  (x * slope).replacing(with: x, where: x .> 0)
}

/// Leaky rectification of consecutive values: `output = x > 0 ? x : slope · x`; slope 1 copies.
@inline(never)
public func rectify(
  count: Int, input: UnsafePointer<Float>, slope: Float, output: UnsafeMutablePointer<Float>
) {
  var i = 0
  while i + 8 <= count {
    put(leaky(lanes(input + i), slope), output + i)
    i += 8
  }
  while i < count {
    let x = input[i]
    output[i] = x > 0 ? x : slope * x
    i += 1
  }
}

/// Scale, shift and rectify by channel: `y = scale[c] · x + shift[c]`, `output = y > 0 ? y : slope · y`.
///
/// - Parameters:
///   - pixelCount: Pixels to treat.
///   - channelCount: Channels of a pixel.
///   - input: The first pixel's first channel.
///   - inputStride: Elements from one pixel to the next.
///   - scale: `[channelCount]`.
///   - shift: `[channelCount]`.
///   - slope: Factor of negative values; 1 leaves them, 0 is plain rectification.
///   - output: Where the first pixel goes.
///   - outputStride: Elements from one pixel to the next.
@inline(never)
public func scaleShiftRectify(
  pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, inputStride: Int,
  scale: UnsafePointer<Float>, shift: UnsafePointer<Float>, slope: Float,
  output: UnsafeMutablePointer<Float>, outputStride: Int
) {
  var channel = 0
  while channel + 8 <= channelCount {
    let factor = lanes(scale + channel)
    let offset = lanes(shift + channel)
    var source = input + channel
    var target = output + channel
    var pixel = 0
    while pixel < pixelCount {
      put(leaky(lanes(source) * factor + offset, slope), target)
      source += inputStride
      target += outputStride
      pixel += 1
    }
    channel += 8
  }
  while channel < channelCount {
    let factor = scale[channel]
    let offset = shift[channel]
    var pixel = 0
    while pixel < pixelCount {
      let y = input[pixel * inputStride + channel] * factor + offset
      output[pixel * outputStride + channel] = y > 0 ? y : slope * y
      pixel += 1
    }
    channel += 1
  }
}

/// Rectifies pixels between two strides, without a change by channel.
@inline(never)
public func rectifyPixels(
  pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, inputStride: Int, slope: Float,
  output: UnsafeMutablePointer<Float>, outputStride: Int
) {
  if inputStride == channelCount, outputStride == channelCount {
    rectify(count: pixelCount * channelCount, input: input, slope: slope, output: output)
    return
  }
  var pixel = 0
  while pixel < pixelCount {
    let source = input + pixel * inputStride
    let target = output + pixel * outputStride
    var channel = 0
    while channel + 8 <= channelCount {
      put(leaky(lanes(source + channel), slope), target + channel)
      channel += 8
    }
    while channel < channelCount {
      let x = source[channel]
      target[channel] = x > 0 ? x : slope * x
      channel += 1
    }
    pixel += 1
  }
}

/// Backward pass of rectification, read off the activated values: `g · (a > 0 ? 1 : slope)`.
///
/// - Parameters:
///   - pixelCount: Pixels to treat.
///   - channelCount: Channels of a pixel.
///   - gradient: Gradient with respect to the activated values.
///   - gradientStride: Elements from one pixel to the next.
///   - activated: The activated values; their sign is that of the input as the slope is not negative.
///   - activatedStride: Elements from one pixel to the next.
///   - slope: Factor of negative values.
///   - accumulates: Whether to add to the output.
///   - output: `[pixelCount, channelCount]`, contiguous.
@inline(never)
public func rectifyGradient(
  pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, gradientStride: Int,
  activated: UnsafePointer<Float>, activatedStride: Int, slope: Float, accumulates: Bool,
  output: UnsafeMutablePointer<Float>
) {
  var pixel = 0
  while pixel < pixelCount {
    let source = gradient + pixel * gradientStride
    let sign = activated + pixel * activatedStride
    let target = output + pixel * channelCount
    var channel = 0
    while channel + 8 <= channelCount {
      let g = lanes(source + channel)
      var value = (g * slope).replacing(with: g, where: lanes(sign + channel) .> 0)
      if accumulates { value += lanes(target + channel) }
      put(value, target + channel)
      channel += 8
    }
    while channel < channelCount {
      let g = source[channel]
      let value = sign[channel] > 0 ? g : slope * g
      target[channel] = accumulates ? target[channel] + value : value
      channel += 1
    }
    pixel += 1
  }
}

/// `target += factor · source`.
@inline(never)
public func addScaled(
  count: Int, source: UnsafePointer<Float>, factor: Float, target: UnsafeMutablePointer<Float>
) {
  var i = 0
  while i + 8 <= count {
    put(lanes(target + i) + lanes(source + i) * factor, target + i)
    i += 8
  }
  while i < count {
    target[i] += source[i] * factor
    i += 1
  }
}

/// One step of Adam on consecutive parameters.
///
/// `m = β₁m + ρ₁g`, `v = β₂v + ρ₂g²`, `p −= rate · m / (√v · secondScale + ε)`, where the caller passes
/// `ρ = 1 − β` rounded once from double precision.
/// Reference: Kingma and Ba 2015, algorithm 1, with the bias corrections folded into `rate` and
/// `secondScale` by the caller as torch.optim.Adam does.
@inline(never)
public func adamStep(
  count: Int, gradient: UnsafePointer<Float>, parameters: UnsafeMutablePointer<Float>,
  first: UnsafeMutablePointer<Float>, second: UnsafeMutablePointer<Float>,
  beta1: Float, rest1: Float, beta2: Float, rest2: Float,
  rate: Float, secondScale: Float, epsilon: Float
) {
  var i = 0
  while i + 8 <= count {
    let g = lanes(gradient + i)
    let m = lanes(first + i) * beta1 + g * rest1
    let v = lanes(second + i) * beta2 + g * g * rest2
    put(m, first + i)
    put(v, second + i)
    let denominator = v.squareRoot() * secondScale + epsilon
    put(lanes(parameters + i) - m * rate / denominator, parameters + i)
    i += 8
  }
  while i < count {
    let g = gradient[i]
    let m = first[i] * beta1 + g * rest1
    let v = second[i] * beta2 + g * g * rest2
    first[i] = m
    second[i] = v
    parameters[i] -= m * rate / (v.squareRoot() * secondScale + epsilon)
    i += 1
  }
}
