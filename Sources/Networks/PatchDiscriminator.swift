import Tensors

/// The 70 × 70 PatchGAN discriminator: a map of logits, one for every window of 70 pixels.
///
/// With 6 input and 64 base channels it has 2,768,705 parameters. Reference:
/// junyanz/pytorch-CycleGAN-and-pix2pix, models/networks.py, NLayerDiscriminator with n_layers 3.
public struct PatchDiscriminator: Sendable, Equatable {
  struct Layer: Sendable, Equatable {
    let convolution: ConvolutionPlace
    let normalization: NormalizationPlace?
  }

  /// Channels after the first layer.
  public let baseChannels: Int
  /// Channels of the input: those of both pictures together.
  public let inputChannels: Int

  var store: ParameterStore
  let layers: [Layer]

  /// Makes a discriminator with weights drawn from N(0, 0.02²).
  ///
  /// - Parameters:
  ///   - baseChannels: Channels after the first layer: 64 in the reference.
  ///   - inputChannels: Channels of input and output picture together.
  ///   - seed: Decides all weights.
  public init(baseChannels: Int, inputChannels: Int = 6, seed: UInt64) {
    self.init(baseChannels: baseChannels, inputChannels: inputChannels)
    store.initialize(seed: seed)
  }

  /// Makes the discriminator that a state describes.
  ///
  /// - Throws: ``NetworkError/unknownArchitecture(problem:)`` when the first layer is absent,
  ///   ``NetworkError/missingTensor(name:)`` or ``NetworkError/wrongShape(name:expected:found:)`` when
  ///   one tensor does not fit.
  public init(state: StateDictionary) throws(NetworkError) {
    guard let first = state["model.0.weight"], first.shape.count == 4, first.shape[0] > 0,
      first.shape[1] > 0
    else {
      throw .unknownArchitecture(problem: "no PatchGAN discriminator, its first layer is absent")
    }
    self.init(baseChannels: first.shape[0], inputChannels: first.shape[1])
    try store.load(state)
  }

  private init(baseChannels: Int, inputChannels: Int) {
    precondition(
      baseChannels > 0 && inputChannels > 0,
      "a discriminator of \(inputChannels) input and \(baseChannels) base channels")
    self.baseChannels = baseChannels
    self.inputChannels = inputChannels
    var store = ParameterStore()
    var layers: [Layer] = []
    let widths = [
      inputChannels, baseChannels, 2 * baseChannels, 4 * baseChannels, 8 * baseChannels, 1,
    ]
    // Numbers in the reference's list of modules, where activations count too.
    let keys = [0, 2, 5, 8, 11]
    for index in keys.indices {
      let isEdge = index == 0 || index == keys.count - 1
      let convolution = Convolution(
        shape: index < 3 ? .halving : .overlapping, inputChannels: widths[index],
        outputChannels: widths[index + 1])
      let place = store.appendConvolution(
        "model.\(keys[index])", convolution, biasCount: isEdge ? widths[index + 1] : 0)
      layers.append(
        Layer(
          convolution: place,
          normalization: isEdge
            ? nil
            : store.appendNormalization(
              "model.\(keys[index] + 1)", channels: widths[index + 1])))
    }
    self.store = store
    self.layers = layers
  }

  /// The number of trainable parameters.
  public var parameterCount: Int { store.values.count }

  /// Parameters and running statistics under PyTorch's names, in its order and layouts.
  public var state: StateDictionary { store.state }
}
