import Tensors

/// A running average of a network's parameters: it varies less from step to step than they do.
///
/// Reference: Yazıcı et al. 2019, arXiv:1806.04498, equation 2; fadel/pytorch_ema, ema.py, `update`.
struct WeightAverage: Sendable, Equatable {
  /// Laid out like the parameters.
  var values: [Float]

  /// The decay at an update: low at first, so that the initial weights are soon forgotten.
  ///
  /// - Parameters:
  ///   - limit: The decay in the long run, 0 to 1.
  ///   - update: Counted from 1.
  /// - Returns: `min(limit, (1 + k) / (10 + k))`.
  static func decay(_ limit: Double, atUpdate update: Int) -> Double {
    min(limit, Double(1 + update) / Double(10 + update))
  }

  /// Moves by `1 − decay` of the way towards the parameters.
  mutating func follow(_ parameters: [Float], decay: Double, context: ComputeContext) {
    let share = Float(1 - decay)
    values.withUnsafeMutableBufferPointer { average in
      parameters.withUnsafeBufferPointer { parameters in
        nonisolated(unsafe) let (average, parameters) = (average, parameters)
        context.parallelism.forEachRange(count: parameters.count, length: 65536) { range in
          for index in range { average[index] -= share * (average[index] - parameters[index]) }
        }
      }
    }
  }
}
