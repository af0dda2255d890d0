import Networks
import Tensors
import Testing

/// The elements of a tensor of single-precision numbers.
func floats(_ tensor: NamedTensor) -> [Float] {
  guard case .float32(let values) = tensor.contents else { return [] }
  return values
}

/// Pictures of uniform noise in [−1, 1).
func randomPictures(
  count: Int, size: Int, channels: Int = 3, seed: UInt64, stream: UInt64 = 0
) -> Tensor {
  let random = CounterRandom(seed: seed, stream: stream)
  let shape = [count, size, size, channels]
  return Tensor(
    shape: shape,
    values: (0..<shape.reduce(1, *)).map { random.uniform(at: UInt64($0)) * 2 - 1 })
}

/// Expects every element within `relative` of itself plus `absoluteOfLargest` of the largest element.
func expectClose(
  _ found: [Float], _ expected: [Float], _ what: String, _ relative: Float,
  _ absoluteOfLargest: Float, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(found.count == expected.count, "\(what)", sourceLocation: sourceLocation)
  let largest = expected.reduce(0) { max($0, abs($1)) }
  var misses = 0
  var first = ""
  for (index, (a, b)) in zip(found, expected).enumerated()
  where !(abs(a - b) <= relative * abs(b) + absoluteOfLargest * largest) {
    misses += 1
    if misses == 1 { first = "element \(index) is \(a), not \(b), the largest is \(largest)" }
  }
  #expect(
    misses == 0, "\(what): \(misses) of \(expected.count) elements differ; \(first)",
    sourceLocation: sourceLocation)
}

extension StateDictionary {
  /// The same tensors, of which the one with the direction's name is moved along it by so many times its length.
  func moved(along direction: NamedTensor, by factor: Double) throws -> StateDictionary {
    let own = try #require(self[direction.name])
    let values = zip(floats(own), floats(direction)).map {
      Float(Double($0) + factor * Double($1))
    }
    return StateDictionary(
      tensors.map {
        $0.name == direction.name ? NamedTensor(direction.name, direction.shape, values) : $0
      })
  }
}
