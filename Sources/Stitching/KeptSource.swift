public import Rasters

/// Where converted tiles keep pixels of their source: on glass, which a network may paint in another white or pink, and
/// where nothing was scanned.
///
/// A tile that is converted for its tissue mostly has glass, too, and lies beside tiles of glass that keep their
/// source; without this the two meet along the edges of tiles. Stain only darkens: on glass that may be more than that,
/// as in lumens, the source stands unless the converted pixels around are darker, so that what only the network sees
/// remains.
public struct KeptSource: Sendable {
  /// `[pixels]`, 0…1: 1 on tissue, where the converted pixel counts whatever it is; 0 on glass.
  public let tissue: [Float]
  /// `[pixels]`, 0…1: 1 where the source counts whatever became of it; nothing where that is nowhere.
  public let background: [Float]?

  /// Levels of the darkest channel up to which converted glass is no darker: what noise and codecs do.
  private static let noDarker: Float = 4
  /// Levels from which it holds something.
  private static let darker: Float = 7
  /// Levels up to which converted glass may be brighter, and those from which it is something else.
  private static let brighter: (same: Float, other: Float) = (24, 36)
  /// Pixels of the row, on either side, over which glass is compared: a single one is as noisy as it may differ.
  private static let reach = 8

  /// Takes both planes.
  ///
  /// - Precondition: They are equally large.
  public init(tissue: [Float], background: [Float]? = nil) {
    precondition(tissue.count == background?.count ?? tissue.count, "two planes of one tile")
    self.tissue = tissue
    self.background = background
  }

  /// Puts the source back into a converted tile.
  ///
  /// - Parameters:
  ///   - levels: `[height, width, 3]`, 0…255.
  ///   - source: As many pixels.
  public func apply(to levels: inout [Float], source: RGBImage) {
    Self.apply(to: &levels, source: source) { (tissue[$0], background?[$0] ?? 0, 1) }
  }

  /// `[pixels, 3]`: tissue, background and 1, to be blended as a tile is with zeros for tiles that are not converted.
  var channels: [Float] {
    tissue.indices.flatMap { [tissue[$0], background?[$0] ?? 0, 1] }
  }

  /// Puts the source back into converted rows.
  ///
  /// - Parameters:
  ///   - levels: `[height, width, 3]`, 0…255.
  ///   - source: As many pixels.
  ///   - channels: Of each pixel the blended ``channels``.
  @inline(__always)
  static func apply(
    to levels: inout [Float], source: RGBImage,
    channels: (Int) -> (tissue: Float, background: Float, converted: Float)
  ) {
    let width = source.width
    var sums = [SIMD4<Float>](repeating: .zero, count: width + 1)
    levels.withUnsafeMutableBufferPointer { levels in
      source.pixels.withUnsafeBufferPointer { pixels in
        for row in 0..<source.height {
          let places = row * width..<(row + 1) * width
          func isAll(_ pixel: Int) -> Bool {
            let (tissue, background, _) = channels(pixel)
            return tissue >= 1 && background == 0
          }
          guard let first = places.first(where: { !isAll($0) }),
            let last = places.last(where: { !isAll($0) })
          else { continue }
          // Sums along the row give means around each pixel.
          let summed =
            max(
              0, first - places.lowerBound - reach)..<min(
              width, last - places.lowerBound + reach + 1)
          var sum = SIMD4<Float>()
          sums[summed.lowerBound] = sum
          for column in summed {
            let index = (places.lowerBound + column) * 3
            sum += SIMD4(
              levels[index] - Float(pixels[index]), levels[index + 1] - Float(pixels[index + 1]),
              levels[index + 2] - Float(pixels[index + 2]), 0)
            sums[column + 1] = sum
          }
          for pixel in first...last {
            let (tissue, background, converted) = channels(pixel)
            guard tissue < 1 || background > 0 else { continue }
            var share = tissue
            if tissue < converted {
              let column = pixel - places.lowerBound
              let (left, right) = (max(0, column - reach), min(width, column + reach + 1))
              let mean = (sums[right] - sums[left]) / Float(right - left)
              share += (converted - tissue) * otherness(mean)
            }
            if background > 0 { share *= 1 - background / converted }
            for index in pixel * 3..<pixel * 3 + 3 {
              let level = Float(pixels[index])
              levels[index] = level + share * (levels[index] - level)
            }
          }
        }
      }
    }
  }

  /// How surely converted glass is something else, 0…1, by how its levels have changed.
  @inline(__always)
  private static func otherness(_ change: SIMD4<Float>) -> Float {
    let darkening = -min(change.x, change.y, change.z)
    let brightening = max(change.x, change.y, change.z)
    func ramp(_ value: Float, _ none: Float, _ whole: Float) -> Float {
      min(max((value - none) / (whole - none), 0), 1)
    }
    return max(ramp(darkening, noDarker, darker), ramp(brightening, brighter.same, brighter.other))
  }
}
