import Tensors

/// The U-Net that names the tissue of every pixel: two 3 × 3 convolutions a level, each normalised and
/// rectified, the maximum of 2 × 2 pixels down, transposed convolutions of 2 × 2 up, skips between.
///
/// At 4 halvings and 64 base channels it is the public code's network with 31 million parameters. Reference:
/// Ronneberger et al. 2015, arXiv:1505.04597, in the form of milesial/Pytorch-UNet, unet/unet_parts.py and
/// unet_model.py (with batch normalisation, padding and `bilinear=False`), whose names its state has.
public struct SegmentationUNet: Sendable, Equatable {
  /// Two convolutions with their normalisations.
  struct Block: Sendable, Equatable {
    let first: ConvolutionPlace
    let firstNormalization: NormalizationPlace
    let second: ConvolutionPlace
    let secondNormalization: NormalizationPlace
  }

  /// The way up to a level: doubling, then a block over skip and doubled map.
  struct Ascent: Sendable, Equatable {
    let up: ConvolutionPlace
    let block: Block
  }

  /// Channels after the first block; they double with every halving.
  public let baseChannels: Int
  /// Channels of the input.
  public let inputChannels: Int
  /// Classes that a pixel can have.
  public let classCount: Int
  /// How often the size is halved.
  public let downCount: Int

  var store: ParameterStore
  /// `inc`, then `down1` and so on.
  let descents: [Block]
  /// `up1`, the innermost, and so on.
  let ascents: [Ascent]
  let head: ConvolutionPlace

  /// The most classes that a pixel can be given.
  public static let mostClasses = 64

  /// Makes a network with weights drawn from N(0, 2 / inputs) and offsets of 0.
  ///
  /// Reference: He et al. 2015, arXiv:1502.01852, equation 10.
  ///
  /// - Parameters:
  ///   - baseChannels: Channels after the first block, 64 in the reference.
  ///   - classCount: Classes that a pixel can have, at least 2.
  ///   - inputChannels: Channels of the input, 3 for RGB.
  ///   - downCount: How often the size is halved, 4 in the reference; at least 1.
  ///   - seed: Decides all weights.
  public init(
    baseChannels: Int, classCount: Int, inputChannels: Int = 3, downCount: Int = 4, seed: UInt64
  ) {
    self.init(
      baseChannels: baseChannels, inputChannels: inputChannels, classCount: classCount,
      downCount: downCount)
    store.initializeByInputCount(seed: seed)
  }

  /// Makes the network that a state describes: width, depth and classes are read from the shapes.
  ///
  /// Earlier versions of the public code have offsets before the normalisations; they are taken into the
  /// running means, which changes no result.
  ///
  /// - Throws: ``NetworkError/unknownArchitecture(problem:)`` when the names are not this network's,
  ///   ``NetworkError/missingTensor(name:)`` or ``NetworkError/wrongShape(name:expected:found:)`` when
  ///   one tensor does not fit.
  public init(state: StateDictionary) throws(NetworkError) {
    let tensors = state.byName
    guard let first = tensors["inc.double_conv.0.weight"], first.shape.count == 4,
      let head = tensors["outc.conv.weight"], head.shape.count == 4
    else {
      throw .unknownArchitecture(problem: "no segmentation U-Net, its outermost layers are absent")
    }
    var depth = 0
    while tensors["down\(depth + 1).maxpool_conv.1.double_conv.0.weight"] != nil { depth += 1 }
    guard depth >= 1, depth <= 8, first.shape[0] > 0, first.shape[1] > 0 else {
      throw .unknownArchitecture(problem: "a segmentation U-Net of \(depth) halvings")
    }
    guard tensors["up1.up.weight"] != nil else {
      throw .unknownArchitecture(
        problem: "a segmentation U-Net that doubles by interpolation, "
          + "only bilinear=False (transposed convolutions) is supported")
    }
    guard (2...Self.mostClasses).contains(head.shape[0]) else {
      throw .unknownArchitecture(
        problem: "a segmentation U-Net of \(head.shape[0]) classes, not 2 to \(Self.mostClasses)")
    }
    // The outermost and the largest tensor are there before memory for all of them is taken. A tensor without
    // elements could tell any width.
    _ = try tensors.floats("inc.double_conv.0.weight", [first.shape[0], first.shape[1], 3, 3])
    let innermost = "down\(depth).maxpool_conv.1.double_conv.3.weight"
    let channels = first.shape[0] << depth
    _ = try tensors.floats(innermost, [channels, channels, 3, 3])
    self.init(
      baseChannels: first.shape[0], inputChannels: first.shape[1], classCount: head.shape[0],
      downCount: depth)
    try store.load(state)
    for block in descents + ascents.map(\.block) {
      try takeOffset(of: block.first, into: block.firstNormalization, tensors)
      try takeOffset(of: block.second, into: block.secondNormalization, tensors)
    }
  }

  private init(baseChannels: Int, inputChannels: Int, classCount: Int, downCount: Int) {
    precondition(
      downCount >= 1 && baseChannels > 0 && inputChannels > 0
        && (2...Self.mostClasses).contains(classCount),
      "a U-Net of \(downCount) halvings, \(baseChannels) base channels and \(classCount) classes")
    self.baseChannels = baseChannels
    self.inputChannels = inputChannels
    self.classCount = classCount
    self.downCount = downCount
    var store = ParameterStore()
    descents = (0...downCount).map { level in
      store.appendBlock(
        level == 0 ? "inc" : "down\(level).maxpool_conv.1",
        inputs: level == 0 ? inputChannels : baseChannels << (level - 1),
        outputs: baseChannels << level)
    }
    ascents = (1...downCount).map { index in
      let outer = baseChannels << (downCount - index)
      let up = store.appendConvolution(
        "up\(index).up",
        Convolution(shape: .doubling, inputChannels: outer, outputChannels: 2 * outer),
        biasCount: outer)
      return Ascent(
        up: up,
        block: store.appendBlock("up\(index).conv", inputs: 2 * outer, outputs: outer))
    }
    head = store.appendConvolution(
      "outc.conv",
      Convolution(shape: .pointwise, inputChannels: baseChannels, outputChannels: classCount),
      biasCount: classCount)
    self.store = store
  }

  /// The number of trainable parameters.
  public var parameterCount: Int { store.values.count }

  /// Height and width of a picture must be multiples of this.
  public var sizeMultiple: Int { 1 << downCount }

  /// Pixels around a place that its class depends on, wherever the picture begins, as a multiple of
  /// ``sizeMultiple``.
  ///
  /// Two 3 × 3 convolutions reach 2 · 2ˡ pixels at level l, once at the innermost and on both ways at the
  /// others; the grid of the innermost pixels shifts by less than one of them.
  public var reach: Int {
    let ways = 4 * (sizeMultiple - 1) + 2 * sizeMultiple
    return (ways + 2 * sizeMultiple - 2) / sizeMultiple * sizeMultiple
  }

  /// Parameters and running statistics under PyTorch's names, in its order and layouts.
  public var state: StateDictionary { store.state }

  private mutating func takeOffset(
    of convolution: ConvolutionPlace, into normalization: NormalizationPlace,
    _ tensors: [String: NamedTensor]
  ) throws(NetworkError) {
    let name = convolution.key + ".bias"
    guard tensors[name] != nil else { return }
    let offsets = try tensors.floats(name, [normalization.weight.count])
    for (channel, offset) in offsets.enumerated() {
      store.running[normalization.index].mean[channel] -= offset
    }
  }
}

extension ConvolutionShape {
  /// 2 × 2 taps, stride 2, no padding: transposed, every pixel becomes a square of four by itself.
  static let doubling = ConvolutionShape(kernelSize: 2, stride: 2, padding: 0)
}

extension ParameterStore {
  /// Appends `double_conv` of a part of the network.
  fileprivate mutating func appendBlock(
    _ key: String, inputs: Int, outputs: Int
  ) -> SegmentationUNet.Block {
    func convolution(_ inputs: Int) -> Convolution {
      Convolution(shape: .centred, inputChannels: inputs, outputChannels: outputs)
    }
    let first = appendConvolution("\(key).double_conv.0", convolution(inputs))
    let firstNormalization = appendNormalization("\(key).double_conv.1", channels: outputs)
    let second = appendConvolution("\(key).double_conv.3", convolution(outputs))
    let secondNormalization = appendNormalization("\(key).double_conv.4", channels: outputs)
    return SegmentationUNet.Block(
      first: first, firstNormalization: firstNormalization, second: second,
      secondNormalization: secondNormalization)
  }

  /// Draws weights from N(0, 2 / inputs), where an output pixel is a sum of so many products.
  ///
  /// Every place has its own sequence, so a network's draws do not depend on one another.
  fileprivate mutating func initializeByInputCount(seed: UInt64) {
    for (index, place) in places.enumerated() {
      guard case .convolution(let place) = place else { continue }
      let convolution = place.convolution
      // A transposed convolution sums over the smaller map's channels, one of its taps for each output pixel.
      let isTransposed = convolution.shape == .doubling
      let taps = convolution.shape.kernelSize * convolution.shape.kernelSize
      let inputs = isTransposed ? convolution.outputChannels : taps * convolution.inputChannels
      let deviation = (2 / Float(inputs)).squareRoot()
      let random = CounterRandom(seed: seed, stream: UInt64(index))
      for draw in 0..<convolution.weightCount {
        values[place.weightOffset + draw] = deviation * random.normal(at: UInt64(draw))
      }
    }
  }
}
