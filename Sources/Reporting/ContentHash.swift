import Foundation

/// SHA-256, by which inputs, models and data sets are named in manifests and cards.
///
/// Reference: FIPS 180-4, sections 4.1.2, 5.3.3 and 6.2.
public struct ContentHash: Sendable {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
    0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var pending: [UInt8] = []
  private var byteCount: UInt64 = 0

  /// Starts the hash of an empty content.
  public init() {}

  /// Appends bytes to the content.
  public mutating func update(_ bytes: some Sequence<UInt8>) {
    let before = pending.count
    pending.append(contentsOf: bytes)
    byteCount += UInt64(pending.count - before)
    let whole = pending.count / 64 * 64
    guard whole > 0 else { return }
    let blocks = pending
    blocks.withUnsafeBufferPointer { buffer in
      for start in stride(from: 0, to: whole, by: 64) {
        compress(UnsafeBufferPointer(rebasing: buffer[start..<(start + 64)]))
      }
    }
    pending.removeFirst(whole)
  }

  /// The 64 hexadecimal digits of what was appended so far.
  public func hexadecimal() -> String {
    var copy = self
    let bitCount = byteCount &* 8
    copy.pending.append(0x80)
    while copy.pending.count % 64 != 56 { copy.pending.append(0) }
    for shift in stride(from: 56, through: 0, by: -8) {
      copy.pending.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
    }
    copy.update(EmptyCollection())
    return copy.state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  /// The hash of some bytes, as 64 hexadecimal digits.
  public static func hexadecimal(of bytes: some Sequence<UInt8>) -> String {
    var hash = ContentHash()
    hash.update(bytes)
    return hash.hexadecimal()
  }

  /// The hash of a file, read in pieces of 1 MiB.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - endsOnly: Hashes the size, the first and the last MiB alone, for slides of many gigabytes.
  /// - Returns: 64 hexadecimal digits.
  /// - Throws: What Foundation throws when the file cannot be read.
  public static func hexadecimal(ofFile path: String, endsOnly: Bool = false) throws -> String {
    let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
    defer { try? file.close() }  // It was only read: nothing is lost if closing fails.
    let piece = 1 << 20
    var hash = ContentHash()
    if endsOnly {
      let size = try file.seekToEnd()
      hash.update(Array("\(size)\n".utf8))
      try file.seek(toOffset: 0)
      hash.update(try file.read(upToCount: piece) ?? Data())
      if size > UInt64(2 * piece) {
        try file.seek(toOffset: size - UInt64(piece))
        hash.update(try file.read(upToCount: piece) ?? Data())
      } else {
        hash.update(try file.readToEnd() ?? Data())
      }
      return hash.hexadecimal()
    }
    while let data = try file.read(upToCount: piece), !data.isEmpty { hash.update(data) }
    return hash.hexadecimal()
  }

  private mutating func compress(_ block: UnsafeBufferPointer<UInt8>) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
      for index in 0..<16 {
        schedule[index] =
          UInt32(block[4 * index]) << 24 | UInt32(block[4 * index + 1]) << 16
          | UInt32(block[4 * index + 2]) << 8 | UInt32(block[4 * index + 3])
      }
      for index in 16..<64 {
        let w15 = schedule[index - 15]
        let w2 = schedule[index - 2]
        let sigma0 = Self.rotated(w15, 7) ^ Self.rotated(w15, 18) ^ (w15 >> 3)
        let sigma1 = Self.rotated(w2, 17) ^ Self.rotated(w2, 19) ^ (w2 >> 10)
        schedule[index] = schedule[index - 16] &+ sigma0 &+ schedule[index - 7] &+ sigma1
      }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      var (e, f, g, h) = (state[4], state[5], state[6], state[7])
      for index in 0..<64 {
        let sum1 = Self.rotated(e, 6) ^ Self.rotated(e, 11) ^ Self.rotated(e, 25)
        let choice = (e & f) ^ (~e & g)
        let first = h &+ sum1 &+ choice &+ Self.constants[index] &+ schedule[index]
        let sum0 = Self.rotated(a, 2) ^ Self.rotated(a, 13) ^ Self.rotated(a, 22)
        let majority = (a & b) ^ (a & c) ^ (b & c)
        (h, g, f, e) = (g, f, e, d &+ first)
        (d, c, b, a) = (c, b, a, first &+ sum0 &+ majority)
      }
      for (index, word) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= word }
    }
  }

  private static func rotated(_ word: UInt32, _ count: UInt32) -> UInt32 {
    word >> count | word << (32 - count)
  }

  private static let constants: [UInt32] = {
    // The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    var primes: [UInt64] = []
    var candidate: UInt64 = 2
    while primes.count < 64 {
      if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
      candidate += 1
    }
    return primes.map { prime in
      // The largest r with r³ ≤ prime · 2⁹⁶, found bit by bit; its low 32 bits are the fraction.
      var root: UInt64 = 0
      for bit in stride(from: 34, through: 0, by: -1) {
        let trial = root | (1 << UInt64(bit))
        let square = trial.multipliedFullWidth(by: trial)
        let low = square.low.multipliedFullWidth(by: trial)
        let (middle, carried) = (square.high &* trial).addingReportingOverflow(low.high)
        if !carried, middle < prime << 32 || (middle == prime << 32 && low.low == 0) {
          root = trial
        }
      }
      return UInt32(truncatingIfNeeded: root)
    }
  }()
}
