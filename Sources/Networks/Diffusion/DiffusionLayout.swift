import Tensors

/// The modules of a diffusion U-Net and the places of its parameters in one flat list, in the order of the
/// reference's state.
struct DiffusionLayout: Sendable, Equatable {
  /// The place of a normalisation's factors and offsets.
  struct Normalization: Sendable, Equatable {
    let key: String
    let weight: Range<Int>
    let bias: Range<Int>
  }

  /// A residual block; numbers are those of ``DiffusionLayout/normalizations`` and
  /// ``DiffusionLayout/convolutions``.
  struct Residual: Sendable, Equatable {
    let firstNormalization: Int
    let firstConvolution: Int
    let embedding: Int
    let secondNormalization: Int
    let secondConvolution: Int
    /// Nil where the block keeps its number of channels.
    let skip: Int?
    let resampling: Resampling
    let outputChannels: Int
  }

  /// An attention block.
  struct Attending: Sendable, Equatable {
    let normalization: Int
    let input: Int
    let output: Int
    let attention: Attention
  }

  enum Module: Sendable, Equatable {
    case convolution(Int)
    case residual(Residual)
    case attention(Attending)
    /// A convolution of which every second row and column is kept.
    case halving(Int)
    /// A convolution after doubling.
    case doubling(Int)
  }

  enum Entry: Sendable, Equatable {
    case convolution(Int)
    case normalization(Int)
  }

  let configuration: DiffusionConfiguration
  private(set) var entries: [Entry] = []
  private(set) var convolutions: [ConvolutionPlace] = []
  private(set) var normalizations: [Normalization] = []
  /// Convolutions that start with zeros.
  private(set) var zeroed: Set<Int> = []
  /// Parameters in all.
  private(set) var count = 0
  private(set) var timeLayers: (first: Int, second: Int) = (0, 0)
  private(set) var input: [[Module]] = []
  private(set) var middle: [Module] = []
  private(set) var output: [[Module]] = []
  private(set) var lastNormalization = 0
  private(set) var lastConvolution = 0

  static func == (left: DiffusionLayout, right: DiffusionLayout) -> Bool {
    // Everything follows from the configuration.
    left.configuration == right.configuration
  }

  init(_ configuration: DiffusionConfiguration) {
    self.configuration = configuration
    let (base, embedding) = (configuration.baseChannels, configuration.embeddingChannels)
    timeLayers = (
      append("time_embed.0", base, embedding, .pointwise, axes: 0),
      append("time_embed.2", embedding, embedding, .pointwise, axes: 0)
    )
    var channels = configuration.multipliers[0] * base
    input.append([
      .convolution(append("input_blocks.0.0", configuration.inputChannels, channels, .centred))
    ])
    var skips = [channels]
    for (level, multiplier) in configuration.multipliers.enumerated() {
      let attends = configuration.attentionFactors.contains(1 << level)
      for _ in 0..<configuration.residualBlocks {
        let prefix = "input_blocks.\(input.count)"
        var block = [residual("\(prefix).0", channels, multiplier * base)]
        channels = multiplier * base
        if attends { block.append(attention("\(prefix).1", channels)) }
        input.append(block)
        skips.append(channels)
      }
      if level + 1 < configuration.multipliers.count {
        let prefix = "input_blocks.\(input.count).0"
        input.append([
          configuration.hasResidualResampling
            ? residual(prefix, channels, channels, .halving)
            : .halving(append("\(prefix).op", channels, channels, .centred))
        ])
        skips.append(channels)
      }
    }
    middle = [
      residual("middle_block.0", channels, channels), attention("middle_block.1", channels),
      residual("middle_block.2", channels, channels),
    ]
    for (level, multiplier) in configuration.multipliers.enumerated().reversed() {
      let attends = configuration.attentionFactors.contains(1 << level)
      for index in 0...configuration.residualBlocks {
        let prefix = "output_blocks.\(output.count)"
        var block = [residual("\(prefix).0", channels + skips.removeLast(), multiplier * base)]
        channels = multiplier * base
        if attends { block.append(attention("\(prefix).1", channels)) }
        if level > 0 && index == configuration.residualBlocks {
          let place = "\(prefix).\(block.count)"
          block.append(
            configuration.hasResidualResampling
              ? residual(place, channels, channels, .doubling)
              : .doubling(append("\(place).conv", channels, channels, .centred)))
        }
        output.append(block)
      }
    }
    lastNormalization = append("out.0", channels: channels)
    lastConvolution = append("out.2", channels, configuration.pictureChannels, .centred)
    zeroed.insert(lastConvolution)
  }

  private mutating func append(
    _ key: String, _ inputs: Int, _ outputs: Int, _ shape: ConvolutionShape, axes: Int = 2
  ) -> Int {
    let convolution = Convolution(shape: shape, inputChannels: inputs, outputChannels: outputs)
    let end = count + convolution.weightCount
    convolutions.append(
      ConvolutionPlace(
        key: key, convolution: convolution, weightOffset: count, bias: end..<end + outputs,
        windowAxes: axes))
    count = end + outputs
    entries.append(.convolution(convolutions.count - 1))
    return convolutions.count - 1
  }

  private mutating func append(_ key: String, channels: Int) -> Int {
    normalizations.append(
      Normalization(
        key: key, weight: count..<count + channels, bias: count + channels..<count + 2 * channels))
    count += 2 * channels
    entries.append(.normalization(normalizations.count - 1))
    return normalizations.count - 1
  }

  private mutating func residual(
    _ key: String, _ inputs: Int, _ outputs: Int, _ resampling: Resampling = .none
  ) -> Module {
    let block = Residual(
      firstNormalization: append("\(key).in_layers.0", channels: inputs),
      firstConvolution: append("\(key).in_layers.2", inputs, outputs, .centred),
      embedding: append(
        "\(key).emb_layers.1", configuration.embeddingChannels,
        configuration.hasScaleShift ? 2 * outputs : outputs, .pointwise, axes: 0),
      secondNormalization: append("\(key).out_layers.0", channels: outputs),
      secondConvolution: append("\(key).out_layers.3", outputs, outputs, .centred),
      skip: inputs == outputs
        ? nil : append("\(key).skip_connection", inputs, outputs, .pointwise),
      resampling: resampling, outputChannels: outputs)
    zeroed.insert(block.secondConvolution)
    return .residual(block)
  }

  private mutating func attention(_ key: String, _ channels: Int) -> Module {
    let block = Attending(
      normalization: append("\(key).norm", channels: channels),
      input: append("\(key).qkv", channels, 3 * channels, .pointwise, axes: 1),
      output: append("\(key).proj_out", channels, channels, .pointwise, axes: 1),
      attention: Attention(
        headCount: channels / configuration.headChannels,
        headChannels: configuration.headChannels))
    zeroed.insert(block.output)
    return .attention(block)
  }

  /// Names and shapes of all tensors in stored order.
  var shapes: [(name: String, shape: [Int])] {
    entries.flatMap { entry -> [(name: String, shape: [Int])] in
      switch entry {
      case .convolution(let index):
        let place = convolutions[index]
        return [
          (place.key + ".weight", place.weightShape),
          (place.key + ".bias", [place.convolution.outputChannels]),
        ]
      case .normalization(let index):
        let place = normalizations[index]
        return [
          (place.key + ".weight", [place.weight.count]), (place.key + ".bias", [place.bias.count]),
        ]
      }
    }
  }

  /// A flat list laid out like the parameters as named tensors.
  func tensors(_ list: [Float]) -> [NamedTensor] {
    precondition(list.count == count, "\(list.count) values for \(count) parameters")
    return entries.flatMap { entry -> [NamedTensor] in
      switch entry {
      case .convolution(let index):
        let place = convolutions[index]
        let bias = place.bias ?? 0..<0
        return [
          NamedTensor(place.key + ".weight", place.weightShape, place.exported(list)),
          NamedTensor(place.key + ".bias", [bias.count], Array(list[bias])),
        ]
      case .normalization(let index):
        let place = normalizations[index]
        return [
          NamedTensor(place.key + ".weight", [place.weight.count], Array(list[place.weight])),
          NamedTensor(place.key + ".bias", [place.bias.count], Array(list[place.bias])),
        ]
      }
    }
  }

  /// A flat list laid out like the parameters from named tensors; others are ignored.
  func list(from state: StateDictionary) throws(NetworkError) -> [Float] {
    let tensors = state.byName
    var list = [Float](repeating: 0, count: count)
    for entry in entries {
      switch entry {
      case .convolution(let index):
        let place = convolutions[index]
        place.importWeights(
          try tensors.floats(place.key + ".weight", place.weightShape), into: &list)
        if let bias = place.bias {
          list.replaceSubrange(bias, with: try tensors.floats(place.key + ".bias", [bias.count]))
        }
      case .normalization(let index):
        let place = normalizations[index]
        let shape = [place.weight.count]
        list.replaceSubrange(place.weight, with: try tensors.floats(place.key + ".weight", shape))
        list.replaceSubrange(place.bias, with: try tensors.floats(place.key + ".bias", shape))
      }
    }
    return list
  }
}
