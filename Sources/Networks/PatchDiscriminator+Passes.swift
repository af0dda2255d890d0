public import Tensors

extension PatchDiscriminator {
  /// What a forward pass leaves for the backward pass.
  public struct Cache: Sendable {
    /// Bordered, activated input of every layer.
    var inputs: [Tensor] = []
    /// Output of every convolution, before normalisation.
    var outputs: [Tensor] = []
    var statistics: [ChannelStatistics?] = []
  }

  /// The weights as the forward pass wants them; valid until the parameters change.
  public struct Weights: Sendable {
    let forward: [PackedMatrix]
  }

  /// Lays the weights out for forward passes.
  public func weights(context: ComputeContext) -> Weights {
    Weights(forward: layers.map { store.packed($0.convolution, context) })
  }

  /// The forward pass of training, with statistics of the batch.
  ///
  /// - Parameters:
  ///   - pictures: Maps `[N, H, W, C]` whose channels are put side by side, the condition first.
  ///   - weights: Of these parameters.
  ///   - context: Threads and kernels.
  /// - Returns: Logits `[N, H/8 − 2, W/8 − 2, 1]`, and what the backward pass needs.
  public func forward(
    _ pictures: [Tensor], weights: Weights, context: ComputeContext
  ) -> (logits: Tensor, cache: Cache) {
    var cache = Cache()
    var sources = pictures.map { RectificationInput($0) }
    for (index, layer) in layers.enumerated() {
      let place = layer.convolution
      let input = Rectification(slope: index == 0 ? 1 : 0.2)
        .forward(sources, border: place.convolution.shape.padding, context: context)
      let output = place.convolution.forward(
        input, weights: weights.forward[index], bias: store.bias(place), context: context)
      let statistics = layer.normalization.map { _ in
        BatchNormalization.statistics(output, scope: .batch, context: context)
      }
      var affine: ChannelAffine?
      if let normalization = layer.normalization, let statistics {
        affine = store.affine(normalization, statistics)
      }
      sources = [RectificationInput(output, affine: affine)]
      cache.inputs.append(input)
      cache.outputs.append(output)
      cache.statistics.append(statistics)
    }
    return (cache.outputs[layers.count - 1], cache)
  }

  /// Moves the running statistics towards those of a forward pass.
  public mutating func updateRunningStatistics(from cache: Cache) {
    for (layer, statistics) in zip(layers, cache.statistics) {
      guard let place = layer.normalization, let statistics else { continue }
      store.running[place.index].update(with: statistics, momentum: BatchNormalization.momentum)
    }
  }

  /// A gradient as tensors under PyTorch's names and in its layouts.
  public func named(_ gradient: ParameterGradient) -> StateDictionary {
    StateDictionary(store.parameterTensors(gradient.values))
  }

  /// A gradient of zeros.
  public var zeroGradient: ParameterGradient {
    ParameterGradient(zeros: store.values.count)
  }

  /// The backward pass: the gradient of the parameters, of some input channels, or both.
  ///
  /// - Parameters:
  ///   - logitGradient: Of the shape of the logits.
  ///   - cache: Of the forward pass.
  ///   - gradient: What to add the parameters' gradient to; nil leaves that out.
  ///   - inputChannels: The input channels whose gradient is wanted; nil for none.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, inputChannels.count]`; nil without input channels.
  @discardableResult
  public func backward(
    _ logitGradient: Tensor, cache: Cache, gradient: inout ParameterGradient?,
    inputChannels: Range<Int>? = nil, context: ComputeContext
  ) -> Tensor? {
    var slope = logitGradient
    for index in layers.indices.reversed() {
      let (place, input) = (layers[index].convolution, cache.inputs[index])
      let (shape, border) = (place.convolution.shape, place.convolution.shape.adjointPadding)
      let bordered = bordered(slope, index, cache, border: border, &gradient, context)
      gradient?.addWeights(
        place, input: input, gradient: bordered, gradientBorder: border, context: context)
      if let bias = place.bias {
        gradient?.add(slope.channelSums(context: context), at: bias)
      }
      guard index > 0 || inputChannels != nil else { return nil }
      let inputSlope = store.adjoint(
        place, bordered, height: input.shape[1] - 2 * shape.padding,
        width: input.shape[2] - 2 * shape.padding, context)
      slope = Rectification(slope: index == 0 ? 1 : 0.2).backward(
        inputSlope, activated: input, border: shape.padding,
        channels: (index == 0 ? inputChannels : nil) ?? 0..<input.shape[3], context: context)
    }
    return slope
  }

  /// The gradient of a convolution's output, through its normalisation, inside a border.
  private func bordered(
    _ slope: Tensor, _ index: Int, _ cache: Cache, border: Int,
    _ gradient: inout ParameterGradient?, _ context: ComputeContext
  ) -> Tensor {
    guard let place = layers[index].normalization, let statistics = cache.statistics[index] else {
      return Bordered.copy(slope, border: border, context: context)
    }
    let result = BatchNormalization.backward(
      slope, input: cache.outputs[index], statistics: statistics,
      weight: store.values[place.weight], border: border, context: context)
    gradient?.add(result.weight, at: place.weight)
    gradient?.add(result.bias, at: place.bias)
    return result.input
  }
}
