public import Tensors

/// What one block keeps of a forward pass for the backward pass.
struct SegmentationBlockCache: Sendable {
  /// Bordered input.
  var input = Tensor(zeros: [0])
  /// Outputs of the convolutions, before normalisation.
  var firstOutput = Tensor(zeros: [0])
  var secondOutput = Tensor(zeros: [0])
  var firstStatistics: ChannelStatistics?
  var secondStatistics: ChannelStatistics?
  /// Bordered input of the second convolution.
  var middle = Tensor(zeros: [0])
  /// The result, without border.
  var activated = Tensor(zeros: [0])
}

/// The weights of the network as its forward pass wants them.
enum SegmentationWeights: Sendable {
  /// Laid out once, for many passes, by the place of the first weight.
  case prepared(centred: [Int: PackedMatrix], doubling: [Int: AdjointWeights])
  /// Those of the network, for one pass.
  case passing

  /// Lays all weights out.
  static func prepared(
    _ network: SegmentationUNet, context: ComputeContext
  ) -> SegmentationWeights {
    var centred: [Int: PackedMatrix] = [:]
    for block in network.descents + network.ascents.map(\.block) {
      for place in [block.first, block.second] {
        centred[place.weightOffset] = network.store.packed(place, context)
      }
    }
    centred[network.head.weightOffset] = network.store.packed(network.head, context)
    var doubling: [Int: AdjointWeights] = [:]
    for ascent in network.ascents {
      doubling[ascent.up.weightOffset] = network.store.adjointPacked(ascent.up, context)
    }
    return .prepared(centred: centred, doubling: doubling)
  }
}

extension SegmentationUNet {
  /// What a forward pass leaves for the backward pass.
  public struct Cache: Sendable {
    var descents: [SegmentationBlockCache] = []
    var ascents: [SegmentationBlockCache] = []
    /// Bordered inputs of the transposed convolutions.
    var doubled: [Tensor] = []
  }

  /// The forward pass of training: statistics of the batch.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` in [−1, 1].
  ///   - context: Threads and kernels.
  /// - Returns: Logits `[N, H, W, classCount]`, and what ``backward(_:cache:context:)`` needs.
  /// - Precondition: H and W are multiples of ``sizeMultiple``.
  public func forward(
    _ input: Tensor, context: ComputeContext
  ) -> (logits: Tensor, cache: Cache) {
    pass(input, weights: .passing, isTraining: true, context: context)
  }

  /// Moves the running statistics towards those of a forward pass.
  public mutating func updateRunningStatistics(from cache: Cache) {
    let blocks = descents + ascents.map(\.block)
    for (block, values) in zip(blocks, cache.descents + cache.ascents) {
      for (place, statistics) in [
        (block.firstNormalization, values.firstStatistics),
        (block.secondNormalization, values.secondStatistics),
      ] {
        guard let statistics else { continue }
        store.running[place.index].update(
          with: statistics, momentum: BatchNormalization.momentum)
      }
    }
  }

  /// The one forward pass, for training and prediction.
  func pass(
    _ input: Tensor, weights: SegmentationWeights, isTraining: Bool, context: ComputeContext
  ) -> (logits: Tensor, cache: Cache) {
    let border = ConvolutionShape.centred.padding
    let run = Run(
      network: self, weights: weights, isTraining: isTraining, context: context)
    var cache = Cache()
    /// Results of the way down, outermost first: what the skips carry.
    var skips: [Tensor] = []
    for block in descents {
      let bordered =
        skips.last.map { MaximumHalving.forward($0, border: border, context: context) }
        ?? Bordered.copy(input, border: border, context: context)
      let values = run.block(block, bordered)
      skips.append(values.activated)
      if isTraining { cache.descents.append(values) }
    }
    var current = skips.removeLast()
    for ascent in ascents {
      let skip = skips.removeLast()
      let inner = Bordered.copy(
        current, border: ConvolutionShape.doubling.adjointPadding, context: context)
      let doubled = run.doubled(ascent.up, inner, size: skip.map)
      let joined = Rectification(slope: 1).forward(
        [RectificationInput(skip), RectificationInput(doubled)], border: border, context: context)
      let values = run.block(ascent.block, joined)
      current = values.activated
      if isTraining {
        cache.doubled.append(inner)
        cache.ascents.append(values)
      }
    }
    return (run.headed(current), cache)
  }

  /// The steps of one pass.
  private struct Run {
    let network: SegmentationUNet
    let weights: SegmentationWeights
    let isTraining: Bool
    let context: ComputeContext

    /// Two convolutions, each normalised and rectified.
    func block(_ block: Block, _ input: Tensor) -> SegmentationBlockCache {
      var values = SegmentationBlockCache()
      let first = convolved(block.first, input)
      let (firstAffine, firstStatistics) = affine(block.firstNormalization, first)
      let middle = Rectification(slope: 0).forward(
        [RectificationInput(first, affine: firstAffine)], border: ConvolutionShape.centred.padding,
        context: context)
      let second = convolved(block.second, middle)
      let (secondAffine, secondStatistics) = affine(block.secondNormalization, second)
      values.activated = Rectification(slope: 0).forward(
        [RectificationInput(second, affine: secondAffine)], border: 0, context: context)
      guard isTraining else { return values }
      values.input = input
      values.firstOutput = first
      values.firstStatistics = firstStatistics
      values.middle = middle
      values.secondOutput = second
      values.secondStatistics = secondStatistics
      return values
    }

    /// A transposed convolution to a map of the given size.
    func doubled(_ place: ConvolutionPlace, _ input: Tensor, size: FeatureMapShape) -> Tensor {
      let bias = network.store.bias(place)
      guard case .prepared(_, let doubling) = weights, let packed = doubling[place.weightOffset]
      else {
        return network.store.adjoint(
          place, input, height: size.height, width: size.width, bias: bias, context)
      }
      return place.convolution.adjoint(
        input, weights: packed, height: size.height, width: size.width, bias: bias,
        context: context)
    }

    /// The last convolution, of one tap.
    func headed(_ input: Tensor) -> Tensor {
      let place = network.head
      let packed: PackedMatrix
      if case .prepared(let centred, _) = weights, let known = centred[place.weightOffset] {
        packed = known
      } else {
        packed = network.store.packed(place, context)
      }
      return place.convolution.forward(
        input, weights: packed, bias: network.store.bias(place), context: context)
    }

    private func convolved(_ place: ConvolutionPlace, _ input: Tensor) -> Tensor {
      guard case .prepared(let centred, _) = weights, let packed = centred[place.weightOffset]
      else { return network.store.forward(place, input, context) }
      return place.convolution.forward(input, weights: packed, context: context)
    }

    /// A normalisation of a map, with the statistics that were taken of it, if they were.
    private func affine(
      _ place: NormalizationPlace, _ values: Tensor
    ) -> (ChannelAffine, ChannelStatistics?) {
      guard isTraining else {
        return (
          network.store.affine(place, network.store.running[place.index].statistics), nil
        )
      }
      let statistics = BatchNormalization.statistics(values, scope: .batch, context: context)
      return (network.store.affine(place, statistics), statistics)
    }
  }
}
