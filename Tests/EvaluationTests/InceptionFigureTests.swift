import Evaluation
import Foundation
import Tensors
import Testing

/// The formulas of FID, KID and the Inception score, on features that are made by formulas themselves.
@Suite("Formulas of FID, KID and the Inception score")
struct InceptionFigureTests {
  /// Rows of normal numbers, each `scale · x + shift`.
  private static func table(
    _ count: Int, _ features: Int, stream: UInt64, scale: Float = 1, shift: Float = 0
  ) -> FeatureTable {
    let random = CounterRandom(seed: 17, stream: stream)
    var table = FeatureTable(featureCount: features)
    for row in 0..<count {
      table.append(
        (0..<features).map {
          scale * random.normal(at: UInt64(row * features + $0)) + shift
        })
    }
    return table
  }

  private static func distribution(_ table: FeatureTable) -> FeatureDistribution {
    var result = FeatureDistribution(featureCount: table.featureCount)
    for row in 0..<table.count {
      result.add(
        Array(table.values[row * table.featureCount..<(row + 1) * table.featureCount]))
    }
    return result
  }

  private func distance(_ first: FeatureTable, _ second: FeatureTable) throws -> Double {
    try #require(FeatureMoments(first).frechetDistance(to: FeatureMoments(second)))
  }

  @Test("the distance of a set to itself is 0, with few and with many rows", arguments: [40, 500])
  func identical(count: Int) throws {
    let table = Self.table(count, 64, stream: 0)
    let trace = FeatureMoments(table).trace
    #expect(try distance(table, table) <= 1e-6 * trace)
  }

  @Test("both orders give one distance", arguments: [40, 500])
  func symmetry(count: Int) throws {
    let (first, second) = (
      Self.table(count, 64, stream: 1), Self.table(count, 64, stream: 2, scale: 2, shift: 0.5)
    )
    let (forth, back) = (try distance(first, second), try distance(second, first))
    #expect(abs(forth / back - 1) <= 1e-9)
  }

  @Test("shifted features are as far as their shift, scaled ones as their scale tells")
  func gaussians() throws {
    let features = 16
    let table = Self.table(4000, features, stream: 3)
    let trace = FeatureMoments(table).trace
    // The same draws: the covariances are equal and only the means differ, to a float's rounding.
    let shifted = Self.table(4000, features, stream: 3, shift: 0.5)
    #expect(abs(try distance(table, shifted) - Double(features) * 0.25) <= 1e-5)
    // |μ|² (1 − a)² + tr Σ (1 − a)², where the mean of 4000 draws is nearly 0.
    let scaled = Self.table(4000, features, stream: 3, scale: 3)
    let found = try distance(table, scaled)
    #expect(abs(found - 4 * trace) <= 4 * Double(features) * 10 / 4000)
    // Expected 16 · 4, and a trace of 4000 draws is within 5 deviations of √(2 · 16 / 4000).
    #expect(abs(found - 64) <= 4 * 5 * 0.09)
  }

  @Test(
    "few rows, many rows and eigenvectors give one distance",
    arguments: [(50, 70), (500, 500), (40, 300)])
  func paths(counts: (Int, Int)) throws {
    let (first, second) = (
      Self.table(counts.0, 64, stream: 4),
      Self.table(counts.1, 64, stream: 5, scale: 1.5, shift: 0.25)
    )
    let found = try distance(first, second)
    let (left, right) = (Self.distribution(first), Self.distribution(second))
    let eigen = try #require(left.frechetDistance(to: right, usesEigenvectors: true))
    let gram = try #require(left.frechetDistance(to: right))
    #expect(abs(found / gram - 1) <= 1e-9)
    // Eigenvalues that are 0 come out as 1e-16 of the largest, their roots as 1e-8 of its.
    #expect(abs(found / eigen - 1) <= 1e-6)
  }

  @Test("the kernel distance is the unbiased sum over pairs")
  func kernel() throws {
    let (count, features) = (30, 8)
    let (first, second) = (
      Self.table(count, features, stream: 6), Self.table(count, features, stream: 7, shift: 0.5)
    )
    func kernel(_ left: FeatureTable, _ i: Int, _ right: FeatureTable, _ j: Int) -> Double {
      var product = 0.0
      for index in 0..<features {
        product +=
          Double(left.values[i * features + index]) * Double(right.values[j * features + index])
      }
      let base = product / Double(features) + 1
      return base * base * base
    }
    var (within, between) = (0.0, 0.0)
    for i in 0..<count {
      for j in 0..<count {
        if i != j { within += kernel(first, i, first, j) + kernel(second, i, second, j) }
        between += kernel(first, i, second, j)
      }
    }
    let expected = within / Double(count * (count - 1)) - 2 * between / Double(count * count)
    let found = try KernelDistance(first, second, seed: 1)
    #expect(abs(found.mean / expected - 1) <= 1e-10)
    #expect(found.deviation == 0)
  }

  @Test("subsets of a few rows agree with all rows in the mean, for any number of threads")
  func subsets() throws {
    let (first, second) = (
      Self.table(300, 8, stream: 8), Self.table(280, 8, stream: 9, shift: 0.4)
    )
    let all = try KernelDistance(first.selected(0..<280), second, seed: 1).mean
    let serial = try KernelDistance(first, second, subsetSize: 60, seed: 1)
    let threaded = try KernelDistance(
      first, second, subsetSize: 60, seed: 1, parallelism: Parallelism(threadCount: 3))
    #expect(serial == threaded)
    #expect(serial.deviation > 0)
    // Within 4 deviations of the mean of a hundred overlapping subsets.
    #expect(abs(serial.mean - all) <= 4 * serial.deviation / 10)
    #expect(try KernelDistance(first, second, subsetSize: 60, seed: 2) != serial)
  }

  @Test("sets of one distribution are at a kernel distance of about 0, on either side")
  func unbiased() throws {
    var values: [Double] = []
    for pair: UInt64 in 0..<6 {
      let first = Self.table(200, 8, stream: 20 + 2 * pair)
      let second = Self.table(200, 8, stream: 21 + 2 * pair)
      values.append(try KernelDistance(first, second, seed: 1).mean)
    }
    #expect(values.contains { $0 < 0 } && values.contains { $0 > 0 })
  }

  @Test("a stop between subsets ends the estimate")
  func stop() {
    struct Stop: Error {}
    let table = Self.table(70, 4, stream: 10)
    #expect(throws: Stop.self) {
      try KernelDistance(table, table, subsetSize: 20, seed: 1) { _ in throw Stop() }
    }
  }

  @Test("decided predictions over k classes score k, equal ones 1")
  func score() {
    var decided = FeatureTable(featureCount: 5)
    for row in 0..<500 {
      var logits = [Float](repeating: 0, count: 5)
      logits[row % 5] = 200
      decided.append(logits)
    }
    // One part, which holds every class equally often.
    let all = InceptionScore(logits: decided, splitCount: 1, seed: 3)
    #expect(abs(all.mean - 5) <= 1e-9 && all.deviation == 0)
    let parts = InceptionScore(logits: decided, seed: 3)
    #expect(parts.mean > 4.5 && parts.mean < 5 && parts.deviation > 0)
    var equal = FeatureTable(featureCount: 5)
    for _ in 0..<40 { equal.append([1, -2, 0.5, 3, 0]) }
    let none = InceptionScore(logits: equal, seed: 3)
    #expect(abs(none.mean - 1) <= 1e-12 && none.deviation <= 1e-12)
  }

  @Test("a score of two splits is that of each half of the shuffled pictures")
  func splits() {
    // Two classes, decided; in each half of n pictures with m of the first class the score is exp(entropy).
    var table = FeatureTable(featureCount: 2)
    for row in 0..<10 { table.append(row < 5 ? [100, 0] : [0, 100]) }
    let score = InceptionScore(logits: table, splitCount: 2, seed: 4)
    // Halves are m : 5 − m and 5 − m : m, which score the same.
    #expect(score.deviation <= 1e-12)
    let scores = (0...2).map { first -> Double in
      let (p, q) = (Double(first) / 5, 1 - Double(first) / 5)
      return exp(-(first == 0 ? 0 : p * log(p)) - q * log(q))
    }
    #expect(scores.contains { abs($0 - score.mean) <= 1e-9 })
  }

  @Test("halves have equal size, share no picture and are decided by the seed")
  func halves() {
    var table = FeatureTable(featureCount: 1)
    for row in 0..<11 { table.append([Float(row)]) }
    let (first, second) = table.halves(seed: 5)
    #expect(first.count == 5 && second.count == 5)
    #expect(Set(first.values + second.values).count == 10)
    #expect(table.halves(seed: 5).first == first && table.halves(seed: 6).first != first)
  }
}
