import Foundation

/// Random numbers as a pure function of a counter: the same seed, stream and index give the same number
/// in any order, on any thread.
///
/// Philox4x32-10. Reference: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11.
public struct CounterRandom: Sendable, Equatable {
  private let key: SIMD2<UInt32>
  private let stream: SIMD2<UInt32>

  /// Names one sequence of 2⁶⁶ numbers.
  ///
  /// - Parameters:
  ///   - seed: The key, the same for everything that one seed decides.
  ///   - stream: Tells sequences of one seed apart.
  public init(seed: UInt64, stream: UInt64) {
    key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
    self.stream = SIMD2(
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
  }

  /// Four numbers of 32 bits: the output of block `index`.
  public func block(at index: UInt64) -> SIMD4<UInt32> {
    var counter = SIMD4(
      UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32), stream.x, stream.y
    )
    var roundKey = key
    for _ in 0..<10 {
      let first = counter.x.multipliedFullWidth(by: 0xD251_1F53)
      let second = counter.z.multipliedFullWidth(by: 0xCD9E_8D57)
      counter = SIMD4(
        second.high ^ counter.y ^ roundKey.x, second.low,
        first.high ^ counter.w ^ roundKey.y, first.low)
      roundKey &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return counter
  }

  /// 32 random bits.
  public func bits(at index: UInt64) -> UInt32 { block(at: index >> 2)[Int(index & 3)] }

  /// A number from [0, 1), a multiple of 2⁻²⁴.
  public func uniform(at index: UInt64) -> Float { Float(bits(at: index) >> 8) * 0x1p-24 }

  /// A number from the standard normal distribution (Box and Muller 1958).
  public func normal(at index: UInt64) -> Float { normalPair(at: index >> 1)[Int(index & 1)] }

  /// Numbers `2 · index` and `2 · index + 1` of the standard normal distribution.
  public func normalPair(at index: UInt64) -> SIMD2<Float> {
    let bits = block(at: index)
    func normal(_ first: UInt32, _ second: UInt32) -> Float {
      // (bits + ½) / 2³² is never 0, so its logarithm is finite.
      let radius = (-2 * log((Double(first) + 0.5) * 0x1p-32)).squareRoot()
      return Float(radius * cos(2 * Double.pi * Double(second) * 0x1p-32))
    }
    return SIMD2(normal(bits.x, bits.y), normal(bits.z, bits.w))
  }
}
