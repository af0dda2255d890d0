/// Adds the columns of a block of pixels to running sums: `sums[c] += Σ (x[p][c] − centre[c])ⁿ`.
///
/// - Parameters:
///   - pixelCount: Pixels of the block; few enough that a float sum keeps its precision.
///   - channelCount: Channels of a pixel; pixels are contiguous.
///   - input: `[pixelCount, channelCount]`.
///   - centre: `[channelCount]`; nil sums the values themselves, else the squared deviations.
///   - sums: `[channelCount]`, overwritten.
@inline(never)
public func columnSums(
  pixelCount: Int, channelCount: Int, input: UnsafePointer<Float>, centre: UnsafePointer<Float>?,
  sums: UnsafeMutablePointer<Float>
) {
  var channel = 0
  while channel + 8 <= channelCount {
    var sum = Lanes()
    var source = input + channel
    var pixel = 0
    if let centre {
      let middle = lanes(centre + channel)
      while pixel < pixelCount {
        let deviation = lanes(source) - middle
        sum += deviation * deviation
        source += channelCount
        pixel += 1
      }
    } else {
      while pixel < pixelCount {
        sum += lanes(source)
        source += channelCount
        pixel += 1
      }
    }
    put(sum, sums + channel)
    channel += 8
  }
  while channel < channelCount {
    var sum: Float = 0
    var pixel = 0
    while pixel < pixelCount {
      let value = input[pixel * channelCount + channel]
      if let centre {
        sum += (value - centre[channel]) * (value - centre[channel])
      } else {
        sum += value
      }
      pixel += 1
    }
    sums[channel] = sum
    channel += 1
  }
}

/// The two sums that a normalisation's backward pass needs, over a block of contiguous pixels.
///
/// `gradientSums[c] = Σ g`, `productSums[c] = Σ g · (x − mean[c]) · inverseDeviation[c]`.
@inline(never)
public func normalizationSums(
  pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, input: UnsafePointer<Float>,
  mean: UnsafePointer<Float>, inverseDeviation: UnsafePointer<Float>,
  gradientSums: UnsafeMutablePointer<Float>, productSums: UnsafeMutablePointer<Float>
) {
  var channel = 0
  while channel + 8 <= channelCount {
    let middle = lanes(mean + channel)
    let factor = lanes(inverseDeviation + channel)
    var sum = Lanes()
    var product = Lanes()
    var offset = channel
    var pixel = 0
    while pixel < pixelCount {
      let g = lanes(gradient + offset)
      sum += g
      product += g * ((lanes(input + offset) - middle) * factor)
      offset += channelCount
      pixel += 1
    }
    put(sum, gradientSums + channel)
    put(product, productSums + channel)
    channel += 8
  }
  while channel < channelCount {
    var sum: Float = 0
    var product: Float = 0
    var pixel = 0
    while pixel < pixelCount {
      let offset = pixel * channelCount + channel
      sum += gradient[offset]
      product += gradient[offset] * ((input[offset] - mean[channel]) * inverseDeviation[channel])
      pixel += 1
    }
    gradientSums[channel] = sum
    productSums[channel] = product
    channel += 1
  }
}

/// The backward pass of a normalisation for contiguous pixels: `output = g·a[c] + x·b[c] + d[c]`.
///
/// With `s = γ · inverseDeviation`, the caller passes `a = s`, `b = −s · inverseDeviation · mean(g·x̂)`
/// and `d = −s · mean(g) − b · mean`, which is the derivative of `γ · x̂ + β` by `x`.
@inline(never)
public func normalizationGradient(
  pixelCount: Int, channelCount: Int, gradient: UnsafePointer<Float>, input: UnsafePointer<Float>,
  gradientScale: UnsafePointer<Float>, inputScale: UnsafePointer<Float>,
  shift: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
) {
  var channel = 0
  while channel + 8 <= channelCount {
    let a = lanes(gradientScale + channel)
    let b = lanes(inputScale + channel)
    let d = lanes(shift + channel)
    var offset = channel
    var pixel = 0
    while pixel < pixelCount {
      put(lanes(gradient + offset) * a + (lanes(input + offset) * b + d), output + offset)
      offset += channelCount
      pixel += 1
    }
    channel += 8
  }
  while channel < channelCount {
    var pixel = 0
    while pixel < pixelCount {
      let offset = pixel * channelCount + channel
      output[offset] =
        gradient[offset] * gradientScale[channel]
        + (input[offset] * inputScale[channel] + shift[channel])
      pixel += 1
    }
    channel += 1
  }
}
