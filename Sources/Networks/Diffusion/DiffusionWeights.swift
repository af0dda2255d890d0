import Tensors

/// The parameters of a diffusion network as its forward pass wants them.
struct DiffusionWeights: Sendable {
  struct Layer: Sendable {
    let convolution: Convolution
    let weights: PackedMatrix
    let bias: [Float]
  }

  struct Normalization: Sendable {
    let weight: [Float]
    let bias: [Float]
  }

  let layers: [Layer]
  let normalizations: [Normalization]

  /// Lays out a flat list of parameters.
  init(_ layout: DiffusionLayout, values: [Float], context: ComputeContext) {
    layers = values.withUnsafeBufferPointer { buffer in
      layout.convolutions.map { place in
        guard let base = buffer.baseAddress else {
          preconditionFailure("a network without weights")
        }
        return Layer(
          convolution: place.convolution,
          weights: place.convolution.packed(base + place.weightOffset, context: context),
          bias: Array(values[place.bias ?? 0..<0]))
      }
    }
    normalizations = layout.normalizations.map {
      Normalization(weight: Array(values[$0.weight]), bias: Array(values[$0.bias]))
    }
  }

  /// Lays out a state, tensor by tensor, without a second copy of all parameters.
  init(
    _ layout: DiffusionLayout, state: StateDictionary, context: ComputeContext
  ) throws(NetworkError) {
    let tensors = state.byName
    var layers: [Layer] = []
    for place in layout.convolutions {
      let weights = try tensors.floats(place.key + ".weight", place.weightShape)
      let bias = try tensors.floats(
        place.key + ".bias", [place.convolution.outputChannels])
      var list = [Float](repeating: 0, count: weights.count)
      let alone = ConvolutionPlace(
        key: place.key, convolution: place.convolution, weightOffset: 0, bias: nil)
      alone.importWeights(weights, into: &list)
      layers.append(
        Layer(
          convolution: place.convolution,
          weights: place.convolution.packed(list, context: context), bias: bias))
    }
    self.layers = layers
    var normalizations: [Normalization] = []
    for place in layout.normalizations {
      let shape = [place.weight.count]
      normalizations.append(
        Normalization(
          weight: try tensors.floats(place.key + ".weight", shape),
          bias: try tensors.floats(place.key + ".bias", shape)))
    }
    self.normalizations = normalizations
  }
}
