public import Tensors

/// The gradient of every parameter of a network, as one flat list; the network names its parts.
public struct ParameterGradient: Sendable, Equatable {
  var values: [Float]
  /// Whether gradients are added to what is there, or written: a network that visits each parameter once
  /// need not clear the list first.
  private let accumulates: Bool

  /// Zeros, to which any number of passes add.
  init(zeros count: Int) {
    values = [Float](repeating: 0, count: count)
    accumulates = true
  }

  /// Memory for one pass, which must write every parameter.
  init(unwritten count: Int) {
    values = [Float](unsafeUninitializedCapacity: count) { $1 = count }
    accumulates = false
  }

  /// Adds a convolution's weight gradient.
  mutating func addWeights(
    _ place: ConvolutionPlace, input: Tensor, gradient: Tensor, gradientBorder: Int,
    context: ComputeContext
  ) {
    values.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      place.training.weightGradient(
        input: input, gradient: gradient, gradientBorder: gradientBorder, accumulates: accumulates,
        to: base + place.weightOffset, context: context)
    }
  }

  /// Adds consecutive parameters' gradients.
  mutating func add(_ addends: [Float], at range: Range<Int>) {
    precondition(addends.count == range.count, "\(addends.count) gradients for \(range)")
    if accumulates {
      for (offset, addend) in zip(range, addends) { values[offset] += addend }
    } else {
      values.replaceSubrange(range, with: addends)
    }
  }
}

extension UNetGenerator {
  /// A gradient as tensors under PyTorch's names and in its layouts.
  public func named(_ gradient: ParameterGradient) -> StateDictionary {
    StateDictionary(store.parameterTensors(gradient.values))
  }

  /// The backward pass of training.
  ///
  /// - Parameters:
  ///   - outputGradient: `[N, H, W, outputChannels]`.
  ///   - cache: Of the forward pass.
  ///   - context: Threads and kernels.
  /// - Returns: The gradient of every parameter.
  public func backward(
    _ outputGradient: Tensor, cache: Cache, context: ComputeContext
  ) -> ParameterGradient {
    var gradient = ParameterGradient(unwritten: store.values.count)
    var (skips, slope) = upwards(outputGradient, cache, &gradient, context)
    for index in levels.indices.reversed() {
      let place = levels[index].down
      let values = cache.levels[index]
      gradient.addWeights(
        place, input: values.downInput, gradient: slope,
        gradientBorder: ConvolutionShape.halving.adjointPadding, context: context)
      guard index > 0 else { break }
      let outer = cache.levels[index - 1].downOutput.map
      let inputSlope = store.adjoint(
        place, slope, height: outer.height, width: outer.width, context)
      let skip = skips[index - 1]
      skips[index - 1] = nil
      let activated = Rectification(slope: 0.2).backward(
        inputSlope, activated: values.downInput, border: ConvolutionShape.halving.padding,
        channels: 0..<outer.channels, addend: skip, context: context)
      slope = normalizationBackward(
        activated, levels[index - 1].downNormalization, cache.levels[index - 1].downOutput,
        cache.levels[index - 1].downStatistics,
        border: ConvolutionShape.halving.adjointPadding, &gradient, context)
    }
    return gradient
  }

  /// From the output to the innermost level: returns the gradients that the skips carry, by level, and
  /// the bordered gradient of the innermost convolution's output.
  private func upwards(
    _ outputGradient: Tensor, _ cache: Cache, _ gradient: inout ParameterGradient,
    _ context: ComputeContext
  ) -> (skips: [Tensor?], innermost: Tensor) {
    let border = ConvolutionShape.halving.padding
    let output = outputGradient.hyperbolicTangentGradient(
      result: cache.output, context: context)
    if let bias = levels[0].up.bias {
      gradient.add(output.channelSums(context: context), at: bias)
    }
    var slope = Bordered.copy(output, border: border, context: context)
    var skips: [Tensor?] = []
    for (index, level) in levels.enumerated() {
      let values = cache.levels[index]
      gradient.addWeights(
        level.up, input: slope, gradient: values.upInput,
        gradientBorder: ConvolutionShape.halving.adjointPadding, context: context)
      let inputSlope = store.forward(level.up, slope, context)
      let channels = level.down.convolution.outputChannels
      func rectified(_ channels: Range<Int>) -> Tensor {
        Rectification(slope: 0).backward(
          inputSlope, activated: values.upInput,
          border: ConvolutionShape.halving.adjointPadding, channels: channels, context: context)
      }
      skips.append(rectified(0..<channels))
      guard index + 1 < levels.count else { break }
      var inner = rectified(channels..<inputSlope.shape[3])
      let next = cache.levels[index + 1]
      if let factors = next.dropoutFactors {
        inner = inner.multiplied(by: factors, context: context)
      }
      slope = normalizationBackward(
        inner, levels[index + 1].upNormalization, next.upOutput, next.upStatistics,
        border: border, &gradient, context)
    }
    let innermost = Bordered.copy(
      skips[levels.count - 1] ?? output, border: ConvolutionShape.halving.adjointPadding,
      context: context)
    return (skips, innermost)
  }

  /// Through a normalisation, or only into a border where there is none.
  private func normalizationBackward(
    _ slope: Tensor, _ place: NormalizationPlace?, _ input: Tensor,
    _ statistics: ChannelStatistics?, border: Int, _ gradient: inout ParameterGradient,
    _ context: ComputeContext
  ) -> Tensor {
    guard let place, let statistics else {
      return Bordered.copy(slope, border: border, context: context)
    }
    return store.backward(
      place, slope, input: input, statistics: statistics, border: border, &gradient, context)
  }
}

extension ParameterStore {
  /// Through a normalisation: adds the gradients of its parameters, and returns that of its input inside a
  /// border.
  func backward(
    _ place: NormalizationPlace, _ slope: Tensor, input: Tensor, statistics: ChannelStatistics,
    border: Int, _ gradient: inout ParameterGradient, _ context: ComputeContext
  ) -> Tensor {
    let result = BatchNormalization.backward(
      slope, input: input, statistics: statistics, weight: values[place.weight],
      border: border, context: context)
    gradient.add(result.weight, at: place.weight)
    gradient.add(result.bias, at: place.bias)
    return result.input
  }
}
