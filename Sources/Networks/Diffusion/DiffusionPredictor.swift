public import Tensors

/// A diffusion network ready to predict: its weights are laid out once for many tiles and steps.
///
/// Immutable, so it may be shared between threads. A tile's result depends neither on the other tiles of
/// its batch nor on the number of threads.
public final class DiffusionPredictor: Sendable {
  private let layout: DiffusionLayout
  private let weights: DiffusionWeights

  /// Lays the weights out.
  ///
  /// - Parameters:
  ///   - configuration: The network's form.
  ///   - state: Its parameters; other tensors are ignored.
  ///   - context: Threads and kernels.
  /// - Throws: ``NetworkError/unknownArchitecture(problem:)``, ``NetworkError/missingTensor(name:)`` or
  ///   ``NetworkError/wrongShape(name:expected:found:)``.
  public init(
    configuration: DiffusionConfiguration, state: StateDictionary, context: ComputeContext
  ) throws(NetworkError) {
    if let problem = configuration.problem { throw .unknownArchitecture(problem: problem) }
    layout = DiffusionLayout(configuration)
    weights = try DiffusionWeights(layout, state: state, context: context)
  }

  /// The network's form.
  public var configuration: DiffusionConfiguration { layout.configuration }

  /// Predicts the direction `(x_t − x_0) / σ_t` of tiles.
  ///
  /// - Parameters:
  ///   - tiles: `[N, H, W, 3]`, about [−1, 1]: the states `x_t`.
  ///   - levels: One noise level a tile, from 0.1 to 1000.
  ///   - condition: `[N, H, W, 3]` in [−1, 1] for a conditional network, nil for another.
  ///   - context: Threads and kernels; the kernels are those the predictor was made with.
  /// - Returns: `[N, H, W, 3]`.
  /// - Throws: ``NetworkError/unsuitableSize(height:width:multiple:)`` if H or W is no multiple of the
  ///   configuration's `sizeMultiple`.
  public func predict(
    _ tiles: Tensor, levels: [Float], condition: Tensor? = nil, context: ComputeContext
  ) throws(NetworkError) -> Tensor {
    let input = try layout.joined(tiles, levels: levels, condition: condition, context: context)
    var pass = DiffusionPass(layout, weights, keepsAll: false, context: context)
    return pass.run(input, levels: levels)
  }
}

extension DiffusionLayout {
  /// Tiles beside their condition.
  func joined(
    _ tiles: Tensor, levels: [Float], condition: Tensor?, context: ComputeContext
  ) throws(NetworkError) -> Tensor {
    let map = tiles.map
    let multiple = configuration.sizeMultiple
    guard map.height % multiple == 0 && map.width % multiple == 0 && map.pixelCount > 0 else {
      throw .unsuitableSize(height: map.height, width: map.width, multiple: multiple)
    }
    precondition(
      levels.count == map.batch && map.channels == configuration.pictureChannels,
      "\(levels.count) noise levels for tiles \(tiles.shape)")
    precondition(
      (condition != nil) == configuration.isConditional
        && condition.map { $0.shape == tiles.shape } ?? true,
      "a condition of the tiles' shape goes with a conditional network")
    guard let condition else { return tiles }
    return Rectification(slope: 1).forward(
      [RectificationInput(tiles), RectificationInput(condition)], border: 0, context: context)
  }
}
