public import Tensors

/// A generator ready to predict: its weights are laid out once for many tiles.
///
/// Immutable, so it may be shared between threads. A tile's result depends neither on the other tiles of
/// its batch nor on the number of threads.
public final class GeneratorPredictor: Sendable {
  /// The generator.
  public let generator: UNetGenerator
  /// Which statistics normalise.
  public let normalization: NormalizationMode
  private let weights: GeneratorWeights
  /// For fixed statistics.
  private let folded: FoldedGenerator?

  fileprivate init(
    _ generator: UNetGenerator, _ normalization: NormalizationMode, _ context: ComputeContext
  ) {
    self.generator = generator
    self.normalization = normalization
    let isFolded = normalization == .running && FoldedGenerator.suits(generator)
    folded = isFolded ? FoldedGenerator(generator, context: context) : nil
    // Dropout goes the general way, which is rare with fixed statistics.
    weights = isFolded ? .passing : .prepared(generator, context: context)
  }

  /// Bytes of memory of the parameters and of what was laid out.
  public var byteCount: Int {
    4 * generator.parameterCount + weights.byteCount + (folded?.byteCount ?? 0)
  }

  /// Predicts tiles.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` in [−1, 1].
  ///   - dropoutSeeds: One seed a sample switches dropout on; nil leaves it off.
  ///   - neighbourhoods: One a sample under `interpolated`, nil otherwise.
  ///   - context: Threads and kernels; the kernels are those the predictor was made with.
  /// - Returns: `[N, H, W, outputChannels]` in [−1, 1].
  /// - Throws: ``NetworkError/unsuitableSize(height:width:multiple:)`` if H or W is no multiple of the
  ///   generator's `sizeMultiple`.
  public func predict(
    _ input: Tensor, dropoutSeeds: [UInt64]? = nil,
    neighbourhoods: [StatisticsNeighbourhood]? = nil, context: ComputeContext
  ) throws(NetworkError) -> Tensor {
    try checkSize(input)
    let map = input.map
    precondition(
      dropoutSeeds.map { $0.count == map.batch } ?? true, "one dropout seed a sample is needed")
    precondition(
      neighbourhoods?.count == (normalization == .interpolated ? map.batch : nil),
      "one neighbourhood a sample goes with interpolated normalisation")
    if let folded, dropoutSeeds == nil {
      return folded.run(input, context: context).hyperbolicTangent(context: context)
    }
    return generator.pass(
      input, weights: weights, statistics: source(neighbourhoods),
      dropout: dropoutSeeds.map { .tiles($0) }, keepsAll: false, context: context
    ).output
  }

  /// What each tile would be normalised with by itself: the first of the two passes of `interpolated`.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` in [−1, 1].
  ///   - context: Threads and kernels.
  /// - Returns: One set of statistics a sample.
  /// - Throws: ``NetworkError/unsuitableSize(height:width:multiple:)``.
  public func statistics(
    _ input: Tensor, context: ComputeContext
  ) throws(NetworkError) -> [TileStatistics] {
    try checkSize(input)
    return generator.tileStatistics(
      of: generator.pass(
        input, weights: weights, statistics: .values(.sample), dropout: nil, keepsAll: false,
        context: context))
  }

  private func source(_ neighbourhoods: [StatisticsNeighbourhood]?) -> StatisticsSource {
    switch normalization {
    case .reference: .values(.sample)
    case .running: .running
    case .interpolated: .neighbourhoods(neighbourhoods ?? [])
    }
  }

  private func checkSize(_ input: Tensor) throws(NetworkError) {
    let map = input.map
    let multiple = generator.sizeMultiple
    guard map.height % multiple == 0 && map.width % multiple == 0 && map.pixelCount > 0 else {
      throw .unsuitableSize(height: map.height, width: map.width, multiple: multiple)
    }
  }
}

extension UNetGenerator {
  /// Channels of all normalisations: how many means ``TileStatistics`` hold.
  public var normalizedChannelCount: Int { store.running.reduce(0) { $0 + $1.mean.count } }

  /// Lays the weights out for prediction.
  ///
  /// - Parameters:
  ///   - normalization: Which statistics normalise.
  ///   - context: Threads and kernels.
  /// - Returns: A predictor for any number of tiles.
  public func prepared(
    normalization: NormalizationMode, context: ComputeContext
  ) -> GeneratorPredictor {
    GeneratorPredictor(self, normalization, context)
  }

  /// Replaces the running statistics by the averages over given batches, which weigh equally: mean of
  /// the batches' means, mean of their unbiased variances.
  ///
  /// The averages kept during training follow its last few batches; one pass over about a thousand
  /// training tiles makes `running` predict well. Dropout is off, as it is when predicting.
  ///
  /// - Parameters:
  ///   - batches: Inputs `[N, H, W, inputChannels]` in [−1, 1].
  ///   - context: Threads and kernels.
  public mutating func reestimateStatistics(
    batches: some Sequence<Tensor>, context: ComputeContext
  ) {
    let weights = GeneratorWeights.prepared(self, context: context)
    var averages = store.running
    var count = 0
    for batch in batches {
      let cache = pass(
        batch, weights: weights, statistics: .values(.batch), dropout: nil, keepsAll: false,
        context: context)
      count += 1
      for (level, values) in zip(levels, cache.levels) {
        if let place = level.downNormalization, let statistics = values.downStatistics {
          averages[place.index].update(with: statistics, momentum: 1 / Float(count))
        }
        if let place = level.upNormalization, let statistics = values.upStatistics {
          averages[place.index].update(with: statistics, momentum: 1 / Float(count))
        }
      }
    }
    store.running = averages
  }
}
