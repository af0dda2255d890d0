/// The weights of a convolution's adjoint, one matrix for every phase of the output's pixels.
public struct AdjointWeights: Sendable {
  let phases: [PackedMatrix]

  /// Bytes of memory.
  public var byteCount: Int { phases.reduce(0) { $0 + $1.byteCount } }
}

extension Convolution {
  /// Lays the weights out for ``forward(_:weights:bias:context:)``.
  ///
  /// - Parameters:
  ///   - weights: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  /// - Returns: One matrix `[kernelSize² · inputChannels, outputChannels]`, or transformed ones.
  public func packed(
    _ weights: UnsafePointer<Float>, context: ComputeContext
  ) -> PackedMatrix {
    if case .winograd(let transform) = algorithm {
      return winogradPacked(weights, transform, context)
    }
    return storedMatrix(weights).packed(context)
  }

  /// Lays the weights out for ``adjoint(_:weights:height:width:bias:context:)``.
  ///
  /// - Parameters:
  ///   - weights: `[kernelSize, kernelSize, inputChannels, outputChannels]`.
  ///   - context: Threads and kernels.
  /// - Returns: One matrix for each of the stride² phases, or one of all taps.
  public func adjointPacked(
    _ weights: UnsafePointer<Float>, context: ComputeContext
  ) -> AdjointWeights {
    if hasTapProducts { return AdjointWeights(phases: [tapsPacked(weights, context)]) }
    return AdjointWeights(
      phases: (0..<shape.stride * shape.stride).map { phase in
        if case .winograd(let transform) = algorithm {
          return winogradAdjointPacked(weights, phase: phase, transform, context)
        }
        return storedAdjoint(weights, phase: phase).packed(context)
      })
  }
}
