import Tensors

/// A map with its moments, which every normalisation that it enters needs.
struct DiffusionMap: Sendable {
  let map: Tensor
  let moments: ChannelMoments
}

/// What a residual block keeps for the backward pass.
struct ResidualCache: Sendable {
  var inputs: [Tensor] = []
  var firstStatistics = GroupStatistics(mean: [], inverseDeviation: [], batch: 0)
  var firstAffine = ChannelAffine(scale: [], shift: [])
  /// Bordered input of the first convolution.
  var firstInput = Tensor(zeros: [0])
  /// What is normalised the second time.
  var middle = Tensor(zeros: [0])
  var modulation: GroupNormalization.Modulation?
  var secondStatistics = GroupStatistics(mean: [], inverseDeviation: [], batch: 0)
  var secondAffine = ChannelAffine(scale: [], shift: [])
  /// Bordered input of the second convolution.
  var secondInput = Tensor(zeros: [0])
  /// Input of the convolution around the block, if there is one.
  var skipInput: Tensor?
}

/// What an attention block keeps.
struct AttentionCache: Sendable {
  var input = Tensor(zeros: [0])
  var statistics = GroupStatistics(mean: [], inverseDeviation: [], batch: 0)
  var affine = ChannelAffine(scale: [], shift: [])
  var normalized = Tensor(zeros: [0])
  var queries = Tensor(zeros: [0])
  var attended = Tensor(zeros: [0])
}

/// What a module keeps.
enum DiffusionModuleCache: Sendable {
  /// Bordered input of a convolution.
  case convolution(Tensor)
  case residual(ResidualCache)
  case attention(AttentionCache)
}

/// One forward pass of a diffusion network, for training and prediction.
struct DiffusionPass {
  let layout: DiffusionLayout
  let weights: DiffusionWeights
  let context: ComputeContext
  let keepsAll: Bool

  /// Of every module in the order of the pass.
  private(set) var modules: [DiffusionModuleCache] = []
  private(set) var timeInput = Tensor(zeros: [0])
  private(set) var timeMiddle = Tensor(zeros: [0])
  private(set) var embedding = Tensor(zeros: [0])
  /// SiLU of the embedding, `[1, 1, N, embeddingChannels]`: what every block takes.
  private(set) var activatedEmbedding = Tensor(zeros: [0])
  private(set) var lastInput = Tensor(zeros: [0])
  private(set) var lastMap = Tensor(zeros: [0])
  private(set) var lastStatistics = GroupStatistics(mean: [], inverseDeviation: [], batch: 0)
  private(set) var lastAffine = ChannelAffine(scale: [], shift: [])

  init(
    _ layout: DiffusionLayout, _ weights: DiffusionWeights, keepsAll: Bool, context: ComputeContext
  ) {
    self.layout = layout
    self.weights = weights
    self.keepsAll = keepsAll
    self.context = context
  }

  private var groupCount: Int { layout.configuration.groupCount }

  /// Hands over what the modules kept, so that each is freed when its gradient is done.
  mutating func takeModules() -> [DiffusionModuleCache] {
    defer { modules = [] }
    return modules
  }

  /// Runs the network on `[N, H, W, inputChannels]` with one noise level a sample.
  mutating func run(_ input: Tensor, levels: [Float]) -> Tensor {
    embed(levels)
    var stack: [DiffusionMap] = []
    var current = first(input)
    stack.append(current)
    for block in layout.input.dropFirst() {
      current = run(block, [current])
      stack.append(current)
    }
    current = run(layout.middle, [current])
    for block in layout.output { current = run(block, [current, stack.removeLast()]) }
    let place = weights.normalizations[layout.lastNormalization]
    let normalization = GroupNormalization(groupCount: groupCount, activates: true)
    let statistics = normalization.statistics([current.moments])
    let affine = normalization.affine(
      statistics, weight: place.weight[...], bias: place.bias[...])
    let bordered = normalization.forward(
      [current.map], affine: affine, border: 1, context: context)
    if keepsAll {
      (lastMap, lastStatistics, lastAffine) = (current.map, statistics, affine)
      lastInput = bordered
    }
    return convolve(layout.lastConvolution, bordered)
  }

  private mutating func embed(_ levels: [Float]) {
    timeInput = TimestepEmbedding.values(
      levels: levels, channels: layout.configuration.baseChannels)
    timeMiddle = convolve(layout.timeLayers.first, timeInput)
    embedding = convolve(layout.timeLayers.second, timeMiddle.sigmoidLinearUnit())
    activatedEmbedding = embedding.sigmoidLinearUnit()
  }

  private mutating func first(_ input: Tensor) -> DiffusionMap {
    guard case .convolution(let index) = layout.input[0][0] else {
      preconditionFailure("a network starts with a convolution")
    }
    let bordered = Bordered.copy(input, border: 1, context: context)
    if keepsAll { modules.append(.convolution(bordered)) }
    return measured(convolve(index, bordered))
  }

  private func convolve(_ index: Int, _ input: Tensor) -> Tensor {
    let layer = weights.layers[index]
    return layer.convolution.forward(
      input, weights: layer.weights, bias: layer.bias, context: context)
  }

  private func measured(_ map: Tensor) -> DiffusionMap {
    DiffusionMap(map: map, moments: map.channelMoments(context: context))
  }

  private mutating func run(
    _ block: [DiffusionLayout.Module], _ inputs: [DiffusionMap]
  ) -> DiffusionMap {
    var inputs = inputs
    for module in block {
      switch module {
      case .residual(let residual): inputs = [run(residual, inputs)]
      case .attention(let attention): inputs = [run(attention, inputs[0])]
      case .convolution(let index):
        inputs = [convolved(index, inputs[0].map)]
      case .halving(let index):
        let bordered = Bordered.copy(inputs[0].map, border: 1, context: context)
        if keepsAll { modules.append(.convolution(bordered)) }
        inputs = [measured(convolve(index, bordered).everySecondPixel(context: context))]
      case .doubling(let index):
        inputs = [convolved(index, Resampling.doubling.forward(inputs[0].map, context: context))]
      }
    }
    return inputs[0]
  }

  private mutating func convolved(_ index: Int, _ input: Tensor) -> DiffusionMap {
    let bordered = Bordered.copy(input, border: 1, context: context)
    if keepsAll { modules.append(.convolution(bordered)) }
    return measured(convolve(index, bordered))
  }

  private mutating func run(
    _ block: DiffusionLayout.Residual, _ inputs: [DiffusionMap]
  ) -> DiffusionMap {
    var cache = ResidualCache()
    cache.inputs = inputs.map(\.map)
    let before = weights.normalizations[block.firstNormalization]
    let first = GroupNormalization(
      groupCount: groupCount, activates: true, resampling: block.resampling)
    cache.firstStatistics = first.statistics(inputs.map(\.moments))
    cache.firstAffine = first.affine(
      cache.firstStatistics, weight: before.weight[...], bias: before.bias[...])
    cache.firstInput = first.forward(
      cache.inputs, affine: cache.firstAffine, border: 1, context: context)
    cache.middle = convolve(block.firstConvolution, cache.firstInput)
    if !keepsAll { cache.firstInput = Tensor(zeros: [0]) }

    let after = weights.normalizations[block.secondNormalization]
    let second = GroupNormalization(groupCount: groupCount, activates: true)
    let fromLevel = convolve(block.embedding, activatedEmbedding).values
    let moments = cache.middle.channelMoments(context: context)
    if layout.configuration.hasScaleShift {
      cache.modulation = Self.modulation(fromLevel, channels: block.outputChannels)
      cache.secondStatistics = second.statistics([moments])
    } else {
      cache.secondStatistics = second.statistics([moments], offsets: fromLevel)
    }
    cache.secondAffine = second.affine(
      cache.secondStatistics, weight: after.weight[...], bias: after.bias[...],
      modulation: cache.modulation)
    cache.secondInput = second.forward(
      [cache.middle], affine: cache.secondAffine, border: 1, context: context)
    if !keepsAll { cache.middle = Tensor(zeros: [0]) }
    var output = convolve(block.secondConvolution, cache.secondInput)
    if !keepsAll { cache.secondInput = Tensor(zeros: [0]) }

    let around = skipped(block, cache.inputs, &cache)
    let sum = output.add(around, context: context)
    if keepsAll { modules.append(.residual(cache)) }
    return DiffusionMap(map: output, moments: sum)
  }

  /// What is added to a block's result.
  private func skipped(
    _ block: DiffusionLayout.Residual, _ inputs: [Tensor], _ cache: inout ResidualCache
  ) -> Tensor {
    guard let skip = block.skip else {
      return block.resampling.forward(inputs[0], context: context)
    }
    // A rectification with slope 1 lays maps side by side.
    let joined =
      inputs.count == 1
      ? inputs[0]
      : Rectification(slope: 1).forward(
        inputs.map { RectificationInput($0) }, border: 0, context: context)
    if keepsAll { cache.skipInput = joined }
    return convolve(skip, joined)
  }

  /// The first half of the channels scales, the second shifts.
  private static func modulation(
    _ values: [Float], channels: Int
  ) -> GroupNormalization.Modulation {
    var result = GroupNormalization.Modulation(scale: [], shift: [])
    for start in stride(from: 0, to: values.count, by: 2 * channels) {
      result.scale += values[start..<start + channels]
      result.shift += values[start + channels..<start + 2 * channels]
    }
    return result
  }

  private mutating func run(
    _ block: DiffusionLayout.Attending, _ input: DiffusionMap
  ) -> DiffusionMap {
    let place = weights.normalizations[block.normalization]
    let normalization = GroupNormalization(groupCount: groupCount, activates: false)
    var cache = AttentionCache()
    cache.input = input.map
    cache.statistics = normalization.statistics([input.moments])
    cache.affine = normalization.affine(
      cache.statistics, weight: place.weight[...], bias: place.bias[...])
    cache.normalized = normalization.forward(
      [input.map], affine: cache.affine, border: 0, context: context)
    cache.queries = convolve(block.input, cache.normalized)
    cache.attended = block.attention.forward(cache.queries, context: context)
    var output = convolve(block.output, cache.attended)
    let sum = output.add(input.map, context: context)
    if keepsAll { modules.append(.attention(cache)) }
    return DiffusionMap(map: output, moments: sum)
  }
}
