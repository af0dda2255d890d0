import Tensors

/// One backward pass of a diffusion network.
struct DiffusionBackward {
  private(set) var gradient: ParameterGradient

  private let layout: DiffusionLayout
  private let values: [Float]
  private let pass: DiffusionPass
  private var modules: [DiffusionModuleCache]
  private let context: ComputeContext
  /// Of SiLU of the embedding, summed over all blocks.
  private var embeddingSlope: Tensor

  init(
    _ network: DiffusionUNet, _ modules: [DiffusionModuleCache], _ pass: DiffusionPass,
    _ gradient: ParameterGradient
  ) {
    layout = network.layout
    values = network.values
    self.pass = pass
    self.gradient = gradient
    self.modules = modules
    context = pass.context
    embeddingSlope = Tensor(zeros: pass.activatedEmbedding.shape)
  }

  private var groupCount: Int { layout.configuration.groupCount }

  mutating func run(_ outputGradient: Tensor) {
    let place = layout.normalizations[layout.lastNormalization]
    let inner = convolved(layout.lastConvolution, input: pass.lastInput, slope: outputGradient)
    let last = GroupNormalization(groupCount: groupCount, activates: true).backward(
      inner, inputs: [pass.lastMap], statistics: pass.lastStatistics, affine: pass.lastAffine,
      weight: values[place.weight], bias: values[place.bias], context: context)
    add(last, layout.lastNormalization)
    var slope = last.inputs[0]
    // Of the maps on the stack, the one that was pushed last at the end.
    var skips: [Tensor] = []
    for block in layout.output.reversed() {
      let slopes = backward(block, slope)
      slope = slopes[0]
      skips.append(slopes[1])
    }
    slope = backward(layout.middle, slope)[0]
    for block in layout.input.dropFirst().reversed() {
      slope = backward(block, sum(slope, skips.removeLast()))[0]
    }
    _ = backward(layout.input[0], sum(slope, skips.removeLast()), needsInput: false)
    backwardEmbedding()
  }

  private func sum(_ first: Tensor, _ second: Tensor) -> Tensor {
    first.adding(second, context: context)
  }

  /// The gradients of a block's inputs.
  private mutating func backward(
    _ block: [DiffusionLayout.Module], _ slope: Tensor, needsInput: Bool = true
  ) -> [Tensor] {
    var slopes = [slope]
    for module in block.reversed() {
      let cache = modules.removeLast()
      switch (module, cache) {
      case (.residual(let residual), .residual(let cache)):
        slopes = backward(residual, cache, slopes[0])
      case (.attention(let attention), .attention(let cache)):
        slopes = [backward(attention, cache, slopes[0])]
      case (.convolution(let index), .convolution(let input)):
        slopes = [convolved(index, input: input, slope: slopes[0], needsInput: needsInput)]
      case (.halving(let index), .convolution(let input)):
        let (height, width) = (input.shape[1] - 2, input.shape[2] - 2)
        let spread = slopes[0].atEverySecondPixel(height: height, width: width)
        slopes = [convolved(index, input: input, slope: spread)]
      case (.doubling(let index), .convolution(let input)):
        let inner = convolved(index, input: input, slope: slopes[0])
        slopes = [Resampling.doubling.backward(inner, context: context)]
      default: preconditionFailure("the cache is that of another network")
      }
    }
    return slopes
  }

  // The backward pass of a convolution that keeps the size: adds the gradients of weights and bias, and
  // gives that of the input without border, if it is wanted. `slope` may come inside its border already.
  private mutating func convolved(
    _ index: Int, input: Tensor, slope: Tensor, isBordered: Bool = false, needsInput: Bool = true
  ) -> Tensor {
    let place = layout.convolutions[index]
    let border = place.convolution.shape.adjointPadding
    let bordered =
      isBordered || border == 0 ? slope : Bordered.copy(slope, border: border, context: context)
    gradient.addWeights(
      place, input: input, gradient: bordered, gradientBorder: border, context: context)
    if let bias = place.bias { gradient.add(slope.channelSums(context: context), at: bias) }
    guard needsInput else { return slope }
    let map = bordered.map
    return values.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("a network without weights") }
      return place.training.adjoint(
        bordered, storedWeights: base + place.weightOffset, height: map.height - 2 * border,
        width: map.width - 2 * border, context: context)
    }
  }

  private mutating func add(_ slopes: GroupNormalization.Gradient, _ index: Int) {
    let place = layout.normalizations[index]
    gradient.add(slopes.weight, at: place.weight)
    gradient.add(slopes.bias, at: place.bias)
  }

  private mutating func backward(
    _ block: DiffusionLayout.Residual, _ cache: ResidualCache, _ slope: Tensor
  ) -> [Tensor] {
    let after = layout.normalizations[block.secondNormalization]
    let inner = convolved(block.secondConvolution, input: cache.secondInput, slope: slope)
    let second = GroupNormalization(groupCount: groupCount, activates: true).backward(
      inner, inputs: [cache.middle], statistics: cache.secondStatistics,
      affine: cache.secondAffine, weight: values[after.weight], bias: values[after.bias],
      modulation: cache.modulation, border: 1, context: context)
    add(second, block.secondNormalization)
    addLevel(block, second)

    let outer = convolved(
      block.firstConvolution, input: cache.firstInput, slope: second.inputs[0], isBordered: true)
    let around: Tensor
    if let skip = block.skip, let input = cache.skipInput {
      around = convolved(skip, input: input, slope: slope)
    } else {
      around = block.resampling.backward(slope, context: context)
    }
    let before = layout.normalizations[block.firstNormalization]
    let first = GroupNormalization(
      groupCount: groupCount, activates: true, resampling: block.resampling
    ).backward(
      outer, inputs: cache.inputs, statistics: cache.firstStatistics, affine: cache.firstAffine,
      weight: values[before.weight], bias: values[before.bias], addend: around, context: context)
    add(first, block.firstNormalization)
    return first.inputs
  }

  /// Takes a block's gradient back to the embedding.
  private mutating func addLevel(
    _ block: DiffusionLayout.Residual, _ second: GroupNormalization.Gradient
  ) {
    let batch = pass.activatedEmbedding.shape[2]
    let channels = block.outputChannels
    var slopes: [Float] = []
    if layout.configuration.hasScaleShift {
      for sample in 0..<batch {
        let range = sample * channels..<(sample + 1) * channels
        slopes += second.modulation.scale[range] + second.modulation.shift[range]
      }
    } else {
      // The level is added to every pixel before the normalisation; the border is zero.
      let map = second.inputs[0]
      let size = map.count / batch
      for sample in 0..<batch {
        let part = Tensor(
          shape: [1] + map.shape.dropFirst(),
          values: Array(map.values[sample * size..<(sample + 1) * size]))
        slopes += part.channelSums(context: context)
      }
    }
    let slope = Tensor(shape: [1, 1, batch, slopes.count / batch], values: slopes)
    let inner = convolved(block.embedding, input: pass.activatedEmbedding, slope: slope)
    embeddingSlope = embeddingSlope.adding(inner, context: context)
  }

  private mutating func backward(
    _ block: DiffusionLayout.Attending, _ cache: AttentionCache, _ slope: Tensor
  ) -> Tensor {
    let attended = convolved(block.output, input: cache.attended, slope: slope)
    let queries = block.attention.backward(attended, input: cache.queries, context: context)
    let normalized = convolved(block.input, input: cache.normalized, slope: queries)
    let place = layout.normalizations[block.normalization]
    let result = GroupNormalization(groupCount: groupCount, activates: false).backward(
      normalized, inputs: [cache.input], statistics: cache.statistics, affine: cache.affine,
      weight: values[place.weight], bias: values[place.bias], addend: slope, context: context)
    add(result, block.normalization)
    return result.inputs[0]
  }

  private mutating func backwardEmbedding() {
    let second = embeddingSlope.sigmoidLinearUnitGradient(input: pass.embedding)
    let inner = convolved(
      layout.timeLayers.second, input: pass.timeMiddle.sigmoidLinearUnit(), slope: second)
    let first = inner.sigmoidLinearUnitGradient(input: pass.timeMiddle)
    _ = convolved(
      layout.timeLayers.first, input: pass.timeInput, slope: first, needsInput: false)
  }
}
