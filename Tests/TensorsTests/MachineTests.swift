import Synchronization
import Tensors
import Testing

struct MachineTests {
  @Test("every index is treated once, for any number of threads", arguments: [1, 2, 3, 8])
  func everyIndexOnce(threadCount: Int) {
    let counts = Mutex([Int](repeating: 0, count: 1000))
    Parallelism(threadCount: threadCount).forEach(count: 1000) { index in
      counts.withLock { $0[index] += 1 }
    }
    #expect(counts.withLock { $0 } == [Int](repeating: 1, count: 1000))
  }

  @Test("ranges cover everything once and keep their length")
  func ranges() {
    let found = Mutex<[Range<Int>]>([])
    Parallelism(threadCount: 2).forEachRange(count: 10, length: 4) { range in
      found.withLock { $0.append(range) }
    }
    #expect(
      found.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound } == [0..<4, 4..<8, 8..<10])
  }

  @Test("denormal results are 0 on every thread", arguments: [1, 2])
  func denormals(threadCount: Int) {
    let products = Mutex<[Float]>([])
    let small = opaque(Float.leastNormalMagnitude)
    Parallelism(threadCount: threadCount).forEach(count: 4) { _ in
      let product = small * 0.25
      products.withLock { $0.append(product) }
    }
    #expect(products.withLock { $0 } == [0, 0, 0, 0])
    #expect(small * 0.25 > 0)
  }

  @Test("the counter-based numbers are those of Philox4x32-10")
  func philox() {
    // Known answers of Random123 1.14, kat_vectors.
    #expect(
      CounterRandom(seed: 0, stream: 0).block(at: 0)
        == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      CounterRandom(seed: .max, stream: .max).block(at: .max)
        == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
  }

  @Test("uniform and normal numbers have their moments")
  func moments() {
    let random = CounterRandom(seed: 3, stream: 4)
    let count = 20_000
    let uniforms = (0..<count).map { Double(random.uniform(at: UInt64($0))) }
    let normals = (0..<count).map { Double(random.normal(at: UInt64($0))) }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
    // Five deviations of the means: 1/√12, 1 and √2 by √20000.
    #expect(abs(mean(uniforms) - 0.5) < 5 * 0.289 / 141)
    #expect(uniforms.allSatisfy { $0 >= 0 && $0 < 1 })
    #expect(abs(mean(normals)) < 5.0 / 141)
    #expect(abs(mean(normals.map { $0 * $0 }) - 1) < 5 * 1.415 / 141)
  }

  @Test("a saved sequential generator goes on where it was")
  func sequential() {
    var random = SequentialRandom(seed: 9)
    _ = random.next()
    var copy = random
    #expect((0..<4).map { _ in random.next() } == (0..<4).map { _ in copy.next() })
  }

  @Test("a loop of multiply-adds runs in every family and comes to its limit")
  func multiplyAdds() {
    for family in KernelFamily.allCases where family.isSupported {
      let (operationCount, sums) = family.runMultiplyAdds(roundCount: 3000)
      #expect(operationCount == 24 * sums.count / 12 * 3000)
      // x ← x · (1 − 2⁻⁶) + 2⁻⁶ goes to 1 until its steps are lost in rounding: 2⁻²⁴ · 2⁶ at most.
      #expect(sums.allSatisfy { abs($0 - 1) < 0x1p-17 }, "\(family)")
    }
  }

  @Test("the best kernels are supported, and the baseline always is")
  func kernels() {
    #expect(KernelFamily.best.isSupported)
    #expect(KernelFamily.baseline.isSupported)
  }
}

/// A value that the compiler cannot compute with.
@inline(never)
private func opaque(_ value: Float) -> Float { value }
