import Foundation

/// One step of the Adam optimiser on a flat list of parameters.
///
/// `m = β₁m + (1 − β₁)g`, `v = β₂v + (1 − β₂)g²`, `p −= rate · m̂ / (√v̂ + ε)` with the moments divided
/// by `1 − βᵗ`. Reference: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
public struct AdamStep: Sendable, Equatable, Codable {
  /// Decay of the first moment.
  public var beta1: Double
  /// Decay of the second moment.
  public var beta2: Double
  /// ε, added to the root of the second moment.
  public var epsilon: Double

  /// Names the constants.
  public init(beta1: Double, beta2: Double, epsilon: Double) {
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
  }

  /// Moves parameters against their gradient.
  ///
  /// - Parameters:
  ///   - parameters: Moved in place.
  ///   - first: Running mean of the gradient, the same count.
  ///   - second: Running mean of its square.
  ///   - gradient: The same count.
  ///   - rate: The learning rate.
  ///   - step: The number of this step, from 1.
  ///   - context: Threads and kernels.
  public func apply(
    parameters: inout [Float], first: inout [Float], second: inout [Float], gradient: [Float],
    rate: Double, step: Int, context: ComputeContext
  ) {
    let count = parameters.count
    precondition(
      first.count == count && second.count == count && gradient.count == count,
      "\(count) parameters, \(first.count) and \(second.count) moments, \(gradient.count) slopes")
    let scaledRate = Float(rate / (1 - pow(beta1, Double(step))))
    let secondScale = Float(1 / (1 - pow(beta2, Double(step))).squareRoot())
    parameters.withUnsafeMutableBufferPointer { parameters in
      first.withUnsafeMutableBufferPointer { first in
        second.withUnsafeMutableBufferPointer { second in
          gradient.withUnsafeBufferPointer { gradient in
            guard let parameters = parameters.baseAddress, let first = first.baseAddress,
              let second = second.baseAddress, let gradient = gradient.baseAddress
            else { return }
            nonisolated(unsafe) let (p, m, v, g) = (parameters, first, second, gradient)
            context.parallelism.forEachRange(count: count, length: 65536) { range in
              let start = range.lowerBound
              context.kernels.adamStep(
                count: range.count, gradient: g + start, parameters: p + start, first: m + start,
                second: v + start, beta1: Float(beta1), rest1: Float(1 - beta1),
                beta2: Float(beta2),
                rest2: Float(1 - beta2), rate: scaledRate, secondScale: secondScale,
                epsilon: Float(epsilon))
            }
          }
        }
      }
    }
  }
}
