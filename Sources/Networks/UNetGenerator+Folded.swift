import Tensors

/// A generator whose running statistics are folded into its weights: every layer is a convolution with a
/// bias and a rectification, written where the next layers read it.
struct FoldedGenerator: Sendable {
  private struct Level: Sendable {
    let down: Convolution
    let downWeights: PackedMatrix
    let downBias: [Float]?
    let up: Convolution
    let upWeights: AdjointWeights
    let upBias: [Float]?
  }

  private let levels: [Level]

  /// Whether the generator's inner layers all have channels enough for a rectified way up.
  static func suits(_ generator: UNetGenerator) -> Bool { generator.baseChannels >= 8 }

  /// Folds and lays out the weights.
  init(_ generator: UNetGenerator, context: ComputeContext) {
    let store = generator.store
    levels = generator.levels.map { level in
      let down = level.downNormalization.map {
        store.affine($0, store.running[$0.index].statistics)
      }
      let up = level.upNormalization.map { store.affine($0, store.running[$0.index].statistics) }
      let (downward, upward) = (level.down.convolution, level.up.convolution)
      var downValues = Array(
        store.values[level.down.weightOffset..<level.down.weightOffset + downward.weightCount])
      if let down {
        for index in downValues.indices {
          downValues[index] *= down.scale[index % downward.outputChannels]
        }
      }
      var upValues = Array(
        store.values[level.up.weightOffset..<level.up.weightOffset + upward.weightCount])
      if let up {
        for index in upValues.indices {
          upValues[index] *= up.scale[index / upward.outputChannels % upward.inputChannels]
        }
      }
      return Level(
        down: downward, downWeights: downward.packed(downValues, context: context),
        downBias: down?.shift, up: upward,
        upWeights: upward.adjointPacked(upValues, context: context),
        upBias: up?.shift ?? store.bias(level.up))
    }
  }

  /// Bytes of memory of the weights.
  var byteCount: Int {
    levels.reduce(0) { $0 + $1.downWeights.byteCount + $1.upWeights.byteCount }
  }

  /// The generator's picture, before the hyperbolic tangent.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, inputChannels]` in [−1, 1].
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H, W, outputChannels]`.
  func run(_ input: Tensor, context: ComputeContext) -> Tensor {
    let border = ConvolutionShape.halving.padding
    let last = levels.count - 1
    var current = Bordered.copy(input, border: border, context: context)
    // After each level down, leaky: what the next level and, rectified once more, the way up read.
    var maps: [BorderedMap] = []
    for (index, level) in levels.enumerated() {
      let map = current.map
      var output = BorderedMap(
        FeatureMapShape([
          map.batch, (map.height - 2 * border) / 2, (map.width - 2 * border) / 2,
          level.down.outputChannels,
        ]), border: border)
      level.down.forward(
        current, weights: level.downWeights, bias: level.downBias, slope: index == last ? 0 : 0.2,
        into: &output, context: context)
      current = output.tensor
      maps.append(output)
    }
    for index in stride(from: last, to: 0, by: -1) {
      let level = levels[index]
      let skip = maps[index - 1]
      maps.removeLast()
      let map = skip.tensor.map
      let channels = map.channels
      var joined = BorderedMap(
        FeatureMapShape([
          map.batch, map.height - 2 * border, map.width - 2 * border,
          channels + level.up.inputChannels,
        ]), border: border)
      joined.rectify(skip, slope: 0, channel: 0, context: context)
      level.up.adjoint(
        current, weights: level.upWeights, bias: level.upBias, slope: 0, into: &joined,
        channel: channels, context: context)
      current = joined.tensor
    }
    return levels[0].up.adjoint(
      current, weights: levels[0].upWeights, height: input.shape[1], width: input.shape[2],
      bias: levels[0].upBias, context: context)
  }
}
