public import Tensors

extension SegmentationUNet {
  /// A gradient as tensors under PyTorch's names and in its layouts.
  public func named(_ gradient: ParameterGradient) -> StateDictionary {
    StateDictionary(store.parameterTensors(gradient.values))
  }

  /// The backward pass of training.
  ///
  /// - Parameters:
  ///   - logitGradient: `[N, H, W, classCount]`.
  ///   - cache: Of the forward pass.
  ///   - context: Threads and kernels.
  /// - Returns: The gradient of every parameter.
  public func backward(
    _ logitGradient: Tensor, cache: Cache, context: ComputeContext
  ) -> ParameterGradient {
    var gradient = ParameterGradient(unwritten: store.values.count)
    var slope = headBackward(logitGradient, cache, &gradient, context)
    /// Gradients that the skips carry, innermost level first as the ascents run out.
    var skips: [Tensor] = []
    for index in ascents.indices.reversed() {
      let ascent = ascents[index]
      let joined = blockBackward(
        ascent.block, cache.ascents[index], slope, &gradient, context)
      let channels = ascent.up.convolution.inputChannels
      // Slope 1: the parts of a gradient, whatever the values.
      func part(_ channels: Range<Int>) -> Tensor {
        Rectification(slope: 1).backward(
          joined, activated: cache.ascents[index].input, border: ConvolutionShape.centred.padding,
          channels: channels, context: context)
      }
      skips.append(part(0..<channels))
      let doubled = part(channels..<2 * channels)
      if let bias = ascent.up.bias {
        gradient.add(doubled.channelSums(context: context), at: bias)
      }
      gradient.addWeights(
        ascent.up, input: doubled, gradient: cache.doubled[index],
        gradientBorder: ConvolutionShape.doubling.adjointPadding, context: context)
      slope = store.forward(ascent.up, doubled, context)
    }
    for index in descents.indices.reversed() {
      let input = blockBackward(
        descents[index], cache.descents[index], slope, &gradient, context,
        needsInput: index > 0)
      guard index > 0 else { break }
      slope = MaximumHalving.backward(
        input, input: cache.descents[index - 1].activated, addend: skips.removeLast(),
        context: context)
    }
    return gradient
  }

  private func headBackward(
    _ slope: Tensor, _ cache: Cache, _ gradient: inout ParameterGradient,
    _ context: ComputeContext
  ) -> Tensor {
    let input = cache.ascents[ascents.count - 1].activated
    if let bias = head.bias { gradient.add(slope.channelSums(context: context), at: bias) }
    gradient.addWeights(head, input: input, gradient: slope, gradientBorder: 0, context: context)
    return store.adjoint(
      head, slope, height: input.map.height, width: input.map.width, context)
  }

  /// Through a block: from the gradient of its result to that of its input, without border; an empty one
  /// where nobody needs it.
  private func blockBackward(
    _ block: Block, _ values: SegmentationBlockCache, _ slope: Tensor,
    _ gradient: inout ParameterGradient, _ context: ComputeContext, needsInput: Bool = true
  ) -> Tensor {
    let border = ConvolutionShape.centred.padding
    let second = normalizationBackward(
      Rectification(slope: 0).backward(
        slope, activated: values.activated, border: 0, channels: 0..<slope.map.channels,
        context: context),
      block.secondNormalization, values.secondOutput, values.secondStatistics, &gradient, context)
    gradient.addWeights(
      block.second, input: values.middle, gradient: second, gradientBorder: border,
      context: context)
    let size = slope.map
    let middle = store.adjoint(
      block.second, second, height: size.height, width: size.width, context)
    let first = normalizationBackward(
      Rectification(slope: 0).backward(
        middle, activated: values.middle, border: border, channels: 0..<middle.map.channels,
        context: context),
      block.firstNormalization, values.firstOutput, values.firstStatistics, &gradient, context)
    gradient.addWeights(
      block.first, input: values.input, gradient: first, gradientBorder: border, context: context)
    guard needsInput else { return Tensor(zeros: [0]) }
    return store.adjoint(block.first, first, height: size.height, width: size.width, context)
  }

  /// Through a normalisation, into the border that the convolution before it wants.
  private func normalizationBackward(
    _ slope: Tensor, _ place: NormalizationPlace, _ input: Tensor,
    _ statistics: ChannelStatistics?, _ gradient: inout ParameterGradient,
    _ context: ComputeContext
  ) -> Tensor {
    guard let statistics else {
      preconditionFailure("a cache of a pass that did not train")
    }
    return store.backward(
      place, slope, input: input, statistics: statistics,
      border: ConvolutionShape.centred.adjointPadding, &gradient, context)
  }
}
