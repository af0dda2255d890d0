import Tensors
import Testing

/// Numbers from N(0, 1).
func normals(_ shape: [Int], seed: UInt64) -> Tensor {
  let random = CounterRandom(seed: seed, stream: 0)
  return Tensor(
    shape: shape, values: (0..<shape.reduce(1, *)).map { random.normal(at: UInt64($0)) })
}

/// The kernel families that this CPU runs.
let supportedKernels = KernelFamily.allCases.filter(\.isSupported)

/// Expects every element within `bound` of the expected one.
func expectClose(
  _ found: [Float], _ expected: [Double], bound: Double, _ what: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(found.count == expected.count, "\(what)", sourceLocation: sourceLocation)
  var worst = 0.0
  for (a, b) in zip(found, expected) {
    let error = abs(Double(a) - b)
    worst = error.isNaN ? .infinity : max(worst, error)
  }
  #expect(worst <= bound, "\(what)", sourceLocation: sourceLocation)
}
