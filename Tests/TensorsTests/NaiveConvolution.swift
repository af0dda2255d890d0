import Tensors

/// Convolutions as their definition says, in double precision: the oracle of the kernels.
struct NaiveConvolution {
  let convolution: Convolution

  private var size: Int { convolution.shape.kernelSize }

  /// Calls `body` with (input element, weight, output element) of every product of the definition.
  ///
  /// The input is `[N, H, W, inputChannels]` without border.
  private func forEachProduct(
    batch: Int, height: Int, width: Int, _ body: (Int, Int, Int) -> Void
  ) {
    let shape = convolution.shape
    let (inputs, outputs) = (convolution.inputChannels, convolution.outputChannels)
    let (rows, columns) = (shape.outputLength(height), shape.outputLength(width))
    for n in 0..<batch {
      for i in 0..<rows {
        for j in 0..<columns {
          for u in 0..<size {
            for v in 0..<size {
              let (y, x) = (
                i * shape.stride + u - shape.padding, j * shape.stride + v - shape.padding
              )
              guard y >= 0 && y < height && x >= 0 && x < width else { continue }
              for c in 0..<inputs {
                for o in 0..<outputs {
                  body(
                    ((n * height + y) * width + x) * inputs + c,
                    ((u * size + v) * inputs + c) * outputs + o,
                    ((n * rows + i) * columns + j) * outputs + o)
                }
              }
            }
          }
        }
      }
    }
  }

  func forward(_ input: Tensor, weights: [Float], bias: [Float]) -> [Double] {
    let map = input.map
    let pixels =
      map.batch * convolution.shape.outputLength(map.height)
      * convolution.shape.outputLength(map.width)
    var output = (0..<pixels).flatMap { _ in bias.map { Double($0) } }
    forEachProduct(batch: map.batch, height: map.height, width: map.width) { x, w, y in
      output[y] += Double(input.values[x]) * Double(weights[w])
    }
    return output
  }

  func adjoint(
    _ gradient: Tensor, weights: [Float], bias: [Float], height: Int, width: Int
  ) -> [Double] {
    let batch = gradient.shape[0]
    var output = (0..<batch * height * width).flatMap { _ in bias.map { Double($0) } }
    forEachProduct(batch: batch, height: height, width: width) { x, w, y in
      output[x] += Double(gradient.values[y]) * Double(weights[w])
    }
    return output
  }

  func weightGradient(_ input: Tensor, _ gradient: Tensor) -> [Double] {
    let map = input.map
    var output = [Double](repeating: 0, count: convolution.weightCount)
    forEachProduct(batch: map.batch, height: map.height, width: map.width) { x, w, y in
      output[w] += Double(input.values[x]) * Double(gradient.values[y])
    }
    return output
  }
}
