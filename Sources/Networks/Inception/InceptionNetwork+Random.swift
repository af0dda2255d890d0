import Tensors

extension InceptionNetwork {
  /// Tensors of a network with random weights, for measurements and tests.
  ///
  /// Window after window in the order of the table, each with two sequences of random numbers: weights
  /// normal with variance `2 / inputs`; scales and variances in [½, 1½), offsets and means in [−¼, ¼).
  ///
  /// - Parameters:
  ///   - divisor: The published widths are divided by it, down to no less than 1; 1 for the whole network.
  ///   - seed: Decides all numbers.
  /// - Returns: The tensors, without counts of batches.
  public static func randomState(divisor: Int, seed: UInt64) -> StateDictionary {
    var tensors: [NamedTensor] = []
    var stream: UInt64 = 0
    func normals(_ count: Int, deviation: Float) -> [Float] {
      let random = CounterRandom(seed: seed, stream: stream)
      stream += 1
      return [Float](unsafeUninitializedCapacity: count) { values, filled in
        for index in stride(from: 0, to: count, by: 2) {
          let pair = random.normalPair(at: UInt64(index / 2))
          values[index] = deviation * pair.x
          if index + 1 < count { values[index + 1] = deviation * pair.y }
        }
        filled = count
      }
    }
    func uniforms(_ count: Int) -> [Float] {
      let random = CounterRandom(seed: seed, stream: stream)
      stream += 1
      return (0..<count).map { random.uniform(at: UInt64($0)) }
    }
    func scaled(_ width: Int) -> Int { max(1, width / divisor) }
    func add(_ window: InceptionLayout.Window, _ name: String, _ inputs: Int) -> Int {
      let outputs = scaled(window.width)
      let fanIn = inputs * window.rows * window.columns
      tensors.append(
        NamedTensor(
          name + ".conv.weight", [outputs, inputs, window.rows, window.columns],
          normals(outputs * fanIn, deviation: (2 / Float(fanIn)).squareRoot())))
      let numbers = uniforms(4 * outputs)
      for (part, name) in [
        name + ".bn.weight", name + ".bn.bias", name + ".bn.running_mean",
        name + ".bn.running_var",
      ].enumerated() {
        let values = numbers[part * outputs..<(part + 1) * outputs]
        tensors.append(
          NamedTensor(
            name, [outputs],
            values.map { part == 0 || part == 3 ? $0 + 0.5 : 0.5 * $0 - 0.25 }))
      }
      return outputs
    }
    var channels = 3
    for stage in InceptionLayout.stages {
      channels = stage.branches.reduce(0) { sum, steps in
        sum
          + steps.reduce(channels) { inputs, step in
            step.windows.isEmpty
              ? inputs
              : step.windows.reduce(0) { $0 + add($1, stage.fullName($1), inputs) }
          }
      }
    }
    let classes = scaled(InceptionLayout.classCount)
    tensors.append(
      NamedTensor(
        "fc.weight", [classes, channels],
        normals(classes * channels, deviation: (1 / Float(channels)).squareRoot())))
    tensors.append(NamedTensor("fc.bias", [classes], uniforms(classes)))
    return StateDictionary(tensors)
  }
}
