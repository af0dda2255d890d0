import Tensors
import Testing

/// One convolution and the size of its larger map.
struct ConvolutionCase: Sendable, CustomTestStringConvertible {
  let shape: ConvolutionShape
  let inputs: Int
  let outputs: Int
  let height: Int
  let width: Int
  /// Nil for the layer's own.
  var algorithm: ConvolutionAlgorithm?

  var testDescription: String {
    "\(shape.kernelSize)/\(shape.stride)/\(shape.padding) \(inputs)→\(outputs) \(height)×\(width)"
      + (algorithm.map { " \($0)" } ?? "")
  }

  static let all = [
    ConvolutionCase(shape: .halving, inputs: 3, outputs: 8, height: 16, width: 24),
    ConvolutionCase(shape: .halving, inputs: 6, outputs: 17, height: 8, width: 12),
    ConvolutionCase(shape: .halving, inputs: 8, outputs: 16, height: 20, width: 22),
    ConvolutionCase(shape: .halving, inputs: 80, outputs: 33, height: 4, width: 4),
    ConvolutionCase(shape: .halving, inputs: 5, outputs: 40, height: 2, width: 2),
    ConvolutionCase(shape: .overlapping, inputs: 16, outputs: 1, height: 7, width: 9),
    ConvolutionCase(shape: .overlapping, inputs: 70, outputs: 20, height: 6, width: 5),
    ConvolutionCase(
      shape: ConvolutionShape(kernelSize: 3, stride: 1, padding: 1), inputs: 7, outputs: 9,
      height: 6, width: 6),
    ConvolutionCase(
      shape: ConvolutionShape(kernelSize: 1, stride: 1, padding: 0), inputs: 4, outputs: 34,
      height: 3, width: 5),
    // Winograd's algorithm, also where tiles reach beyond the map and where they all do.
    ConvolutionCase(shape: .halving, inputs: 16, outputs: 48, height: 16, width: 18),
    ConvolutionCase(shape: .halving, inputs: 32, outputs: 16, height: 6, width: 2),
    ConvolutionCase(shape: .halving, inputs: 48, outputs: 16, height: 28, width: 30),
    ConvolutionCase(
      shape: .halving, inputs: 16, outputs: 32, height: 10, width: 12,
      algorithm: .winograd(.narrowHalving)),
    ConvolutionCase(
      shape: .halving, inputs: 32, outputs: 32, height: 2, width: 2,
      algorithm: .winograd(.narrowHalving)),
    ConvolutionCase(shape: .centred, inputs: 16, outputs: 48, height: 9, width: 14),
    ConvolutionCase(shape: .centred, inputs: 64, outputs: 32, height: 3, width: 4),
    ConvolutionCase(shape: .overlapping, inputs: 32, outputs: 16, height: 11, width: 8),
    ConvolutionCase(shape: .overlapping, inputs: 16, outputs: 32, height: 4, width: 5),
    ConvolutionCase(
      shape: .halving, inputs: 16, outputs: 16, height: 6, width: 8, algorithm: .direct),
  ]
}

struct ConvolutionTests {
  /// A sum of n products of N(0, 1) numbers in single precision: its terms' rounding errors add up like
  /// √n · 6e-8 of √n-sized partial sums; n is at most 1,280 terms (or 440 pixels).
  private static let bound = 1280 * 6e-8 * 2

  @Test(
    "a convolution, its adjoint and its weight gradient are what the definition says",
    arguments: ConvolutionCase.all, supportedKernels)
  func definition(layer: ConvolutionCase, kernels: KernelFamily) {
    let convolution = Convolution(
      shape: layer.shape, inputChannels: layer.inputs, outputChannels: layer.outputs,
      algorithm: layer.algorithm)
    let oracle = NaiveConvolution(convolution: convolution)
    let context = ComputeContext(parallelism: Parallelism(threadCount: 2), kernels: kernels)
    let input = normals([2, layer.height, layer.width, layer.inputs], seed: 1)
    let weights = normals([convolution.weightCount], seed: 2).values
    let (rows, columns) = (
      layer.shape.outputLength(layer.height), layer.shape.outputLength(layer.width)
    )
    let gradient = normals([2, rows, columns, layer.outputs], seed: 3)
    let outputBias = normals([layer.outputs], seed: 4).values
    let inputBias = normals([layer.inputs], seed: 5).values
    let bordered = Bordered.copy(input, border: layer.shape.padding, context: context)
    let borderedGradient = Bordered.copy(
      gradient, border: layer.shape.adjointPadding, context: context)

    let forward = convolution.forward(
      bordered, weights: convolution.packed(weights, context: context), bias: outputBias,
      context: context)
    #expect(forward.shape == [2, rows, columns, layer.outputs])
    expectClose(
      forward.values, oracle.forward(input, weights: weights, bias: outputBias),
      bound: Self.bound, "forward")

    let adjoint = convolution.adjoint(
      borderedGradient, weights: convolution.adjointPacked(weights, context: context),
      height: layer.height, width: layer.width, bias: inputBias, context: context)
    #expect(adjoint.shape == input.shape)
    expectClose(
      adjoint.values,
      oracle.adjoint(
        gradient, weights: weights, bias: inputBias, height: layer.height, width: layer.width),
      bound: Self.bound, "adjoint")

    // First written over what is there, then added to it.
    var slope = [Float](repeating: .nan, count: convolution.weightCount)
    let expected = oracle.weightGradient(input, gradient)
    for times in 1...2 {
      slope.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        convolution.weightGradient(
          input: bordered, gradient: borderedGradient,
          gradientBorder: layer.shape.adjointPadding, accumulates: times > 1, to: base,
          context: context)
      }
      expectClose(
        slope, expected.map { Double(times) * $0 }, bound: Double(times) * Self.bound,
        "weight gradient")
    }
  }

  @Test("results are the same bits for 1, 2 and 4 threads", arguments: supportedKernels)
  func threads(kernels: KernelFamily) {
    let convolution = Convolution(shape: .halving, inputChannels: 24, outputChannels: 40)
    let input = normals([1, 34, 34, 24], seed: 1)
    let gradient = normals([1, 16, 16, 40], seed: 2)
    let weights = normals([convolution.weightCount], seed: 3).values
    func run(_ threadCount: Int) -> [[Float]] {
      let context = ComputeContext(
        parallelism: Parallelism(threadCount: threadCount), kernels: kernels)
      let bordered = Bordered.copy(gradient, border: 1, context: context)
      var slope = [Float](repeating: 0, count: convolution.weightCount)
      slope.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        convolution.weightGradient(
          input: input, gradient: bordered, gradientBorder: 1, accumulates: false, to: base,
          context: context)
      }
      return [
        convolution.forward(
          input, weights: convolution.packed(weights, context: context), context: context
        ).values,
        convolution.adjoint(
          bordered, weights: convolution.adjointPacked(weights, context: context), height: 32,
          width: 32, context: context
        ).values,
        slope,
      ]
    }
    let single = run(1)
    #expect(single == run(2))
    #expect(single == run(4))
  }

  @Test(
    "weights as they are stored give the same bits as those that were laid out",
    arguments: [ConvolutionAlgorithm.direct, .winograd(.narrowHalving)], supportedKernels)
  func stored(algorithm: ConvolutionAlgorithm, kernels: KernelFamily) {
    // Pieces of rows that end inside a tap, and columns that leave a panel unfilled.
    let convolution = Convolution(
      shape: .halving, inputChannels: algorithm == .direct ? 100 : 96,
      outputChannels: algorithm == .direct ? 168 : 176, algorithm: algorithm)
    let weights = normals([convolution.weightCount], seed: 3).values
    let single = ComputeContext(parallelism: .serial, kernels: kernels)
    let input = normals([2, 10, 14, convolution.inputChannels], seed: 1)
    let gradient = Bordered.copy(
      normals([2, 4, 6, convolution.outputChannels], seed: 2), border: 1, context: single)
    let forward = convolution.forward(
      input, weights: convolution.packed(weights, context: single), context: single)
    let adjoint = convolution.adjoint(
      gradient, weights: convolution.adjointPacked(weights, context: single), height: 8,
      width: 12, context: single)
    for threadCount in [1, 2, 5] {
      let context = ComputeContext(
        parallelism: Parallelism(threadCount: threadCount), kernels: kernels)
      #expect(convolution.forward(input, storedWeights: weights, context: context) == forward)
      #expect(
        convolution.adjoint(
          gradient, storedWeights: weights, height: 8, width: 12, context: context)
          == adjoint)
    }
  }

  @Test("a sample's convolution is the same bits alone and in a batch")
  func batches() {
    let context = ComputeContext()
    let convolution = Convolution(shape: .halving, inputChannels: 8, outputChannels: 16)
    let weights = convolution.packed(
      normals([convolution.weightCount], seed: 3).values, context: context)
    let batch = normals([5, 10, 10, 8], seed: 1)
    let together = convolution.forward(batch, weights: weights, context: context)
    for sample in 0..<5 {
      let alone = Tensor(
        shape: [1, 10, 10, 8], values: Array(batch.values[sample * 800..<(sample + 1) * 800]))
      let single = convolution.forward(alone, weights: weights, context: context)
      #expect(single.values[...] == together.values[sample * 256..<(sample + 1) * 256])
    }
  }
}
