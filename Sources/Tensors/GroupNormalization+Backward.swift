extension GroupNormalization {
  /// What the backward pass gives.
  public struct Gradient: Sendable {
    /// Of each map, `[N, H + 2·border, W + 2·border, Cᵢ]`.
    public let inputs: [Tensor]
    /// Of `γ`, `[C]`.
    public let weight: [Float]
    /// Of `β`, `[C]`.
    public let bias: [Float]
    /// Of scale and shift, `[N · C]` each.
    public let modulation: Modulation
  }

  /// The backward pass of normalisation, modulation, activation and resampling.
  ///
  /// With `δ` the gradient of `z`, `γ′ = γ · (1 + scale)` and means over pixels and channels of a group,
  /// `dx = (γ′δ − mean(γ′δ) − x̂ · mean(γ′δ · x̂)) / √(σ² + ε)`.
  ///
  /// - Parameters:
  ///   - gradient: `[N, H′, W′, ΣCᵢ]`, of the result without its border.
  ///   - inputs: The maps of the forward pass.
  ///   - statistics: Of those maps.
  ///   - affine: That of the forward pass.
  ///   - weight: `γ`.
  ///   - bias: `β`.
  ///   - modulation: That of the forward pass.
  ///   - addend: `[N, H, W, ΣCᵢ]`, added to the gradient of the maps; nil for none.
  ///   - border: Pixels of zeros to put around the gradient of the maps.
  ///   - context: Threads and kernels.
  /// - Returns: The gradients of everything that entered.
  public func backward(
    _ gradient: Tensor, inputs: [Tensor], statistics: GroupStatistics, affine: ChannelAffine,
    weight: ArraySlice<Float>, bias: ArraySlice<Float>, modulation: Modulation? = nil,
    addend: Tensor? = nil, border: Int = 0, context: ComputeContext
  ) -> Gradient {
    let batch = statistics.batch
    let channels = weight.count
    let (slopes, sums) = activationSums(
      resampling.backward(gradient, context: context), inputs, statistics, affine, context)
    let pixelCount = Double(slopes.count / (batch * channels))
    let size = channels / groupCount
    var weightSlopes = [Double](repeating: 0, count: channels)
    var biasSlopes = weightSlopes
    var scales = [Float](repeating: 0, count: batch * channels)
    var shifts = scales
    // g·a + x·b + d with one a, b and d for every channel of every sample.
    var coefficients = [Float](repeating: 0, count: 3 * batch * channels)
    for sample in 0..<batch {
      for group in 0..<groupCount {
        let range = group * size..<(group + 1) * size
        var (first, second) = (0.0, 0.0)
        for channel in range {
          let index = sample * channels + channel
          let gain = 1 + Double(modulation?.scale[index] ?? 0)
          let factor = Double(weight[weight.startIndex + channel])
          let offset = Double(bias[bias.startIndex + channel])
          let (sum, product) = (sums[2 * index], sums[2 * index + 1])
          weightSlopes[channel] += gain * product
          biasSlopes[channel] += gain * sum
          scales[index] = Float(factor * product + offset * sum)
          shifts[index] = Float(sum)
          first += factor * gain * sum
          second += factor * gain * product
        }
        first /= pixelCount * Double(size)
        second /= pixelCount * Double(size)
        for channel in range {
          let index = sample * channels + channel
          let inverse = Double(statistics.inverseDeviation[index])
          let gain = 1 + Double(modulation?.scale[index] ?? 0)
          let inputScale = -inverse * inverse * second
          let base = sample * 3 * channels + channel
          coefficients[base] = Float(inverse * gain * Double(weight[weight.startIndex + channel]))
          coefficients[base + channels] = Float(inputScale)
          coefficients[base + 2 * channels] = Float(
            -inverse * first - inputScale * Double(statistics.mean[index]))
        }
      }
    }
    return Gradient(
      inputs: combine(slopes, inputs, coefficients, addend, border: border, context),
      weight: weightSlopes.map { Float($0) }, bias: biasSlopes.map { Float($0) },
      modulation: Modulation(scale: scales, shift: shifts))
  }

  /// Takes the gradient back through the activation and sums it: `Σ δ` and `Σ δ · x̂` for every channel of
  /// every sample, side by side.
  private func activationSums(
    _ gradient: Tensor, _ inputs: [Tensor], _ statistics: GroupStatistics,
    _ affine: ChannelAffine, _ context: ComputeContext
  ) -> (slopes: Tensor, sums: [Double]) {
    let map = gradient.map
    let channels = map.channels
    // About 512 pixels a block, as in other sums.
    let rowCount = max(1, min(map.height, 512 / max(1, map.width)))
    let blockCount = (map.height + rowCount - 1) / rowCount
    var partial = [Float](repeating: 0, count: map.batch * blockCount * 2 * channels)
    let slopes = Tensor(shape: gradient.shape) { output in
      partial.withUnsafeMutableBufferPointer { results in
        guard let results = results.baseAddress else { return }
        nonisolated(unsafe) let (output, sums) = (output, results)
        context.parallelism.forEach(count: map.batch * blockCount) { task in
          let (sample, block) = (task / blockCount, task % blockCount)
          let first = block * rowCount
          let rows = min(rowCount, map.height - first)
          let pixel = (sample * map.height + first) * map.width
          let target = sums + task * 2 * channels
          var channel = 0
          for input in inputs {
            let count = input.shape[3]
            let place = sample * channels + channel
            let offset = pixel * channels + channel
            input.withPointer { values in
              gradient.withPointer { gradient in
                withPointers(
                  affine.scale, affine.shift, statistics.mean, statistics.inverseDeviation
                ) { scale, shift, mean, inverse in
                  context.kernels.activationGradient(
                    pixelCount: rows * map.width, channelCount: count, gradient: gradient + offset,
                    gradientStride: channels, input: values + pixel * count, inputStride: count,
                    scale: scale + place, shift: shift + place, mean: mean + place,
                    inverseDeviation: inverse + place, activates: activates,
                    output: output + offset, gradientSums: target + channel,
                    productSums: target + channels + channel)
                }
              }
            }
            channel += count
          }
        }
      }
    }
    var sums = [Double](repeating: 0, count: 2 * map.batch * channels)
    for sample in 0..<map.batch {
      for block in 0..<blockCount {
        let start = (sample * blockCount + block) * 2 * channels
        for channel in 0..<channels {
          sums[2 * (sample * channels + channel)] += Double(partial[start + channel])
          sums[2 * (sample * channels + channel) + 1] += Double(partial[start + channels + channel])
        }
      }
    }
    return (slopes, sums)
  }

  /// The gradients of the maps, each by itself.
  private func combine(
    _ slopes: Tensor, _ inputs: [Tensor], _ coefficients: [Float], _ addend: Tensor?, border: Int,
    _ context: ComputeContext
  ) -> [Tensor] {
    let map = slopes.map
    let channels = map.channels
    precondition(addend.map { $0.shape == slopes.shape } ?? true, "an addend of another shape")
    var channel = 0
    return inputs.map { input in
      let first = channel
      let count = input.shape[3]
      channel += count
      return Bordered.map(input.map, border: border, context: context) { row, target in
        let pixel = row * map.width
        let place = row / map.height * 3 * channels + first
        slopes.withPointer { slopes in
          input.withPointer { values in
            coefficients.withUnsafeBufferPointer { buffer in
              guard let base = buffer.baseAddress else { return }
              func run(_ addend: UnsafePointer<Float>?) {
                context.kernels.combineGradients(
                  pixelCount: map.width, channelCount: count,
                  gradient: slopes + pixel * channels + first, gradientStride: channels,
                  input: values + pixel * count, inputStride: count, gradientScale: base + place,
                  inputScale: base + place + channels, shift: base + place + 2 * channels,
                  addend: addend, addendStride: channels, output: target, outputStride: count)
              }
              guard let addend else { return run(nil) }
              addend.withPointer { run($0 + pixel * channels + first) }
            }
          }
        }
      }
    }
  }
}

/// The memory of four lists at once.
private func withPointers(
  _ first: [Float], _ second: [Float], _ third: [Float], _ fourth: [Float],
  _ body: (
    UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>
  ) -> Void
) {
  first.withUnsafeBufferPointer { first in
    second.withUnsafeBufferPointer { second in
      third.withUnsafeBufferPointer { third in
        fourth.withUnsafeBufferPointer { fourth in
          guard let first = first.baseAddress, let second = second.baseAddress,
            let third = third.baseAddress, let fourth = fourth.baseAddress
          else { return }
          body(first, second, third, fourth)
        }
      }
    }
  }
}
