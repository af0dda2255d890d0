import Evaluation
import Rasters
import TestSupport
import Testing

@Suite("the best colour map")
struct AffineColorMapTests {
  static func noise(width: Int, height: Int, seed: UInt64) -> RGBImage {
    var generator = SeededGenerator(seed: seed)
    return RGBImage(
      width: width, height: height,
      pixels: (0..<(width * height * 3)).map { _ in UInt8.random(in: 20...230, using: &generator) })
  }

  /// Keeps 20…230 within 0…255, so that nothing is clamped.
  private let planted = AffineColorMap(rows: [
    [0.5, 0.2, 0.1, 20], [-0.1, 0.7, 0.2, 10], [0.3, -0.2, 0.6, 60],
  ])

  /// The truth is rounded to levels: an error of at most 0.5 in 4096 values of spread 60 moves a slope by
  /// under 0.5 / (60 · √4096) ≈ 1e-4 and the offset by under 0.05; three times that is allowed.
  private static let slopeTolerance = 3e-4
  private static let offsetTolerance = 0.15

  @Test("a planted map is found from its own pictures")
  func findsPlantedMap() throws {
    let input = Self.noise(width: 64, height: 64, seed: 1)
    var fit = AffineColorFit()
    fit.add(input: input, truth: planted.applied(to: input))
    let found = try #require(fit.solved())
    for channel in 0..<3 {
      for index in 0..<3 {
        let difference = found.rows[channel][index] - planted.rows[channel][index]
        #expect(abs(difference) < Self.slopeTolerance)
      }
      #expect(abs(found.rows[channel][3] - planted.rows[channel][3]) < Self.offsetTolerance)
    }
  }

  @Test("no nearby map has a smaller error")
  func isLeastSquares() throws {
    let input = Self.noise(width: 40, height: 40, seed: 2)
    let truth = Self.noise(width: 40, height: 40, seed: 3)
    var fit = AffineColorFit()
    fit.add(input: input, truth: truth)
    let best = try #require(fit.solved())
    func error(_ rows: [[Double]]) -> Double {
      (0..<1600).reduce(0) { sum, pixel in
        sum
          + (0..<3).reduce(0) { channelSum, channel in
            let value =
              (0..<3).reduce(rows[channel][3]) {
                $0 + rows[channel][$1] * Double(input.pixels[pixel * 3 + $1])
              } - Double(truth.pixels[pixel * 3 + channel])
            return channelSum + value * value
          }
      }
    }
    let least = error(best.rows)
    for channel in 0..<3 {
      for index in 0..<4 {
        for step in [-1e-3, 1e-3] {
          var rows = best.rows
          rows[channel][index] += step
          #expect(error(rows) > least)
        }
      }
    }
  }

  @Test("the order of the pictures does not matter, and a mask leaves pixels out")
  func orderAndMask() {
    let inputs = (0..<3).map { Self.noise(width: 16, height: 16, seed: UInt64($0)) }
    let truths = (0..<3).map { Self.noise(width: 16, height: 16, seed: UInt64($0 + 10)) }
    var forward = AffineColorFit()
    for index in [0, 1] { forward.add(input: inputs[index], truth: truths[index]) }
    var backward = AffineColorFit()
    backward.add(
      input: inputs[2], truth: truths[2], mask: [Bool](repeating: false, count: 256))
    for index in [1, 0] { backward.add(input: inputs[index], truth: truths[index]) }
    #expect(forward == backward)
    #expect(forward.pixelCount == 512)
  }

  @Test("grey pictures have a map although their channels say the same; no picture has none")
  func gray() throws {
    var fit = AffineColorFit()
    #expect(fit.solved() == nil)
    var image = RGBImage(width: 8, height: 8)
    for index in 0..<192 { image.pixels[index] = UInt8(40 + index / 3) }
    fit.add(input: image, truth: image)
    #expect(try #require(fit.solved()).applied(to: image) == image)
  }

  @Test("values are rounded half up and clamped")
  func rounding() {
    let map = AffineColorMap(rows: [[1, 0, 0, 0.5], [0, 2, 0, 0], [0, 0, 1, -300]])
    let image = RGBImage(width: 1, height: 1, filledWith: RGBColor(red: 7, green: 200, blue: 9))
    #expect(map.applied(to: image)[0, 0] == RGBColor(red: 8, green: 255, blue: 0))
    #expect(AffineColorMap.identity.applied(to: image) == image)
  }
}
