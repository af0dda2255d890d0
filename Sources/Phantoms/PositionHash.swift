/// Random numbers that depend on a place and a key alone, so that any part of a phantom can be drawn
/// without the rest.
struct PositionHash: Hashable, Sendable {
  /// What the numbers are for; one key a purpose and seed.
  let key: UInt32

  /// Makes a key from the phantom's seed and a purpose.
  init(seed: UInt64, purpose: UInt64) {
    // SplitMix64 (Steele, Lea and Flood 2014): its finaliser spreads both numbers over all bits.
    var state = seed &+ (purpose &+ 1) &* 0x9E37_79B9_7F4A_7C15
    state = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    state = (state ^ (state >> 27)) &* 0x94D0_49BB_1331_11EB
    key = UInt32(truncatingIfNeeded: state ^ (state >> 31))
  }

  /// 32 well mixed bits for a lattice point.
  @inline(__always)
  func bits(_ x: Int32, _ y: Int32) -> UInt32 {
    var state =
      (UInt32(bitPattern: x) &* 0x9E37_79B1) ^ (UInt32(bitPattern: y) &* 0x85EB_CA77) ^ key
    state = (state ^ (state >> 15)) &* 0x2C1B_3C6D
    state = (state ^ (state >> 12)) &* 0x297A_2D39
    return state ^ (state >> 15)
  }

  /// A stream of numbers for one cell of a grid.
  @inline(__always)
  func draws(_ x: Int32, _ y: Int32) -> CellDraws { CellDraws(state: bits(x, y)) }

  /// One number in 0..<1 for a lattice point.
  @inline(__always)
  func unit(_ x: Int32, _ y: Int32) -> Float { Float(bits(x, y) >> 8) * 0x1p-24 }
}

/// The numbers drawn for one cell, one after another (a permuted congruential generator of 32 bits).
///
/// Reference: O'Neill 2014, HMC-CS-2014-0905 (RXS M XS).
struct CellDraws: Sendable {
  private var state: UInt32

  @inline(__always)
  init(state: UInt32) { self.state = state }

  /// 32 bits.
  @inline(__always)
  mutating func bits() -> UInt32 {
    state = state &* 747_796_405 &+ 2_891_336_453
    let word = ((state >> ((state >> 28) &+ 4)) ^ state) &* 277_803_737
    return (word >> 22) ^ word
  }

  /// A number in 0..<1.
  @inline(__always)
  mutating func unit() -> Float { Float(bits() >> 8) * 0x1p-24 }

  /// A number in -1..<1.
  @inline(__always)
  mutating func signed() -> Float { unit() * 2 - 1 }

  /// A number in a range.
  @inline(__always)
  mutating func between(_ low: Float, _ high: Float) -> Float { low + (high - low) * unit() }
}
