import Foundation

/// Cosines and sines of a noise level at falling frequencies.
public enum TimestepEmbedding {
  /// `[cos(t·f₀), cos(t·f₁), …, sin(t·f₀), sin(t·f₁), …]` with `f_k = e^(−ln(10000) · k / half)` for the first half of the
  /// channels.
  ///
  /// Frequencies and angles are rounded to single precision, as in the reference, because an angle of a
  /// thousand keeps only four digits behind the point. Reference: openai/guided-diffusion, nn.py,
  /// `timestep_embedding`.
  ///
  /// - Parameters:
  ///   - levels: One noise level a sample.
  ///   - channels: An even number.
  /// - Returns: `[1, 1, N, channels]`.
  public static func values(levels: [Float], channels: Int) -> Tensor {
    precondition(channels % 2 == 0, "an embedding of \(channels) channels")
    let half = channels / 2
    let frequencies = (0..<half).map { index in
      Float(exp(Double(Float(-log(10000.0)) * Float(index) / Float(half))))
    }
    return Tensor(
      shape: [1, 1, levels.count, channels],
      values: levels.flatMap { level in
        let angles = frequencies.map { Double(level * $0) }
        return angles.map { Float(cos($0)) } + angles.map { Float(sin($0)) }
      })
  }
}

extension Tensor {
  /// SiLU of every element: `x / (1 + e⁻ˣ)`; meant for the few numbers of an embedding.
  public func sigmoidLinearUnit() -> Tensor {
    Tensor(
      shape: shape,
      values: values.map { value in
        let x = Double(value)
        return Float(x / (1 + exp(-x)))
      })
  }

  /// The gradient before SiLU: `g · s · (1 + x · (1 − s))` with `s = 1 / (1 + e⁻ˣ)`.
  ///
  /// - Parameter input: What entered the forward pass, of the same shape.
  /// - Returns: A tensor of the same shape.
  public func sigmoidLinearUnitGradient(input: Tensor) -> Tensor {
    precondition(input.shape == shape, "a gradient \(shape) of an input \(input.shape)")
    return Tensor(
      shape: shape,
      values: zip(values, input.values).map { slope, value in
        let x = Double(value)
        let s = 1 / (1 + exp(-x))
        return Float(Double(slope) * s * (1 + x * (1 - s)))
      })
  }
}
