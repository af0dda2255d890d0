import Evaluation
import Foundation
import Rasters
import Tensors
import TestSupport
import Testing

@Suite("Fréchet distance of feature distributions")
struct FeatureDistributionTests {
  private static let featureCount = 24

  /// Correlated normal vectors: each is a fixed mixture of independent ones, beside a mean.
  private func vectors(_ count: Int, features: Int = featureCount, stream: UInt64) -> [[Float]] {
    let random = CounterRandom(seed: 7, stream: stream)
    let mixture = CounterRandom(seed: 8, stream: 0)
    return (0..<count).map { row in
      let independent = (0..<features).map { random.normal(at: UInt64(row * features + $0)) }
      return (0..<features).map { feature in
        var sum = Float(feature)
        for index in 0..<features {
          sum += independent[index] * mixture.normal(at: UInt64(feature * features + index))
        }
        return sum
      }
    }
  }

  private func distribution(_ vectors: [[Float]]) -> FeatureDistribution {
    var result = FeatureDistribution(featureCount: vectors[0].count)
    for vector in vectors { result.add(vector) }
    return result
  }

  private func distance(_ left: [[Float]], _ right: [[Float]]) throws -> Double {
    try #require(distribution(left).frechetDistance(to: distribution(right)))
  }

  /// The spread of all features: what distances are small or large against.
  private func spread(_ vectors: [[Float]]) -> Double {
    (0..<vectors[0].count).reduce(0.0) { sum, feature in
      let values = vectors.map { Double($0[feature]) }
      let mean = values.reduce(0, +) / Double(values.count)
      return sum + values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
    }
  }

  @Test("identical sets have distance 0")
  func identical() throws {
    for count in [10, 500] {
      let set = vectors(count, stream: 1)
      #expect(try distance(set, set) < 1e-9 * spread(set))
    }
  }

  @Test("equal covariance leaves the squared distance of the means")
  func shift() throws {
    let set = vectors(500, stream: 1)
    let steps = (0..<Self.featureCount).map { Float($0 % 5) * 0.25 }
    let moved = set.map { zip($0, steps).map { $0 + $1 } }
    let expected = steps.reduce(0.0) { $0 + Double($1) * Double($1) }
    // Sums of Float numbers up to 100 are rounded at 100 · 6e-8; so are the moved vectors.
    #expect(abs(try distance(set, moved) - expected) < 1e-4 * expected)
  }

  @Test("a scale leaves (1 − a)² of the spread and of the mean's square")
  func scale() throws {
    let set = vectors(400, stream: 1)
    let scaled = set.map { $0.map { $0 * 0.5 } }
    let mean = try #require(distribution(set).mean)
    let expected = 0.25 * (spread(set) + mean.reduce(0) { $0 + $1 * $1 })
    #expect(abs(try distance(set, scaled) - expected) < 1e-6 * expected)
  }

  @Test("independent features: squared differences of means and deviations, and the same both ways")
  func independent() throws {
    // All 16 corners, so that means, variances and covariances are exact.
    let corners = (0..<16).map { corner in (0..<4).map { Float(corner >> $0 & 1) * 2 - 1 } }
    let (first, second): ([Float], [Float]) = ([1, 2, 3, 0.5], [2, 2, 0.25, 4])
    let left = corners.map { zip($0, first).map { $0 * $1 } }
    let right = corners.map { zip($0, second).map { $0 * $1 + 1 } }
    let variance = 16.0 / 15
    let expected =
      4
      + zip(first, second).reduce(0.0) {
        $0 + variance * Double($1.0 - $1.1) * Double($1.0 - $1.1)
      }
    #expect(abs(try distance(left, right) - expected) < 1e-12 * expected)
    let (a, b) = (vectors(300, stream: 1), vectors(300, stream: 2).map { $0.map { $0 * 1.5 } })
    #expect(abs(try distance(a, b) - distance(b, a)) < 1e-9 * spread(a))
  }

  @Test("few vectors, whose covariance is singular: the Gram form equals the eigenvectors' form")
  func fewVectors() throws {
    let left = distribution(vectors(50, features: 64, stream: 1))
    let right = distribution(vectors(40, features: 64, stream: 2))
    let short = try #require(left.frechetDistance(to: right))
    let long = try #require(left.frechetDistance(to: right, usesEigenvectors: true))
    // Eigenvalues that should be 0 are rounded to 1e-16 of the largest, their roots to 1e-8.
    #expect(abs(short - long) < 1e-6 * short)
    // And a full one with a singular one, whose factors differ in kind.
    let many = distribution(vectors(500, features: 64, stream: 3))
    let mixed = try #require(many.frechetDistance(to: right))
    let other = try #require(many.frechetDistance(to: right, usesEigenvectors: true))
    #expect(abs(mixed - other) < 1e-6 * mixed)
  }

  @Test("fewer than two vectors have no distance")
  func tooFew() {
    let one = distribution(vectors(1, stream: 1))
    let many = distribution(vectors(9, stream: 2))
    #expect(one.frechetDistance(to: many) == nil)
    #expect(many.frechetDistance(to: one) == nil)
  }
}

@Suite("features of a fixed random network")
struct RandomConvolutionFeaturesTests {
  private let network = RandomConvolutionFeatures()

  private func noise(_ amount: Int, seed: UInt64) -> RGBImage {
    var generator = SeededGenerator(seed: seed)
    var image = RGBImage(width: 64, height: 64)
    for index in image.pixels.indices {
      image.pixels[index] = UInt8(128 + Int.random(in: -amount...amount, using: &generator))
    }
    return image
  }

  /// The same network as a plain sum in double precision.
  private func expected(_ image: RGBImage) -> [Double] {
    var map = image.pixels.map { Double($0) / 127.5 - 1 }
    var (side, inputs) = (64, 3)
    var result: [Double] = []
    for (layer, outputs) in [16, 32, 64].enumerated() {
      let random = CounterRandom(seed: 0x5261_6E64_436F_6E76, stream: UInt64(layer))
      let size = (side - 3) / 2 + 1
      var next = [Double](repeating: 0, count: size * size * outputs)
      for channel in 0..<outputs {
        let weights = (0..<(9 * inputs)).map {
          Double(random.normal(at: UInt64($0 * outputs + channel)))
            * (2 / Double(9 * inputs)).squareRoot()
        }
        let offset = 0.5 * Double(random.normal(at: UInt64(9 * inputs * outputs + channel)))
        var mean = 0.0
        for y in 0..<size {
          for x in 0..<size {
            var sum = offset
            for tap in 0..<9 {
              for input in 0..<inputs {
                sum +=
                  weights[tap * inputs + input]
                  * map[((2 * y + tap / 3) * side + 2 * x + tap % 3) * inputs + input]
              }
            }
            next[(y * size + x) * outputs + channel] = max(0, sum)
            mean += max(0, sum) / Double(size * size)
          }
        }
        result.append(mean)
      }
      (map, side, inputs) = (next, size, outputs)
    }
    return result
  }

  @Test("the features are means of rectified convolutions, layer by layer")
  func sums() {
    let image = noise(100, seed: 3)
    let features = network.features(of: image)
    // Sums of up to 961 numbers below 4 in single precision.
    for (found, wanted) in zip(features, expected(image)) {
      #expect(abs(Double(found) - wanted) < 1e-5)
    }
    #expect(features.count == RandomConvolutionFeatures.count)
  }

  @Test("grain moves the features, and more grain moves them more")
  func grain() throws {
    func set(_ amount: Int) -> FeatureDistribution {
      var result = FeatureDistribution(featureCount: RandomConvolutionFeatures.count)
      for seed in 0..<80 { result.add(network.features(of: noise(amount, seed: UInt64(seed)))) }
      return result
    }
    let calm = set(20)
    let near = try #require(calm.frechetDistance(to: set(30)))
    let far = try #require(calm.frechetDistance(to: set(60)))
    #expect(near > 0 && far > 3 * near)
  }
}
