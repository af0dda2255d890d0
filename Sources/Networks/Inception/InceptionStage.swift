import Tensors

/// A stage of the network of FID with its weights, the normalisations folded into them.
struct InceptionStage: Sendable {
  /// A convolution, ready to run.
  private struct Layer: Sendable {
    let convolution: RectangularConvolution
    let weights: PackedMatrix
    let bias: [Float]

    /// Pixels of zeros that its input needs around it.
    var border: Int { max(convolution.rowPadding, convolution.columnPadding) }
  }

  /// One step of a branch; several layers take one map and lie side by side.
  private enum Operation: Sendable {
    case layers([Layer])
    case pool(Pooling)

    var border: Int {
      switch self {
      case .layers(let layers): layers.reduce(0) { max($0, $1.border) }
      case .pool: 0
      }
    }

    /// Channels of the result for those of the input.
    func width(_ inputs: Int) -> Int {
      switch self {
      case .layers(let layers): layers.reduce(0) { $0 + $1.convolution.outputChannels }
      case .pool: inputs
      }
    }

    func size(_ height: Int, _ width: Int) -> (height: Int, width: Int) {
      switch self {
      case .layers(let layers):
        layers.first?.convolution.outputSize(height: height, width: width) ?? (height, width)
      case .pool(let pooling): (pooling.outputLength(height), pooling.outputLength(width))
      }
    }
  }

  /// The name, as in the layout.
  let name: String
  /// Channels that it takes.
  let inputChannels: Int
  /// Channels that it gives.
  let outputChannels: Int
  private let branches: [[Operation]]

  /// Folds and lays out the weights of a stage.
  ///
  /// - Parameters:
  ///   - stage: The stage's row of the table.
  ///   - inputChannels: Channels of the map that it takes.
  ///   - tensors: The network's tensors by name.
  ///   - context: Threads and kernels.
  /// - Throws: ``NetworkError/missingTensor(name:)``, ``NetworkError/wrongShape(name:expected:found:)`` or
  ///   ``NetworkError/unknownArchitecture(problem:)``.
  init(
    _ stage: InceptionLayout.Stage, inputChannels: Int, tensors: [String: NamedTensor],
    context: ComputeContext
  ) throws(NetworkError) {
    name = stage.name
    self.inputChannels = inputChannels
    var branches: [[Operation]] = []
    var outputChannels = 0
    for steps in stage.branches {
      var channels = inputChannels
      var operations: [Operation] = []
      for step in steps {
        var operation = Operation.layers([])
        if case .pool(let pooling) = step { operation = .pool(pooling) }
        var layers: [Layer] = []
        for window in step.windows {
          layers.append(
            try Self.layer(
              window, named: stage.fullName(window), isSmall: stage.isSmall,
              inputChannels: channels, tensors: tensors, context: context))
        }
        if !layers.isEmpty { operation = .layers(layers) }
        channels = operation.width(channels)
        operations.append(operation)
      }
      branches.append(operations)
      outputChannels += channels
    }
    self.branches = branches
    self.outputChannels = outputChannels
  }

  /// The stage's map: all branches side by side.
  func run(_ input: BorderedMap, context: ComputeContext) -> BorderedMap {
    let map = input.tensor.map
    let (height, width) = (map.height - 2 * input.border, map.width - 2 * input.border)
    let size = branches[0].reduce((height, width)) { $1.size($0.0, $0.1) }
    var output = BorderedMap(
      FeatureMapShape([map.batch, size.0, size.1, outputChannels]), border: 0)
    var channel = 0
    for operations in branches {
      var (current, channels) = (input, map.channels)
      for (index, operation) in operations.enumerated() {
        let inputChannels = channels
        channels = operation.width(channels)
        if index == operations.count - 1 {
          Self.apply(operation, current, into: &output, channel: channel, context)
          continue
        }
        let map = current.tensor.map
        let size = operation.size(
          map.height - 2 * current.border, map.width - 2 * current.border)
        var next = BorderedMap(
          FeatureMapShape([map.batch, size.height, size.width, channels]),
          border: operations[index + 1].border)
        precondition(
          inputChannels == map.channels, "\(map.channels) channels, not \(inputChannels)")
        Self.apply(operation, current, into: &next, channel: 0, context)
        current = next
      }
      channel += channels
    }
    return output
  }

  /// Multiply-adds for a picture's map without border, and the size of what comes out.
  func work(height: Int, width: Int) -> (multiplyAdds: Int, height: Int, width: Int) {
    var total = 0
    var result = (height, width)
    for operations in branches {
      result = (height, width)
      for operation in operations {
        result = operation.size(result.0, result.1)
        guard case .layers(let layers) = operation else { continue }
        for layer in layers { total += result.0 * result.1 * layer.convolution.weightCount }
      }
    }
    return (total, result.0, result.1)
  }

  private static func apply(
    _ operation: Operation, _ input: BorderedMap, into target: inout BorderedMap, channel: Int,
    _ context: ComputeContext
  ) {
    switch operation {
    case .pool(let pooling):
      pooling.forward(input, into: &target, channel: channel, context: context)
    case .layers(let layers):
      var channel = channel
      for layer in layers {
        layer.convolution.forward(
          input, weights: layer.weights, bias: layer.bias, slope: 0, into: &target,
          channel: channel, context: context)
        channel += layer.convolution.outputChannels
      }
    }
  }

  /// Reads one convolution: `w′ = w · γ / √(σ² + ε)`, `b′ = β − μ · γ / √(σ² + ε)`.
  private static func layer(
    _ window: InceptionLayout.Window, named name: String, isSmall: Bool, inputChannels: Int,
    tensors: [String: NamedTensor], context: ComputeContext
  ) throws(NetworkError) -> Layer {
    let (weightName, taps) = (name + ".conv.weight", window.rows * window.columns)
    guard let weight = tensors[weightName] else { throw .missingTensor(name: weightName) }
    let expected = [weight.shape.first ?? 0, inputChannels, window.rows, window.columns]
    guard weight.shape == expected, case .float32(let values) = weight.contents
    else { throw .wrongShape(name: weightName, expected: expected, found: weight.shape) }
    let outputs = expected[0]
    // Maps of a wider network would not fit into memory, however small its file.
    guard (1...window.width).contains(outputs) else {
      throw .unknownArchitecture(
        problem: "\(outputs) channels of \(name), where that of FID has \(window.width)")
    }
    func statistic(_ part: String) throws(NetworkError) -> [Float] {
      try tensors.floats("\(name).bn.\(part)", [outputs])
    }
    let (gamma, beta) = (try statistic("weight"), try statistic("bias"))
    let (mean, variance) = (try statistic("running_mean"), try statistic("running_var"))
    guard variance.allSatisfy({ $0 >= 0 }) else {
      throw .unknownArchitecture(problem: "\(name).bn.running_var holds no variances")
    }
    let scale = zip(gamma, variance).map { $0 / ($1 + InceptionLayout.epsilon).squareRoot() }
    // From [outputs, inputs, rows, columns] to [rows, columns, inputs, outputs].
    var folded = [Float](repeating: 0, count: values.count)
    for output in 0..<outputs {
      for input in 0..<inputChannels {
        for tap in 0..<taps {
          folded[(tap * inputChannels + input) * outputs + output] =
            values[(output * inputChannels + input) * taps + tap] * scale[output]
        }
      }
    }
    let convolution = RectangularConvolution(
      rowCount: window.rows, columnCount: window.columns, stride: window.stride,
      isPadded: window.isPadded, inputChannels: inputChannels, outputChannels: outputs,
      isSmall: isSmall)
    return Layer(
      convolution: convolution, weights: convolution.packed(folded, context: context),
      bias: zip(beta, zip(mean, scale)).map { $0 - $1.0 * $1.1 })
  }
}
