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

  fileprivate init(
    _ generator: UNetGenerator, _ normalization: NormalizationMode, _ context: ComputeContext
  ) {
    self.generator = generator
    self.normalization = normalization
    weights = GeneratorWeights(generator, context: context)
  }

  /// Predicts tiles.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` in [−1, 1].
  ///   - dropoutSeeds: One seed a sample switches dropout on; nil leaves it off.
  ///   - context: Threads and kernels; the kernels are those the predictor was made with.
  /// - Returns: `[N, H, W, outputChannels]` in [−1, 1].
  /// - Throws: ``NetworkError/unsuitableSize(height:width:multiple:)`` if H or W is no multiple of the
  ///   generator's `sizeMultiple`.
  public func predict(
    _ input: Tensor, dropoutSeeds: [UInt64]? = nil, context: ComputeContext
  ) throws(NetworkError) -> Tensor {
    let map = input.map
    let multiple = generator.sizeMultiple
    guard map.height % multiple == 0 && map.width % multiple == 0 && map.pixelCount > 0 else {
      throw .unsuitableSize(height: map.height, width: map.width, multiple: multiple)
    }
    precondition(
      dropoutSeeds.map { $0.count == map.batch } ?? true, "one dropout seed a sample is needed")
    return generator.pass(
      input, weights: weights,
      statistics: normalization == .running ? .running : .values(.sample),
      dropout: dropoutSeeds.map { .tiles($0) }, keepsAll: false, context: context
    ).output
  }
}

extension UNetGenerator {
  /// Lays the weights out for prediction.
  ///
  /// - Parameters:
  ///   - normalization: Which statistics normalise.
  ///   - context: Threads and kernels.
  /// - Returns: A predictor for any number of tiles.
  /// - Throws: ``NetworkError/unsupportedNormalization(mode:)`` for `interpolated`.
  public func prepared(
    normalization: NormalizationMode, context: ComputeContext
  ) throws(NetworkError) -> GeneratorPredictor {
    guard normalization != .interpolated else {
      throw .unsupportedNormalization(mode: normalization.rawValue)
    }
    return GeneratorPredictor(self, normalization, context)
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
    let weights = GeneratorWeights(self, context: context)
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
