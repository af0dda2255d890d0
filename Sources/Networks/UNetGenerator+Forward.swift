public import Tensors

/// What one level keeps of a forward pass for the backward pass.
struct GeneratorLevelCache: Sendable {
  /// Bordered input of the way down.
  var downInput = Tensor(zeros: [0])
  /// Output of the convolution down, before normalisation.
  var downOutput = Tensor(zeros: [0])
  var downStatistics: ChannelStatistics?
  /// Bordered input of the way up.
  var upInput = Tensor(zeros: [0])
  /// Output of the transposed convolution, before normalisation.
  var upOutput = Tensor(zeros: [0])
  var upStatistics: ChannelStatistics?
  var dropoutFactors: Tensor?
}

/// Where the statistics of normalisation come from in a forward pass.
enum StatisticsSource: Sendable {
  /// The values themselves: the whole batch, or each sample.
  case values(BatchNormalization.Scope)
  /// The running averages.
  case running
  /// For each sample those of its place among its neighbours.
  case neighbourhoods([StatisticsNeighbourhood])
}

/// The weights of a generator as its forward pass wants them.
enum GeneratorWeights: Sendable {
  /// Laid out once, for many passes.
  case prepared(down: [PackedMatrix], up: [AdjointWeights])
  /// Those of the generator, for one pass: laid out in large pieces they would be several times as large as
  /// the parameters.
  case passing

  /// Lays all weights out.
  static func prepared(_ generator: UNetGenerator, context: ComputeContext) -> GeneratorWeights {
    .prepared(
      down: generator.levels.map { generator.store.packed($0.down, context) },
      up: generator.levels.map { generator.store.adjointPacked($0.up, context) })
  }

  /// Bytes of memory, beside the generator.
  var byteCount: Int {
    switch self {
    case .prepared(let down, let up):
      down.reduce(0) { $0 + $1.byteCount } + up.reduce(0) { $0 + $1.byteCount }
    case .passing: 0
    }
  }
}

extension UNetGenerator {
  /// What a forward pass leaves for the backward pass.
  public struct Cache: Sendable {
    var levels: [GeneratorLevelCache]
    /// After the hyperbolic tangent.
    var output: Tensor
  }

  /// The forward pass of training: statistics of the batch, dropout in the inner levels.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` in [−1, 1].
  ///   - dropout: Decides what is dropped; nil switches dropout off.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, outputChannels]` in [−1, 1], and what ``backward(_:cache:context:)`` needs.
  /// - Precondition: H and W are multiples of ``sizeMultiple``.
  public func forward(
    _ input: Tensor, dropout: DropoutSequences?,
    context: ComputeContext
  ) -> (output: Tensor, cache: Cache) {
    let cache = pass(
      input, weights: .passing, statistics: .values(.batch),
      dropout: dropout, keepsAll: true, context: context)
    return (cache.output, cache)
  }

  /// Moves the running statistics towards those of a forward pass.
  public mutating func updateRunningStatistics(from cache: Cache) {
    for (level, values) in zip(levels, cache.levels) {
      if let place = level.downNormalization, let statistics = values.downStatistics {
        store.running[place.index].update(
          with: statistics, momentum: BatchNormalization.momentum)
      }
      if let place = level.upNormalization, let statistics = values.upStatistics {
        store.running[place.index].update(
          with: statistics, momentum: BatchNormalization.momentum)
      }
    }
  }

  /// The one forward pass, for training and prediction.
  func pass(
    _ input: Tensor, weights: GeneratorWeights, statistics: StatisticsSource,
    dropout: DropoutSequences?, keepsAll: Bool,
    context: ComputeContext
  ) -> Cache {
    var caches = [GeneratorLevelCache](repeating: GeneratorLevelCache(), count: downCount)
    var inputs: [RectificationInput] = []
    for (index, level) in levels.enumerated() {
      let source = index == 0 ? RectificationInput(input) : inputs[index - 1]
      let bordered = Rectification(slope: index == 0 ? 1 : 0.2)
        .forward([source], border: ConvolutionShape.halving.padding, context: context)
      let output = down(index, bordered, weights, context)
      let (normalized, batch) = normalize(
        output, level.downNormalization, statistics, tile: input.map, context)
      inputs.append(normalized)
      caches[index].downStatistics = batch
      if keepsAll {
        caches[index].downInput = bordered
        caches[index].downOutput = output
      }
    }
    var inner: RectificationInput?
    for index in levels.indices.reversed() {
      let level = levels[index]
      let sources = inner.map { [inputs[index], $0] } ?? [inputs[index]]
      let bordered = Rectification(slope: 0)
        .forward(sources, border: ConvolutionShape.halving.adjointPadding, context: context)
      let size = inputs[index].map.map
      let output = up(index, bordered, size, weights, context)
      var (result, batch) = normalize(
        output, level.upNormalization, statistics, tile: input.map, context)
      if let dropout, level.hasDropout {
        let sequences = (0..<output.shape[0]).map {
          dropout.sequence(sample: $0, level: index + 1)
        }
        let factors = Dropout.factors(
          shape: output.shape, sequences: sequences, context: context)
        let plain = Rectification(slope: 1).forward([result], border: 0, context: context)
        result = RectificationInput(plain.multiplied(by: factors, context: context))
        caches[index].dropoutFactors = keepsAll ? factors : nil
      }
      inner = result
      caches[index].upStatistics = batch
      if keepsAll {
        caches[index].upInput = bordered
        caches[index].upOutput = output
      }
    }
    let output = inner?.map ?? input
    return Cache(levels: caches, output: output.hyperbolicTangent(context: context))
  }

  /// The convolution down of a level.
  private func down(
    _ level: Int, _ input: Tensor, _ weights: GeneratorWeights, _ context: ComputeContext
  ) -> Tensor {
    let place = levels[level].down
    switch weights {
    case .prepared(let down, _):
      return place.convolution.forward(input, weights: down[level], context: context)
    case .passing: return store.forward(place, input, context)
    }
  }

  /// The transposed convolution up of a level, from a map of the given size to one twice as large.
  private func up(
    _ level: Int, _ input: Tensor, _ size: FeatureMapShape, _ weights: GeneratorWeights,
    _ context: ComputeContext
  ) -> Tensor {
    let place = levels[level].up
    let bias = level == 0 ? store.bias(place) : nil
    let (height, width) = (2 * size.height, 2 * size.width)
    switch weights {
    case .prepared(_, let up):
      return place.convolution.adjoint(
        input, weights: up[level], height: height, width: width, bias: bias, context: context)
    case .passing:
      return store.adjoint(place, input, height: height, width: width, bias: bias, context)
    }
  }

  /// A map with its normalisation, and the statistics that were taken from its values, if they were.
  private func normalize(
    _ values: Tensor, _ place: NormalizationPlace?, _ source: StatisticsSource,
    tile: FeatureMapShape, _ context: ComputeContext
  ) -> (RectificationInput, ChannelStatistics?) {
    guard let place else { return (RectificationInput(values), nil) }
    switch source {
    case .running:
      let affine = store.affine(place, store.running[place.index].statistics)
      return (RectificationInput(values, affine: affine), nil)
    case .values(let scope):
      let statistics = BatchNormalization.statistics(values, scope: scope, context: context)
      return (
        RectificationInput(values, affine: store.affine(place, statistics)), statistics
      )
    case .neighbourhoods(let neighbourhoods):
      return (
        RectificationInput(
          interpolated(values, place, neighbourhoods, tile: tile, context: context)), nil
      )
    }
  }

  /// Normalises every pixel by the statistics of its place.
  private func interpolated(
    _ values: Tensor, _ place: NormalizationPlace, _ neighbourhoods: [StatisticsNeighbourhood],
    tile: FeatureMapShape, context: ComputeContext
  ) -> Tensor {
    let map = values.map
    let channels = statisticsRange(place)
    let moments = neighbourhoods.map { NeighbourhoodMoments($0, channels: channels) }
    let (weight, bias) = (store.values[place.weight], store.values[place.bias])
    var result = values
    result.values.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      nonisolated(unsafe) let pixels = base
      context.parallelism.forEach(count: map.batch * map.height) { row in
        moments[row / map.height].normalize(
          row: row % map.height, height: map.height, width: map.width,
          tileSize: (tile.height, tile.width),
          values: pixels + row * map.width * map.channels, weight: weight, bias: bias,
          epsilon: BatchNormalization.epsilon)
      }
    }
    return result
  }

  /// The channels of a normalisation among those of ``TileStatistics``.
  private func statisticsRange(_ place: NormalizationPlace) -> Range<Int> {
    let start = store.running[..<place.index].reduce(0) { $0 + $1.mean.count }
    return start..<start + place.weight.count
  }

  /// Each sample's own statistics, from a pass that normalised each by itself.
  func tileStatistics(of cache: Cache) -> [TileStatistics] {
    var byPlace = [ChannelStatistics?](repeating: nil, count: store.running.count)
    for (level, values) in zip(levels, cache.levels) {
      if let place = level.downNormalization { byPlace[place.index] = values.downStatistics }
      if let place = level.upNormalization { byPlace[place.index] = values.upStatistics }
    }
    let all = byPlace.compactMap { $0 }
    return (0..<cache.output.shape[0]).map { sample in
      func part(_ list: [Float], _ groups: Int) -> ArraySlice<Float> {
        let count = list.count / groups
        return list[sample * count..<(sample + 1) * count]
      }
      return TileStatistics(
        mean: all.flatMap { part($0.mean, $0.groupCount) },
        variance: all.flatMap { part($0.variance, $0.groupCount) })
    }
  }
}
