import Foundation
import Tensors
import Testing

/// A diffusion network's normalisation with all that surrounds it, against double precision.
struct GroupNormalizationTests {
  /// Means of up to 216 numbers, an exponential off by 2e-7, and products of a few numbers of size 3: 1e-6 of
  /// values up to 10, doubled.
  private static let bound = 2e-5

  private static let threads = ComputeContext(parallelism: Parallelism(threadCount: 3))

  /// Two maps of 7 and 17 channels side by side: groups of 6, one across both maps.
  private struct Example {
    let inputs = [normals([2, 6, 6, 7], seed: 1), normals([2, 6, 6, 17], seed: 2)]
    let weight = normals([24], seed: 3).values
    let bias = normals([24], seed: 4).values
    let modulation = GroupNormalization.Modulation(
      scale: normals([48], seed: 5).values, shift: normals([48], seed: 6).values)

    /// Pixels of both maps, `[N, 36, 24]`.
    var joined: [Double] {
      (0..<72).flatMap { pixel in
        inputs.flatMap { map in
          map.values[pixel * map.shape[3]..<(pixel + 1) * map.shape[3]].map { Double($0) }
        }
      }
    }

    /// The whole forward pass without border.
    func naive(
      _ x: [Double], weight: [Double], bias: [Double], scale: [Double], shift: [Double],
      activates: Bool, resampling: Resampling
    ) -> [Double] {
      var values = x
      for sample in 0..<2 {
        for group in 0..<4 {
          let members = (0..<36).flatMap { pixel in
            (6 * group..<6 * group + 6).map { (sample * 36 + pixel) * 24 + $0 }
          }
          let mean = members.reduce(0) { $0 + x[$1] } / 216
          let variance = members.reduce(0) { $0 + (x[$1] - mean) * (x[$1] - mean) } / 216
          for index in members {
            let channel = index % 24
            let normalized = (x[index] - mean) / (variance + 1e-5).squareRoot()
            let z =
              (normalized * weight[channel] + bias[channel]) * (1 + scale[sample * 24 + channel])
              + shift[sample * 24 + channel]
            values[index] = activates ? z / (1 + exp(-z)) : z
          }
        }
      }
      func at(_ sample: Int, _ y: Int, _ x: Int, _ channel: Int) -> Double {
        values[((sample * 6 + y) * 6 + x) * 24 + channel]
      }
      let size = resampling.outputLength(6)
      return (0..<2 * size * size * 24).map { index in
        let (channel, x) = (index % 24, index / 24 % size)
        let (y, sample) = (index / 24 / size % size, index / 24 / size / size)
        switch resampling {
        case .none: return at(sample, y, x, channel)
        case .doubling: return at(sample, y / 2, x / 2, channel)
        case .halving:
          return
            (at(sample, 2 * y, 2 * x, channel) + at(sample, 2 * y, 2 * x + 1, channel)
            + at(sample, 2 * y + 1, 2 * x, channel) + at(sample, 2 * y + 1, 2 * x + 1, channel)) / 4
        }
      }
    }
  }

  private static func run(
    _ example: Example, _ normalization: GroupNormalization, border: Int, _ context: ComputeContext
  ) -> (statistics: GroupStatistics, affine: ChannelAffine, output: Tensor) {
    let statistics = normalization.statistics(
      example.inputs.map { $0.channelMoments(context: context) })
    let affine = normalization.affine(
      statistics, weight: example.weight[...], bias: example.bias[...],
      modulation: example.modulation)
    return (
      statistics, affine,
      normalization.forward(example.inputs, affine: affine, border: border, context: context)
    )
  }

  @Test(
    "maps side by side are normalised, modulated, activated and resampled",
    arguments: supportedKernels, [Resampling.none, .halving, .doubling])
  func forward(kernels: KernelFamily, resampling: Resampling) {
    let example = Example()
    for activates in [true, false] {
      let normalization = GroupNormalization(
        groupCount: 4, activates: activates, resampling: resampling)
      let context = ComputeContext(parallelism: Parallelism(threadCount: 3), kernels: kernels)
      let output = Self.run(example, normalization, border: 0, context).output
      let expected = example.naive(
        example.joined, weight: example.weight.map { Double($0) },
        bias: example.bias.map { Double($0) },
        scale: example.modulation.scale.map { Double($0) },
        shift: example.modulation.shift.map { Double($0) }, activates: activates,
        resampling: resampling)
      expectClose(output.values, expected, bound: Self.bound)
      let serial = ComputeContext(parallelism: .serial, kernels: kernels)
      #expect(
        Self.run(example, normalization, border: 1, serial).output
          == Bordered.copy(output, border: 1, context: serial))
    }
  }

  @Test(
    "the backward pass agrees with central differences in double precision",
    arguments: supportedKernels, [Resampling.none, .halving, .doubling])
  func gradient(kernels: KernelFamily, resampling: Resampling) {
    let example = Example()
    let context = ComputeContext(parallelism: Parallelism(threadCount: 3), kernels: kernels)
    let normalization = GroupNormalization(groupCount: 4, activates: true, resampling: resampling)
    let (statistics, affine, output) = Self.run(example, normalization, border: 0, context)
    let slopes = normals(output.shape, seed: 7)
    let addend = normals([2, 6, 6, 24], seed: 8)
    func backward(_ context: ComputeContext) -> GroupNormalization.Gradient {
      normalization.backward(
        slopes, inputs: example.inputs, statistics: statistics, affine: affine,
        weight: example.weight[...], bias: example.bias[...], modulation: example.modulation,
        addend: addend, context: context)
    }
    let gradient = backward(context)
    let lists = [
      example.joined, example.weight.map { Double($0) }, example.bias.map { Double($0) },
      example.modulation.scale.map { Double($0) }, example.modulation.shift.map { Double($0) },
    ]
    func loss(_ lists: [[Double]]) -> Double {
      let values = example.naive(
        lists[0], weight: lists[1], bias: lists[2], scale: lists[3], shift: lists[4],
        activates: true, resampling: resampling)
      return zip(values, slopes.values).reduce(0) { $0 + $1.0 * Double($1.1) }
    }
    func difference(_ list: Int, _ index: Int) -> Double {
      var (above, below) = (lists, lists)
      above[list][index] += 1e-5
      below[list][index] -= 1e-5
      return (loss(above) - loss(below)) / 2e-5
    }
    let joined = (0..<72).flatMap { pixel in
      gradient.inputs.flatMap { map in
        map.values[pixel * map.shape[3]..<(pixel + 1) * map.shape[3]]
      }
    }
    let places = Array(stride(from: 0, to: joined.count, by: 61))
    expectClose(
      places.map { joined[$0] },
      places.map { difference(0, $0) + Double(addend.values[$0]) }, bound: 5 * Self.bound)
    let found = [
      gradient.weight, gradient.bias, gradient.modulation.scale, gradient.modulation.shift,
    ]
    for (list, values) in found.enumerated() {
      // Sums of 72 or 36 slopes of size 10 each.
      expectClose(
        values, values.indices.map { difference(list + 1, $0) }, bound: 20 * Self.bound)
    }
    let serial = backward(ComputeContext(parallelism: .serial, kernels: kernels))
    #expect(serial.inputs == gradient.inputs && serial.weight == gradient.weight)
  }

  @Test("what is added before a normalisation only moves its means")
  func offsets() {
    let map = normals([2, 4, 4, 8], seed: 9)
    let offsets = normals([16], seed: 10).values
    var shifted = map
    for index in shifted.values.indices {
      shifted.values[index] += offsets[index / 128 * 8 + index % 8]
    }
    let normalization = GroupNormalization(groupCount: 2, activates: false)
    let direct = normalization.statistics([shifted.channelMoments(context: Self.threads)])
    let found = normalization.statistics(
      [map.channelMoments(context: Self.threads)], offsets: offsets)
    expectClose(
      found.inverseDeviation, direct.inverseDeviation.map { Double($0) }, bound: Self.bound)
    expectClose(
      zip(found.mean, offsets).map { $0 + $1 }, direct.mean.map { Double($0) }, bound: Self.bound)
  }

  @Test("moments of a large map with a large mean keep their digits")
  func moments() {
    var map = normals([1, 64, 64, 8], seed: 11)
    for index in map.values.indices { map.values[index] += 100 }
    let addend = normals(map.shape, seed: 12)
    var sum = map
    let found = sum.add(addend, context: Self.threads)
    #expect(sum == map.adding(addend, context: Self.threads))
    #expect(found == sum.channelMoments(context: ComputeContext()))
    for channel in 0..<8 {
      let values = stride(from: channel, to: sum.count, by: 8).map { Double(sum.values[$0]) }
      let mean = values.reduce(0, +) / 4096
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      // 100 in single precision has steps of 8e-6; a block's mean of 512 such is as good.
      #expect(abs(found.mean[channel] - mean) < 1e-4)
      #expect(abs(found.squares[channel] / squares - 1) < 1e-4)
    }
  }

  @Test("an adjoint takes scalar products with it")
  func adjoint() {
    let map = normals([1, 4, 6, 5], seed: 13)
    func product(_ left: Tensor, _ right: Tensor) -> Double {
      zip(left.values, right.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    for resampling in [Resampling.halving, .doubling] {
      let output = resampling.forward(map, context: Self.threads)
      let slopes = normals(output.shape, seed: 14)
      let back = resampling.backward(slopes, context: Self.threads)
      #expect(back.shape == map.shape)
      #expect(abs(product(output, slopes) - product(map, back)) < Self.bound)
    }
    let kept = map.everySecondPixel(context: Self.threads)
    let slopes = normals(kept.shape, seed: 15)
    let back = slopes.atEverySecondPixel(height: 4, width: 6)
    #expect(kept.shape == [1, 2, 3, 5])
    #expect(abs(product(kept, slopes) - product(map, back)) < Self.bound)
  }
}
