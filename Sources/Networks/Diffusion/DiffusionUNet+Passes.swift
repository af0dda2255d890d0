public import Tensors

extension DiffusionUNet {
  /// What a forward pass leaves for the backward pass.
  public struct Cache {
    var pass: DiffusionPass
  }

  /// The forward pass of training.
  ///
  /// - Parameters:
  ///   - tiles: `[N, H, W, 3]`.
  ///   - levels: One noise level a tile.
  ///   - condition: `[N, H, W, 3]` for a conditional network.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, 3]`, and what ``addGradient(_:cache:to:)`` needs.
  /// - Throws: ``NetworkError/unsuitableSize(height:width:multiple:)``.
  public func forward(
    _ tiles: Tensor, levels: [Float], condition: Tensor? = nil, context: ComputeContext
  ) throws(NetworkError) -> (output: Tensor, cache: Cache) {
    try forward(
      tiles, levels: levels, condition: condition, weights: weights(context: context),
      context: context)
  }

  /// The parameters as the forward pass wants them.
  func weights(context: ComputeContext) -> DiffusionWeights {
    DiffusionWeights(layout, values: values, context: context)
  }

  func forward(
    _ tiles: Tensor, levels: [Float], condition: Tensor?, weights: DiffusionWeights,
    context: ComputeContext
  ) throws(NetworkError) -> (output: Tensor, cache: Cache) {
    let input = try layout.joined(tiles, levels: levels, condition: condition, context: context)
    var pass = DiffusionPass(layout, weights, keepsAll: true, context: context)
    let output = pass.run(input, levels: levels)
    return (output, Cache(pass: pass))
  }

  /// A gradient of zeros, to be added to.
  public var zeroGradient: ParameterGradient {
    ParameterGradient(zeros: layout.count)
  }

  /// A gradient as tensors under the reference's names and in its layouts.
  public func named(_ gradient: ParameterGradient) -> StateDictionary {
    StateDictionary(layout.tensors(gradient.values))
  }

  /// The backward pass of training.
  ///
  /// - Parameters:
  ///   - outputGradient: `[N, H, W, 3]`.
  ///   - cache: Of the forward pass with these parameters; what it holds is freed on the way.
  ///   - gradient: Gets the gradient of every parameter added.
  public func addGradient(
    _ outputGradient: Tensor, cache: consuming Cache, to gradient: inout ParameterGradient
  ) {
    var backward = DiffusionBackward(self, cache.pass.takeModules(), cache.pass, gradient)
    // The one copy of the list stays with the backward pass.
    gradient.values = []
    backward.run(outputGradient)
    gradient = backward.gradient
  }
}
