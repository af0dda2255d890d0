public import Tensors

/// The network whose features FID, KID and the Inception score compare, for inference alone.
///
/// Widths are those of the tensors, at most the published ones; the published network has 2048 features and 1008 classes. Normalisation
/// by the kept statistics is folded into the weights. Immutable, so it may be shared between threads; a
/// picture's result depends neither on the other pictures of its batch nor on the number of threads.
public final class InceptionNetwork: Sendable {
  /// What the network makes of some pictures, one list a picture.
  public struct Outputs: Sendable, Equatable {
    /// The means over the last map.
    public let features: [[Float]]
    /// The products with the head's weights, without its offsets.
    public let unbiasedLogits: [[Float]]
    /// The same with its offsets.
    public let logits: [[Float]]
  }

  /// How many parameters it was made of, without the statistics.
  public let parameterCount: Int
  /// Features of a picture.
  public let featureCount: Int
  /// Classes of the head.
  public let classCount: Int

  private let stages: [InceptionStage]
  private let head: RectangularConvolution
  private let headWeights: PackedMatrix
  private let headBias: [Float]

  /// Makes the network of its tensors, named as in the public PyTorch code.
  ///
  /// - Parameters:
  ///   - state: All tensors; counts of batches are ignored, anything else that the network does not have is
  ///     refused, since it would be another network.
  ///   - context: Threads and kernels.
  /// - Throws: ``NetworkError/missingTensor(name:)``, ``NetworkError/wrongShape(name:expected:found:)`` or
  ///   ``NetworkError/unknownArchitecture(problem:)``.
  public init(state: StateDictionary, context: ComputeContext) throws(NetworkError) {
    if let name = Self.foreignTensor(in: state) {
      throw .unknownArchitecture(problem: "a network with \(name), which that of FID does not have")
    }
    let tensors = state.byName
    var stages: [InceptionStage] = []
    var channels = 3
    for row in InceptionLayout.stages {
      let stage = try InceptionStage(
        row, inputChannels: channels, tensors: tensors, context: context)
      channels = stage.outputChannels
      stages.append(stage)
    }
    guard let weight = tensors["fc.weight"] else { throw .missingTensor(name: "fc.weight") }
    let classes = weight.shape.first ?? 0
    let values = try tensors.floats("fc.weight", [classes, channels])
    headBias = try tensors.floats("fc.bias", [classes])
    guard (1...InceptionLayout.classCount).contains(classes),
      channels != InceptionLayout.featureCount || classes == InceptionLayout.classCount
    else {
      throw .unknownArchitecture(
        problem: "a head of \(classes) classes, where that of FID has \(InceptionLayout.classCount)"
      )
    }
    var transposed = [Float](repeating: 0, count: values.count)
    for row in 0..<classes {
      for column in 0..<channels {
        transposed[column * classes + row] = values[row * channels + column]
      }
    }
    head = RectangularConvolution(
      rowCount: 1, columnCount: 1, isPadded: false, inputChannels: channels,
      outputChannels: classes)
    headWeights = head.packed(transposed, context: context)
    (featureCount, classCount) = (channels, classes)
    self.stages = stages
    parameterCount = state.tensors.reduce(0) {
      $0 + (Self.isStatistic($1.name) ? 0 : $1.count)
    }
  }

  /// The tensors that make the network, without counts of batches.
  public static func relevant(_ state: StateDictionary) -> StateDictionary {
    StateDictionary(state.tensors.filter { !$0.name.hasSuffix(ignoredEnding) })
  }

  /// Multiply-adds for one picture.
  public var multiplyAddCount: Int {
    var (total, height, width) = (
      featureCount * classCount, InceptionLayout.side, InceptionLayout.side
    )
    for stage in stages {
      let work = stage.work(height: height, width: width)
      total += work.multiplyAdds
      (height, width) = (work.height, work.width)
    }
    return total
  }

  /// Looks at pictures.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, 3]`, made by ``InceptionResize``; at least 75 pixels a side.
  ///   - context: Threads and kernels; the kernels are those the network was made with.
  /// - Returns: What it makes of them.
  public func outputs(of input: Tensor, context: ComputeContext) -> Outputs {
    outputs(of: input, context: context) { _, _ in }
  }

  /// The same, with a look at the map after each stage.
  package func outputs(
    of input: Tensor, context: ComputeContext, observe: (_ stage: String, _ map: Tensor) -> Void
  ) -> Outputs {
    precondition(
      input.map.channels == 3 && min(input.map.height, input.map.width) >= Self.smallestSide,
      "pictures \(input.shape), not [N, 75 or more, 75 or more, 3]")
    var map = BorderedMap(input)
    for stage in stages {
      map = stage.run(map, context: context)
      observe(stage.name, map.tensor)
    }
    let features = map.means
    let flat = BorderedMap(
      Tensor(shape: [1, 1, features.count, featureCount], values: features.flatMap(\.self)))
    var products = BorderedMap(FeatureMapShape([1, 1, features.count, classCount]), border: 0)
    head.forward(
      flat, weights: headWeights, bias: nil, slope: 1, into: &products, context: context)
    let unbiased = features.indices.map {
      Array(products.tensor.values[$0 * classCount..<($0 + 1) * classCount])
    }
    return Outputs(
      features: features, unbiasedLogits: unbiased,
      logits: unbiased.map { zip($0, headBias).map { $0 + $1 } })
  }

  /// The smallest side whose last map has a pixel.
  private static let smallestSide = 75
  private static let ignoredEnding = ".num_batches_tracked"
  private static let parts = [
    ".conv.weight", ".bn.weight", ".bn.bias", ".bn.running_mean", ".bn.running_var",
    ".bn" + ignoredEnding,
  ]

  private static func isStatistic(_ name: String) -> Bool {
    parts[3...].contains { name.hasSuffix($0) }
  }

  private static func foreignTensor(in state: StateDictionary) -> String? {
    let windows = InceptionLayout.stages.flatMap { stage in
      stage.branches.flatMap { $0.flatMap { $0.windows.map(stage.fullName) } }
    }
    let known = Set(windows.flatMap { name in parts.map { name + $0 } } + ["fc.weight", "fc.bias"])
    return state.tensors.first { !known.contains($0.name) }?.name
  }
}
