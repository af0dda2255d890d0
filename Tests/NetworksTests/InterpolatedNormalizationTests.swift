import Networks
import Tensors
import Testing

struct InterpolatedNormalizationTests {
  /// Means and deviations are summed in another order than in the folded form: some units in the last
  /// place of 10 layers.
  private static let rounding: Float = 2e-5

  private let context = ComputeContext()
  private let generator = UNetGenerator(baseChannels: 4, downCount: 6, seed: 41)

  private var predictor: GeneratorPredictor {
    generator.prepared(normalization: .interpolated, context: context)
  }

  /// A picture of noise whose brightness rises and whose contrast falls to the right.
  private let wide: [Float] = {
    let random = CounterRandom(seed: 42, stream: 0)
    return (0..<64 * 192 * 3).map { index in
      let x = Float(index / 3 % 192) / 192
      return (random.uniform(at: UInt64(index)) * 2 - 1) * (1 - 0.8 * x) * 0.7 + 0.6 * (x - 0.5)
    }
  }()

  /// The 64 × 64 pixels from a column on.
  private func tile(_ left: Int) -> Tensor {
    var values: [Float] = []
    for y in 0..<64 {
      let start = (y * 192 + left) * 3
      values += wide[start..<start + 64 * 3]
    }
    return Tensor(shape: [1, 64, 64, 3], values: values)
  }

  private func neighbourhood(
    left: TileStatistics?, _ middle: TileStatistics, right: TileStatistics?
  ) -> StatisticsNeighbourhood {
    StatisticsNeighbourhood(
      tiles: [nil, nil, nil, left, middle, right, nil, nil, nil], stride: 32)
  }

  private func largest(_ first: Tensor, _ second: Tensor) -> Float {
    zip(first.values, second.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  @Test("without neighbours, and among equal ones, a tile is what its own statistics make it")
  func alone() throws {
    let tile = tile(0)
    let reference = try generator.prepared(normalization: .reference, context: context)
      .predict(tile, context: context)
    let own = try predictor.statistics(tile, context: context)[0]
    for other in [nil, own] {
      let tiles = (0..<9).map { $0 == 4 ? own : other }
      let result = try predictor.predict(
        tile, neighbourhoods: [StatisticsNeighbourhood(tiles: tiles, stride: 48)],
        context: context)
      #expect(largest(result, reference) < Self.rounding)
    }
  }

  @Test("two tiles that overlap agree where they meet, as they do not by their own statistics")
  func seam() throws {
    let tiles = [0, 32, 64, 96, 128].map(tile)
    let statistics = try tiles.map { try predictor.statistics($0, context: context)[0] }
    func outputs(_ mode: NormalizationMode) throws -> [Tensor] {
      try [1, 2].map { index in
        let around = neighbourhood(
          left: statistics[index - 1], statistics[index], right: statistics[index + 1])
        return try generator.prepared(normalization: mode, context: context).predict(
          tiles[index], neighbourhoods: mode == .interpolated ? [around] : nil, context: context)
      }
    }
    /// Mean difference in brightness of the overlap's middle: noise and borders cancel, a seam stays.
    func step(_ outputs: [Tensor]) -> Float {
      var sums: [Float] = [0, 0, 0]
      for y in 0..<64 {
        for x in 8..<24 {
          for channel in 0..<3 {
            sums[channel] +=
              outputs[0].values[(y * 64 + x + 32) * 3 + channel]
              - outputs[1].values[(y * 64 + x) * 3 + channel]
          }
        }
      }
      return sums.reduce(0) { $0 + abs($1) } / Float(64 * 16 * 3)
    }
    let (own, interpolated) = (step(try outputs(.reference)), step(try outputs(.interpolated)))
    #expect(interpolated < own / 3, "\(interpolated) against \(own)")
  }

  @Test("statistics from the middle of a tile to the next pass from the one to the other")
  func direction() throws {
    // Far neighbours on one side pull that side, and only that side, away.
    let tile = tile(0)
    let own = try predictor.statistics(tile, context: context)[0]
    let other = try predictor.statistics(self.tile(128), context: context)[0]
    let plain = try predictor.predict(
      tile, neighbourhoods: [neighbourhood(left: own, own, right: own)], context: context)
    for isRight in [false, true] {
      let result = try predictor.predict(
        tile,
        neighbourhoods: [
          neighbourhood(left: isRight ? own : other, own, right: isRight ? other : own)
        ], context: context)
      var change: [Float] = [0, 0]
      for (index, (a, b)) in zip(result.values, plain.values).enumerated() {
        change[index / 3 % 64 < 32 ? 0 : 1] += abs(a - b)
      }
      #expect(change[isRight ? 1 : 0] > 2 * change[isRight ? 0 : 1])
    }
  }

  @Test("a tile's result does not depend on its batch or on threads")
  func independence() throws {
    let both = Tensor(shape: [2, 64, 64, 3], values: tile(0).values + tile(64).values)
    let statistics = try predictor.statistics(both, context: context)
    #expect(try predictor.statistics(tile(64), context: context)[0] == statistics[1])
    let around = [
      neighbourhood(left: nil, statistics[0], right: statistics[1]),
      neighbourhood(left: statistics[0], statistics[1], right: nil),
    ]
    let together = try predictor.predict(
      both, neighbourhoods: around,
      context: ComputeContext(parallelism: Parallelism(threadCount: 3)))
    let single = try predictor.predict(tile(64), neighbourhoods: [around[1]], context: context)
    #expect(together.values.suffix(single.count) == single.values[...])
  }
}
