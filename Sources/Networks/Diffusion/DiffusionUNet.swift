import Tensors

/// The diffusion U-Net of the bridge: residual blocks with group normalisation and SiLU, attention, skips,
/// and the noise level in every block.
///
/// Parameters carry the names and the order of the reference. Reference: openai/guided-diffusion, unet.py,
/// `UNetModel`.
public struct DiffusionUNet: Sendable, Equatable {
  let layout: DiffusionLayout
  var values: [Float]

  /// Makes a network with PyTorch's initial parameters: uniform within `1 / √(fan in)`, and zeros in the last
  /// convolution of every residual block, behind every attention, and at the end.
  ///
  /// - Parameters:
  ///   - configuration: Its form.
  ///   - seed: Decides all weights.
  /// - Precondition: The configuration has no `problem`.
  public init(configuration: DiffusionConfiguration, seed: UInt64) {
    precondition(configuration.problem == nil, configuration.problem ?? "")
    layout = DiffusionLayout(configuration)
    values = [Float](repeating: 0, count: layout.count)
    for place in layout.normalizations {
      for index in place.weight { values[index] = 1 }
    }
    for (index, place) in layout.convolutions.enumerated() where !layout.zeroed.contains(index) {
      let random = CounterRandom(seed: seed, stream: UInt64(index))
      let convolution = place.convolution
      let fan = convolution.weightCount / convolution.outputChannels
      let bound = Float(1 / Double(fan).squareRoot())
      // Weights, then biases.
      for draw in 0..<convolution.weightCount + convolution.outputChannels {
        values[place.weightOffset + draw] = bound * (2 * random.uniform(at: UInt64(draw)) - 1)
      }
    }
  }

  /// Makes the network that a state holds.
  ///
  /// - Parameters:
  ///   - configuration: Its form.
  ///   - state: Its parameters; other tensors are ignored.
  /// - Throws: ``NetworkError/unknownArchitecture(problem:)``, ``NetworkError/missingTensor(name:)`` or
  ///   ``NetworkError/wrongShape(name:expected:found:)``.
  public init(
    configuration: DiffusionConfiguration, state: StateDictionary
  ) throws(NetworkError) {
    if let problem = configuration.problem { throw .unknownArchitecture(problem: problem) }
    layout = DiffusionLayout(configuration)
    values = try layout.list(from: state)
  }

  /// Makes a network that starts from another one's parameters, and is shown a second picture.
  ///
  /// Where that one takes one picture, the first layer gets fresh weights for the second picture beside its own;
  /// everything else is taken as it is. Reference: NVlabs/I2SB, i2sb/ckpt_util.py, which starts so from ADM.
  ///
  /// - Parameters:
  ///   - state: The parameters of a network with or without a second picture.
  ///   - configuration: Its form.
  ///   - seed: Decides the fresh weights.
  /// - Throws: As ``init(configuration:state:)``.
  public init(
    conditionalFrom state: StateDictionary, configuration: DiffusionConfiguration, seed: UInt64
  ) throws(NetworkError) {
    let known = try DiffusionUNet(configuration: configuration, state: state)
    guard !configuration.isConditional else {
      self = known
      return
    }
    let fresh = DiffusionUNet(configuration: configuration.conditional(true), seed: seed)
    let tensors = zip(fresh.state.tensors, known.state.tensors).map { fresh, known in
      guard fresh.shape != known.shape, case .float32(var values) = fresh.contents,
        case .float32(let taken) = known.contents
      else { return known }
      // [outputs, inputs, 3, 3]: the first inputs of every output.
      let (row, takenRow) = (values.count / fresh.shape[0], taken.count / known.shape[0])
      for output in 0..<fresh.shape[0] {
        for index in 0..<takenRow {
          values[output * row + index] = taken[output * takenRow + index]
        }
      }
      return NamedTensor(fresh.name, fresh.shape, values)
    }
    try self.init(
      configuration: configuration.conditional(true), state: StateDictionary(tensors))
  }

  /// The form.
  public var configuration: DiffusionConfiguration { layout.configuration }

  /// The number of trainable parameters.
  public var parameterCount: Int { layout.count }

  /// The parameters under the reference's names, in its order and layouts.
  public var state: StateDictionary { StateDictionary(layout.tensors(values)) }
}

extension DiffusionConfiguration {
  /// Names and shapes of all parameters, in stored order; nothing for a form that has a `problem`.
  public var parameterShapes: [(name: String, shape: [Int])] {
    problem == nil ? DiffusionLayout(self).shapes : []
  }

  /// The number of trainable parameters.
  public var parameterCount: Int { problem == nil ? DiffusionLayout(self).count : 0 }

  /// Multiply-adds of convolutions, linear layers and attention in a forward pass over one picture; nothing
  /// for a form that has a `problem`.
  public func multiplyAddCount(height: Int, width: Int) -> Int {
    problem == nil ? DiffusionLayout(self).multiplyAddCount(height: height, width: width) : 0
  }
}
