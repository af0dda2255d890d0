import Tensors

/// The place of a convolution's parameters in the flat list.
struct ConvolutionPlace: Sendable, Equatable {
  /// Such as `model.model.0`.
  let key: String
  /// As it is computed for many maps.
  let convolution: Convolution
  /// As it is computed for one batch of training, after which the weights change.
  let training: Convolution
  let weightOffset: Int
  /// The first bias and how many there are; nil without bias.
  let bias: Range<Int>?
  /// Axes of the window in a file: 2, and 1 or 0 where PyTorch has a one-dimensional convolution or a linear
  /// layer.
  let windowAxes: Int

  init(
    key: String, convolution: Convolution, training: Convolution? = nil, weightOffset: Int,
    bias: Range<Int>?, windowAxes: Int = 2
  ) {
    self.key = key
    self.convolution = convolution
    self.training = training ?? convolution
    self.weightOffset = weightOffset
    self.bias = bias
    self.windowAxes = windowAxes
  }

  /// PyTorch's `[out, in, k, k]`, and `[in, out, k, k]` for a transposed convolution: both put the
  /// channels of the smaller map first.
  var weightShape: [Int] {
    let size = convolution.shape.kernelSize
    return [convolution.outputChannels, convolution.inputChannels]
      + [Int](repeating: size, count: windowAxes)
  }
}

/// The place of a normalisation's parameters in the flat list and of its running statistics.
struct NormalizationPlace: Sendable, Equatable {
  let key: String
  let weight: Range<Int>
  let bias: Range<Int>
  /// The number of the normalisation in ``ParameterStore/running``.
  let index: Int
}

/// Running statistics of a normalisation.
struct RunningStatistics: Sendable, Equatable {
  var mean: [Float]
  var variance: [Float]
  var batchCount: Int64 = 0

  init(channels: Int) {
    mean = [Float](repeating: 0, count: channels)
    variance = [Float](repeating: 1, count: channels)
  }

  /// Moves the averages towards a batch; the variance enters unbiased.
  mutating func update(with batch: ChannelStatistics, momentum: Float) {
    let correction = Float(Double(batch.valueCount) / Double(max(1, batch.valueCount - 1)))
    for channel in mean.indices {
      mean[channel] += momentum * (batch.mean[channel] - mean[channel])
      variance[channel] += momentum * (batch.variance[channel] * correction - variance[channel])
    }
    batchCount += 1
  }

  var statistics: ChannelStatistics { ChannelStatistics(mean: mean, variance: variance) }
}

/// All parameters of a network in one flat list, so that an optimiser needs one loop, and the names and
/// layouts under which they are stored.
///
/// A convolution's weights lie tap by tap with channels last, `[k, k, in, out]`; files hold PyTorch's
/// `[out, in, k, k]`.
struct ParameterStore: Sendable, Equatable {
  enum Place: Sendable, Equatable {
    case convolution(ConvolutionPlace)
    case normalization(NormalizationPlace)
  }

  /// In stored order.
  private(set) var places: [Place] = []
  var values: [Float] = []
  var running: [RunningStatistics] = []

  /// Appends a convolution with zero parameters.
  mutating func appendConvolution(
    _ key: String, _ convolution: Convolution, training: Convolution? = nil, biasCount: Int = 0
  ) -> ConvolutionPlace {
    let offset = values.count
    let end = offset + convolution.weightCount
    let place = ConvolutionPlace(
      key: key, convolution: convolution, training: training, weightOffset: offset,
      bias: biasCount == 0 ? nil : end..<end + biasCount)
    values += [Float](repeating: 0, count: convolution.weightCount + biasCount)
    places.append(.convolution(place))
    return place
  }

  /// Appends a normalisation with factors 1 and offsets 0.
  mutating func appendNormalization(_ key: String, channels: Int) -> NormalizationPlace {
    let offset = values.count
    let place = NormalizationPlace(
      key: key, weight: offset..<offset + channels,
      bias: offset + channels..<offset + 2 * channels, index: running.count)
    values += [Float](repeating: 1, count: channels) + [Float](repeating: 0, count: channels)
    running.append(RunningStatistics(channels: channels))
    places.append(.normalization(place))
    return place
  }

  /// Draws weights from N(0, 0.02²) and normalisation factors from N(1, 0.02²).
  ///
  /// Every place has its own sequence, so a network's draws do not depend on one another.
  mutating func initialize(seed: UInt64) {
    for (index, place) in places.enumerated() {
      let random = CounterRandom(seed: seed, stream: UInt64(index))
      switch place {
      case .convolution(let place):
        let count = place.convolution.weightCount
        for first in stride(from: 0, to: count, by: 2) {
          let pair = 0.02 * random.normalPair(at: UInt64(first / 2))
          values[place.weightOffset + first] = pair.x
          if first + 1 < count { values[place.weightOffset + first + 1] = pair.y }
        }
      case .normalization(let place):
        for (draw, offset) in place.weight.enumerated() {
          values[offset] = 1 + 0.02 * random.normal(at: UInt64(draw))
        }
      }
    }
  }

  /// The affine step of a normalisation by given statistics.
  func affine(_ place: NormalizationPlace, _ statistics: ChannelStatistics) -> ChannelAffine {
    BatchNormalization.affine(
      statistics, weight: values[place.weight], bias: values[place.bias])
  }

  /// A convolution's bias; nil without one.
  func bias(_ place: ConvolutionPlace) -> [Float]? { place.bias.map { Array(values[$0]) } }

  /// Weights as ``Convolution/forward(_:weights:bias:context:)`` wants them.
  func packed(_ place: ConvolutionPlace, _ context: ComputeContext) -> PackedMatrix {
    withWeights(place) { place.convolution.packed($0, context: context) }
  }

  /// Weights as the convolution's adjoint wants them.
  func adjointPacked(_ place: ConvolutionPlace, _ context: ComputeContext) -> AdjointWeights {
    withWeights(place) { place.convolution.adjointPacked($0, context: context) }
  }

  /// A convolution's forward pass in training.
  func forward(_ place: ConvolutionPlace, _ input: Tensor, _ context: ComputeContext) -> Tensor {
    withWeights(place) { place.training.forward(input, storedWeights: $0, context: context) }
  }

  /// The adjoint of a convolution in training, to a map of the given size.
  func adjoint(
    _ place: ConvolutionPlace, _ gradient: Tensor, height: Int, width: Int, bias: [Float]? = nil,
    _ context: ComputeContext
  ) -> Tensor {
    withWeights(place) {
      place.training.adjoint(
        gradient, storedWeights: $0, height: height, width: width, bias: bias, context: context)
    }
  }

  private func withWeights<Result>(
    _ place: ConvolutionPlace, _ body: (UnsafePointer<Float>) -> Result
  ) -> Result {
    values.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("a network without weights") }
      return body(base + place.weightOffset)
    }
  }
}
