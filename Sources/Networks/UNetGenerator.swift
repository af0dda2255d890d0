import Tensors

/// The U-Net generator of pix2pix: halving convolutions down, transposed ones up, skips between.
///
/// At 8 levels and 64 base channels it is the reference's `unet_256` with 54,413,955 parameters. Level 1
/// is the outermost. Reference: junyanz/pytorch-CycleGAN-and-pix2pix, models/networks.py,
/// UnetGenerator and UnetSkipConnectionBlock.
public struct UNetGenerator: Sendable, Equatable {
  /// One level: its way down, its way up, and their normalisations where it has them.
  struct Level: Sendable, Equatable {
    let down: ConvolutionPlace
    let downNormalization: NormalizationPlace?
    let up: ConvolutionPlace
    let upNormalization: NormalizationPlace?
    /// Dropout follows the level's way up.
    let hasDropout: Bool
  }

  /// Channels after the first level; they double up to eight times this.
  public let baseChannels: Int
  /// Channels of the input.
  public let inputChannels: Int
  /// Channels of the output.
  public let outputChannels: Int
  /// How often the size is halved.
  public let downCount: Int

  var store: ParameterStore
  let levels: [Level]

  /// Makes a generator with weights drawn from N(0, 0.02²).
  ///
  /// - Parameters:
  ///   - baseChannels: Channels after the first level: 64 in the reference.
  ///   - inputChannels: Channels of the input, 3 for RGB.
  ///   - outputChannels: Channels of the output.
  ///   - downCount: How often the size is halved, 8 in the reference; at least 2.
  ///   - seed: Decides all weights.
  public init(
    baseChannels: Int, inputChannels: Int = 3, outputChannels: Int = 3, downCount: Int = 8,
    seed: UInt64
  ) {
    self.init(
      baseChannels: baseChannels, inputChannels: inputChannels, outputChannels: outputChannels,
      downCount: downCount)
    store.initialize(seed: seed)
  }

  /// Makes the generator that a state describes: width and depth are read from the shapes.
  ///
  /// - Throws: ``NetworkError/unknownArchitecture(problem:)`` when the names are not a generator's,
  ///   ``NetworkError/missingTensor(name:)`` or ``NetworkError/wrongShape(name:expected:found:)`` when
  ///   one tensor does not fit.
  public init(state: StateDictionary) throws(NetworkError) {
    guard let first = state["model.model.0.weight"], first.shape.count == 4,
      let last = state["model.model.3.weight"], last.shape.count == 4
    else {
      throw .unknownArchitecture(problem: "no U-Net generator, its outermost layers are absent")
    }
    // Under batch normalisation no convolution but the outermost has a bias.
    guard state["model.model.1.model.1.bias"] == nil else {
      throw .unknownArchitecture(
        problem: "a U-Net generator with instance normalisation, only --norm batch is supported")
    }
    var depth = 1
    var prefix = "model.model.1"
    while state[prefix + ".model.1.weight"] != nil {
      depth += 1
      prefix += ".model.3"
    }
    guard depth >= 2, let width = first.shape.first, width > 0, first.shape[1] > 0,
      last.shape[1] > 0
    else { throw .unknownArchitecture(problem: "a U-Net generator of \(depth) levels") }
    self.init(
      baseChannels: width, inputChannels: first.shape[1], outputChannels: last.shape[1],
      downCount: depth)
    try store.load(state)
  }

  private init(baseChannels: Int, inputChannels: Int, outputChannels: Int, downCount: Int) {
    precondition(
      downCount >= 2 && baseChannels > 0 && inputChannels > 0 && outputChannels > 0,
      "a generator of \(downCount) levels and \(baseChannels) base channels")
    self.baseChannels = baseChannels
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.downCount = downCount
    (store, levels) = Self.layout(baseChannels, inputChannels, outputChannels, downCount)
  }

  /// The number of trainable parameters.
  public var parameterCount: Int { store.values.count }

  /// Height and width of a picture must be multiples of this.
  public var sizeMultiple: Int { 1 << downCount }

  /// Parameters and running statistics under PyTorch's names, in its order and layouts.
  public var state: StateDictionary { store.state }

  /// Channels after a level on the way down; level 0 is the input.
  static func channels(_ level: Int, base: Int, input: Int) -> Int {
    level == 0 ? input : base * min(1 << (level - 1), 8)
  }

  /// A halving convolution, computed as suits its maps in pictures of 256 pixels.
  ///
  /// From the sixth level on they are so small, and at the fifth nearly so, that reading transformed weights
  /// would take longer than it saves. In training, where weights are transformed anew for every step, that holds a level earlier.
  private static func halving(
    _ level: Int, _ inputs: Int, _ outputs: Int, isTraining: Bool
  ) -> Convolution {
    let algorithm: ConvolutionAlgorithm
    switch isTraining ? level + 1 : level {
    case ...4: algorithm = .suited(to: .halving, inputChannels: inputs, outputChannels: outputs)
    case 5:
      algorithm = .suited(
        to: .halving, inputChannels: inputs, outputChannels: outputs, isSmall: true)
    default: algorithm = .direct
    }
    return Convolution(
      shape: .halving, inputChannels: inputs, outputChannels: outputs, algorithm: algorithm)
  }

  /// Lays out the parameters in the order of the reference's state: each level's way down, all that is
  /// inside it, its way up.
  private static func layout(
    _ base: Int, _ inputs: Int, _ outputs: Int, _ depth: Int
  ) -> (ParameterStore, [Level]) {
    var store = ParameterStore()
    var downs: [(ConvolutionPlace, NormalizationPlace?)] = []
    var prefixes = ["model"]
    for level in 1...depth {
      let prefix = prefixes[level - 1]
      let (larger, smaller) = (
        channels(level - 1, base: base, input: inputs), channels(level, base: base, input: inputs)
      )
      let place = store.appendConvolution(
        prefix + (level == 1 ? ".model.0" : ".model.1"),
        halving(level, larger, smaller, isTraining: false),
        training: halving(level, larger, smaller, isTraining: true))
      let isNormalized = level > 1 && level < depth
      downs.append(
        (
          place,
          isNormalized
            ? store.appendNormalization(
              prefix + ".model.2", channels: smaller) : nil
        ))
      prefixes.append(prefix + (level == 1 ? ".model.1" : ".model.3"))
    }
    var levels: [Level] = []
    for level in stride(from: depth, through: 1, by: -1) {
      let inner = channels(level, base: base, input: inputs)
      let (larger, smaller) = (
        level == 1 ? outputs : channels(level - 1, base: base, input: inputs),
        level == depth ? inner : 2 * inner
      )
      // Places in a block's list of modules: the innermost lacks norm and submodule on the way down.
      let index = level == 1 ? 3 : level == depth ? 3 : 5
      let prefix = prefixes[level - 1] + ".model."
      let place = store.appendConvolution(
        prefix + "\(index)", halving(level, larger, smaller, isTraining: false),
        training: halving(level, larger, smaller, isTraining: true),
        biasCount: level == 1 ? outputs : 0)
      let normalization =
        level == 1
        ? nil
        : store.appendNormalization(
          prefix + "\(index + 1)", channels: larger)
      levels.append(
        Level(
          down: downs[level - 1].0, downNormalization: downs[level - 1].1, up: place,
          upNormalization: normalization, hasDropout: level >= 5 && level < depth))
    }
    return (store, levels.reversed())
  }
}
