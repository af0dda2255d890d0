public import Rasters
import Tensors

/// Features of small pictures by a convolution network whose weights are fixed random numbers.
///
/// Three layers of 3 × 3 taps with stride 2 and no border, 16, 32 and 64 channels, each followed by
/// rectification; weights are normal with variance `2 / inputs`, offsets normal with deviation ½, all drawn
/// once and for all from one seed. The features are the means of all channels of all layers over the picture.
///
/// The network knows nothing about tissue: a distance of its features tells whether colours, edges and
/// textures are distributed alike, and its values compare with no published figure, least of all with FID,
/// whose network is another one. Computed without fused operations, so that it is the same on every CPU.
public struct RandomConvolutionFeatures: Sendable {
  private struct Layer: Sendable {
    let inputs: Int
    let outputs: Int
    /// `[3, 3, inputs, outputs]` in groups of 16 outputs.
    let weights: [SIMD16<Float>]
    let offsets: [SIMD16<Float>]
  }

  /// The side of the pictures, in pixels.
  public static let side = 64
  /// Channels of the layers.
  static let channels = [16, 32, 64]
  /// Features of a picture.
  public static let count = channels.reduce(0, +)

  private static let seed: UInt64 = 0x5261_6E64_436F_6E76
  private let layers: [Layer]

  /// Draws the weights: always the same.
  public init() {
    var inputs = 3
    layers = Self.channels.enumerated().map { index, outputs in
      let random = CounterRandom(seed: Self.seed, stream: UInt64(index))
      let count = 9 * inputs * outputs
      let deviation = (2 / Float(9 * inputs)).squareRoot()
      func groups(_ range: Range<Int>, _ deviation: Float) -> [SIMD16<Float>] {
        stride(from: range.lowerBound, to: range.upperBound, by: 16).map { first in
          var group = SIMD16<Float>()
          for lane in 0..<16 { group[lane] = deviation * random.normal(at: UInt64(first + lane)) }
          return group
        }
      }
      defer { inputs = outputs }
      return Layer(
        inputs: inputs, outputs: outputs, weights: groups(0..<count, deviation),
        offsets: groups(count..<(count + outputs), 0.5))
    }
  }

  /// The features of a picture.
  ///
  /// - Parameter image: ``side`` × ``side`` pixels.
  /// - Returns: ``count`` numbers.
  public func features(of image: RGBImage) -> [Float] {
    precondition(
      image.width == Self.side && image.height == Self.side,
      "\(image.width) × \(image.height) pixels, not \(Self.side) × \(Self.side)")
    var map = image.pixels.map { Float($0) / 127.5 - 1 }
    var side = Self.side
    var features: [Float] = []
    features.reserveCapacity(Self.count)
    for layer in layers {
      let (next, means) = Self.run(layer, on: map, side: side)
      features += means
      map = next
      side = (side - 3) / 2 + 1
    }
    return features
  }

  /// One layer: its map `[side′, side′, outputs]`, and the means of its channels.
  private static func run(
    _ layer: Layer, on map: [Float], side: Int
  ) -> (map: [Float], means: [Float]) {
    let (inputs, groups) = (layer.inputs, layer.outputs / 16)
    let size = (side - 3) / 2 + 1
    var sums = [SIMD16<Float>](repeating: SIMD16(), count: groups)
    let result = [Float](unsafeUninitializedCapacity: size * size * layer.outputs) { out, filled in
      map.withUnsafeBufferPointer { map in
        layer.weights.withUnsafeBufferPointer { weights in
          for y in 0..<size {
            for x in 0..<size {
              for group in 0..<groups {
                var sum = layer.offsets[group]
                for row in 0..<3 {
                  // Three pixels side by side are one run of values.
                  let start = ((2 * y + row) * side + 2 * x) * inputs
                  let weight = row * 3 * inputs * groups + group
                  for index in 0..<(3 * inputs) {
                    sum += weights[weight + index * groups] * map[start + index]
                  }
                }
                sum = pointwiseMax(sum, SIMD16())
                sums[group] += sum
                let place = (y * size + x) * layer.outputs + group * 16
                for lane in 0..<16 { out[place + lane] = sum[lane] }
              }
            }
          }
        }
      }
      filled = size * size * layer.outputs
    }
    let scale = 1 / Float(size * size)
    return (result, sums.flatMap { sum in (0..<16).map { sum[$0] * scale } })
  }
}
