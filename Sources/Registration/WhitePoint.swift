import Rasters

/// The level of clear glass in each channel: the mode of what is bright.
struct WhitePoint {
  let red: Double
  let green: Double
  let blue: Double
  /// Whether most of what is about as bright has these levels in every channel, as glass does and tissue does not.
  let standsOut: Bool

  /// - Parameters:
  ///   - image: The section.
  ///   - valid: 0 where a pixel tells nothing about glass.
  init(_ image: RGBImage, where valid: Plane) {
    var counts = [Int](repeating: 0, count: 768)
    image.pixels.withUnsafeBufferPointer { pixels in
      counts.withUnsafeMutableBufferPointer { counts in
        for index in valid.values.indices where valid.values[index] > 0 {
          counts[Int(pixels[index * 3])] += 1
          counts[256 + Int(pixels[index * 3 + 1])] += 1
          counts[512 + Int(pixels[index * 3 + 2])] += 1
        }
      }
    }
    let channels = (0..<3).map { Self.white(Array(counts[$0 * 256..<($0 + 1) * 256])) }
    (red, green, blue) = (channels[0].level, channels[1].level, channels[2].level)
    standsOut = channels.allSatisfy(\.standsOut)
  }

  /// The fullest run of five levels at 170 and above, or the 99th percentile where that holds under 2 %.
  private static func white(_ counts: [Int]) -> (level: Double, standsOut: Bool) {
    func count(around level: Int, within reach: Int) -> Int {
      counts[max(0, level - reach)...min(255, level + reach)].reduce(0, +)
    }
    let total = counts.reduce(0, +)
    var best = (level: 255, count: 0)
    for level in 170..<256 {
      let held = count(around: level, within: 2)
      if held >= best.count { best = (level, held) }
    }
    if best.count * 50 >= total {
      // Noise and uneven light leave glass within 5 levels, tissue spreads evenly over 25.
      return (Double(best.level), best.count * 5 >= count(around: best.level, within: 12) * 2)
    }
    var seen = 0
    for level in stride(from: 255, through: 1, by: -1) {
      seen += counts[level]
      if seen * 100 >= total { return (Double(level), false) }
    }
    return (255, false)
  }
}
