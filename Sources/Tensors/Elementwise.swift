/// Elements that one task treats.
private let elementsPerTask = 16384

extension Tensor {
  /// The hyperbolic tangent of every element.
  public func hyperbolicTangent(context: ComputeContext) -> Tensor {
    Tensor(shape: shape) { output in
      nonisolated(unsafe) let output = output
      context.parallelism.forEachRange(count: count, length: elementsPerTask) { range in
        withPointer {
          context.kernels.hyperbolicTangent(
            count: range.count, input: $0 + range.lowerBound, output: output + range.lowerBound)
        }
      }
    }
  }

  /// The gradient before a hyperbolic tangent: `g · (1 − y²)` for its result `y`.
  ///
  /// - Parameters:
  ///   - result: What ``hyperbolicTangent(context:)`` returned, of the same shape.
  ///   - context: Threads and kernels.
  /// - Returns: A tensor of the same shape.
  public func hyperbolicTangentGradient(result: Tensor, context: ComputeContext) -> Tensor {
    precondition(result.shape == shape, "a gradient \(shape) of a result \(result.shape)")
    return elementwise(context) { index in
      values[index] * (1 - result.values[index] * result.values[index])
    }
  }

  /// The products of the elements of two tensors of the same shape.
  public func multiplied(by other: Tensor, context: ComputeContext) -> Tensor {
    precondition(other.shape == shape, "\(shape) times \(other.shape), element by element")
    return elementwise(context) { values[$0] * other.values[$0] }
  }

  /// The sums of the elements of two tensors of the same shape.
  public func adding(_ other: Tensor, context: ComputeContext) -> Tensor {
    precondition(other.shape == shape, "\(shape) plus \(other.shape), element by element")
    return elementwise(context) { values[$0] + other.values[$0] }
  }

  /// The sum over all axes but the last, in fixed order.
  ///
  /// - Returns: `[C]`.
  public func channelSums(context: ComputeContext) -> [Float] {
    let channels = shape.last ?? 1
    return blockSums(channels: channels, pixelCount: count / channels, context: context) {
      pixels, sums in
      withPointer {
        context.kernels.columnSums(
          pixelCount: pixels.count, channelCount: channels,
          input: $0 + pixels.lowerBound * channels, centre: nil, sums: sums)
      }
    }.map { Float($0) }
  }

  private func elementwise(
    _ context: ComputeContext, _ body: @Sendable (Int) -> Float
  ) -> Tensor {
    Tensor(shape: shape) { output in
      nonisolated(unsafe) let output = output
      context.parallelism.forEachRange(count: count, length: elementsPerTask) { range in
        for index in range { (output + index).initialize(to: body(index)) }
      }
    }
  }
}

/// Dropout: each element is kept with a chance of one half and then doubled.
public enum Dropout {
  /// The factors, 0 or 2, of a map.
  ///
  /// Element `i` of a sample, counted in `[H, W, C]`, takes the draw at counter `i` of that sample's
  /// sequence, so the factors do not depend on the batch.
  ///
  /// - Parameters:
  ///   - shape: `[N, H, W, C]`.
  ///   - sequences: One sequence a sample.
  ///   - context: Threads and kernels.
  /// - Returns: A tensor of the given shape.
  public static func factors(
    shape: [Int], sequences: [CounterRandom], context: ComputeContext
  ) -> Tensor {
    let size = shape.dropFirst().reduce(1, *)
    precondition(
      sequences.count == shape[0], "\(sequences.count) sequences for \(shape[0]) samples")
    return Tensor(shape: shape) { output in
      nonisolated(unsafe) let output = output
      context.parallelism.forEachRange(count: shape[0] * ((size + 3) / 4), length: 4096) { blocks in
        let blocksPerSample = (size + 3) / 4
        for block in blocks {
          let (sample, index) = (block / blocksPerSample, block % blocksPerSample)
          let draws = sequences[sample].block(at: UInt64(index))
          for lane in 0..<min(4, size - 4 * index) {
            let keeps = draws[lane] >> 31 == 0
            (output + sample * size + 4 * index + lane).initialize(to: keeps ? 2 : 0)
          }
        }
      }
    }
  }
}
