import Networks
import Tensors
import Testing

struct PredictionTests {
  private let generator: UNetGenerator
  private let tiles = randomPictures(count: 3, size: 64, seed: 5)

  init() {
    // Running statistics that differ from 0 and 1.
    var generator = UNetGenerator(baseChannels: 8, downCount: 6, seed: 1)
    generator.reestimateStatistics(
      batches: [randomPictures(count: 2, size: 64, seed: 6)], context: ComputeContext())
    self.generator = generator
  }

  private func alone(_ index: Int) -> Tensor {
    let size = 64 * 64 * 3
    return Tensor(
      shape: [1, 64, 64, 3], values: Array(tiles.values[index * size..<(index + 1) * size]))
  }

  @Test(
    "a tile's result is the same bits alone and in a batch, on 1, 2 and 4 threads",
    arguments: [NormalizationMode.reference, .running], [false, true])
  func batchesAndThreads(mode: NormalizationMode, hasDropout: Bool) throws {
    let seeds: [UInt64]? = hasDropout ? [7, 8, 9] : nil
    let predictor = generator.prepared(normalization: mode, context: ComputeContext())
    let together = try predictor.predict(tiles, dropoutSeeds: seeds, context: ComputeContext())
    for threadCount in [2, 4] {
      let context = ComputeContext(parallelism: Parallelism(threadCount: threadCount))
      #expect(
        try predictor.predict(tiles, dropoutSeeds: seeds, context: context) == together)
    }
    for index in 0..<3 {
      let single = try predictor.predict(
        alone(index), dropoutSeeds: seeds.map { [$0[index]] }, context: ComputeContext())
      let size = single.count
      #expect(single.values[...] == together.values[index * size..<(index + 1) * size])
    }
  }

  @Test(
    "at the presets' depth a tile is the same bits in a batch of any size, on 1, 2 and 4 threads",
    arguments: KernelFamily.allCases.filter(\.isSupported))
  func smallPreset(kernels: KernelFamily) throws {
    let single = ComputeContext(kernels: kernels)
    let predictor = UNetGenerator(baseChannels: 16, seed: 4)
      .prepared(normalization: .reference, context: single)
    let tiles = randomPictures(count: 5, size: 256, seed: 8)
    let size = 256 * 256 * 3
    func part(_ range: Range<Int>) -> Tensor {
      Tensor(
        shape: [range.count, 256, 256, 3],
        values: Array(tiles.values[range.lowerBound * size..<range.upperBound * size]))
    }
    let together = try predictor.predict(tiles, context: single)
    for threadCount in [2, 4] {
      let context = ComputeContext(
        parallelism: Parallelism(threadCount: threadCount), kernels: kernels)
      #expect(try predictor.predict(tiles, context: context) == together, "\(threadCount) threads")
    }
    for batch in [1, 2, 4] {
      for start in stride(from: 0, to: 5, by: batch) {
        let range = start..<min(5, start + batch)
        let result = try predictor.predict(part(range), context: single)
        #expect(
          result.values[...]
            == together.values[range.lowerBound * size..<range.upperBound * size],
          "batch \(batch) from \(start)")
      }
    }
  }

  @Test("dropout changes the result, the same seed gives it again, another seed another one")
  func dropout() throws {
    let context = ComputeContext()
    let predictor = generator.prepared(normalization: .reference, context: context)
    func run(_ seed: UInt64?) throws -> Tensor {
      try predictor.predict(alone(0), dropoutSeeds: seed.map { [$0] }, context: context)
    }
    #expect(try run(1) == run(1))
    #expect(try run(1) != run(2))
    #expect(try run(1) != run(nil))
  }

  @Test("kernels of different CPU families agree to well under one level of 255")
  func families() throws {
    let results = try KernelFamily.allCases.filter(\.isSupported).map { kernels in
      let context = ComputeContext(kernels: kernels)
      return try generator.prepared(normalization: .running, context: context)
        .predict(tiles, context: context).values
    }
    for result in results {
      let worst = zip(result, results[0]).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
      // A level of 255 is 2 / 255 = 8e-3; rounding of twelve layers is about 1e-6.
      #expect(worst < 1e-5)
    }
  }

  @Test("re-estimated statistics are the averages over the batches")
  func reestimation() throws {
    let context = ComputeContext()
    let batches = [1, 2].map { randomPictures(count: 1, size: 64, seed: UInt64($0)) }
    func statistics(
      _ batches: [Tensor]
    ) throws -> (mean: [Float], variance: [Float], count: [Int64]) {
      var copy = UNetGenerator(baseChannels: 8, downCount: 6, seed: 1)
      copy.reestimateStatistics(batches: batches, context: context)
      let prefix = "model.model.1.model.2."
      guard
        case .int64(let count) = try #require(copy.state[prefix + "num_batches_tracked"]).contents
      else { return ([], [], []) }
      return (
        floats(try #require(copy.state[prefix + "running_mean"])),
        floats(try #require(copy.state[prefix + "running_var"])), count
      )
    }
    let (first, second, both) = (
      try statistics([batches[0]]), try statistics([batches[1]]), try statistics(batches)
    )
    for channel in first.mean.indices {
      let mean = (first.mean[channel] + second.mean[channel]) / 2
      let variance = (first.variance[channel] + second.variance[channel]) / 2
      // Two roundings of numbers below 1.
      #expect(abs(both.mean[channel] - mean) < 2e-7)
      #expect(abs(both.variance[channel] - variance) < 2e-7)
    }
    #expect(both.count == [2])
  }

  @Test("after re-estimation on one tile, running predicts it as its own statistics do")
  func reestimatedPrediction() throws {
    let context = ComputeContext()
    var copy = generator
    copy.reestimateStatistics(batches: [alone(0)], context: context)
    let running = try copy.prepared(normalization: .running, context: context)
      .predict(alone(0), context: context)
    let reference = try copy.prepared(normalization: .reference, context: context)
      .predict(alone(0), context: context)
    // The unbiased variance is n/(n−1) of the biased one: where n is 4, 13 % less deviation, of which the
    // outer levels keep their share.
    let difference =
      zip(running.values, reference.values).reduce(0.0) { $0 + Double(abs($1.0 - $1.1)) }
      / Double(running.count)
    let size = reference.values.reduce(0.0) { $0 + Double(abs($1)) } / Double(running.count)
    #expect(difference < size / 5)
  }
}
