/// `output = tanh(input)`; `input` and `output` may be the same memory.
///
/// Relative error below 3e-7. Reference: the single-precision rational and exponential forms of
/// Moshier's Cephes library (tanhf.c, expf.c).
@inline(never)
public func hyperbolicTangent(
  count: Int, input: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
) {
  var i = 0
  while i + 8 <= count {
    put(hyperbolicTangent(lanes(input + i)), output + i)
    i += 8
  }
  guard i < count else { return }
  var rest = Lanes()
  var lane = 0
  while i + lane < count {
    rest[lane] = input[i + lane]
    lane += 1
  }
  rest = hyperbolicTangent(rest)
  lane = 0
  while i + lane < count {
    output[i + lane] = rest[lane]
    lane += 1
  }
}

/// Eight hyperbolic tangents: a polynomial near 0, `1 − 2 / (e²ˣ + 1)` elsewhere.
@inline(__always)
private func hyperbolicTangent(_ x: Lanes) -> Lanes {
  let magnitude = x.replacing(with: -x, where: x .< 0)
  let square = x * x
  var small = square * -5.704_988_7e-3 + 2.063_908_9e-2
  small = small * square - 5.373_971_5e-2
  small = small * square + 1.333_144_2e-1
  small = small * square - 3.333_328_2e-1
  small = small * square * x + x
  // tanh(9.1) rounds to 1 in single precision.
  let bounded = magnitude.replacing(with: 9.1, where: magnitude .> 9.1)
  let large = 1 - 2 / (exponential(bounded + bounded) + 1)
  let signed = large.replacing(with: -large, where: x .< 0)
  return signed.replacing(with: small, where: magnitude .< 0.625)
}

/// `eˣ` for `x` from 0 to 19: `2ⁿ · eʳ` with `r` within half of ln 2.
///
/// Adding 1.5 · 2²³ leaves the nearest integer in the low bits of the sum: conversions between floats
/// and integers would pull in functions of the standard library that the kernel modules must not share.
@inline(__always)
private func exponential(_ x: Lanes) -> Lanes {
  let power = (x * 1.442_695_04 + 12_582_912) - 12_582_912
  var rest = x - power * 0.693_359_375
  rest -= power * -2.121_944_4e-4
  var series = rest * 1.987_569_1e-4 + 1.398_199_9e-3
  series = series * rest + 8.333_452e-3
  series = series * rest + 4.166_579_6e-2
  series = series * rest + 1.666_666_5e-1
  series = series * rest + 5.000_000_1e-1
  series = series * (rest * rest) + rest + 1
  let bits = unsafeBitCast(power + 12_583_039, to: SIMD8<UInt32>.self) &<< 23
  return series * unsafeBitCast(bits, to: Lanes.self)
}
