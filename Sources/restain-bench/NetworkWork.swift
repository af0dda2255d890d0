import Networks
import Tensors

/// The networks that the suites measure, with random weights and synthetic pixels.
enum NetworkWork {
  /// The side of a tile in pixels.
  static let side = 256

  /// A batch of noise in [−1, 1], `[count, 256, 256, 3]`.
  static func batch(count: Int, seed: UInt64) -> Tensor {
    let random = CounterRandom(seed: seed, stream: 0)
    let values = (0..<(count * side * side * 3)).map { 2 * random.uniform(at: UInt64($0)) - 1 }
    return Tensor(shape: [count, side, side, 3], values: values)
  }

  /// Multiply-adds of the generator on one tile, in units of 10⁹.
  ///
  /// Down from level `i` to `i + 1`: 16 · in · out for every output pixel; up the same for every input
  /// pixel, whose channels are doubled by the skip except at the innermost level.
  static func generatorGigaMACs(baseChannels: Int) -> Double {
    let widths = (0..<8).map { baseChannels * min(8, 1 << $0) }
    var sum = 0.0
    for level in 0..<8 {
      let pixels = Double((side >> (level + 1)) * (side >> (level + 1)))
      let outer = level == 0 ? 3 : widths[level - 1]
      let inner = widths[level]
      let entering = level == 7 ? inner : 2 * inner
      sum += pixels * 16 * Double(outer * inner)
      sum += pixels * 16 * Double(entering * outer)
    }
    return sum / 1e9
  }

  /// Multiply-adds of the 70 × 70 discriminator on one pair of tiles, in units of 10⁹.
  static func discriminatorGigaMACs(baseChannels: Int) -> Double {
    let widths = [6, baseChannels, 2 * baseChannels, 4 * baseChannels, 8 * baseChannels, 1]
    let sides = [128, 64, 32, 31, 30]
    let sum = zip(zip(widths, widths.dropFirst()), sides).reduce(0.0) { sum, layer in
      sum + Double(layer.1 * layer.1 * 16 * layer.0.0 * layer.0.1)
    }
    return sum / 1e9
  }

  /// Multiply-adds of a diffusion network on one tile, in units of 10⁹.
  static func gigaMACs(_ configuration: DiffusionConfiguration) -> Double {
    Double(configuration.multiplyAddCount(height: side, width: side)) / 1e9
  }
}
