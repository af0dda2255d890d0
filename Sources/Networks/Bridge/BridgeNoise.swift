import Foundation
import Tensors

/// Noise that belongs to places of a slide: the same pixel gets the same numbers in every tile that shows it.
///
/// A pure function of the key, the step, and the absolute pixel, so it depends neither on the order of
/// tiles nor on threads, regions or restarts.
public struct BridgeNoise: Sendable, Equatable {
  private let key: UInt64

  /// Pixels left of and above the slide have numbers, too: reflected borders do.
  private static let origin = 1 << 31
  /// Keeps the streams apart from those that training draws from the same seed.
  private static let stream: UInt64 = 0x4252_4944_0000_0000

  /// Makes the noise of a slide.
  ///
  /// - Parameter key: What tells slides and repetitions apart.
  public init(key: UInt64) { self.key = key }

  /// Fills a region with standard normal numbers.
  ///
  /// - Parameters:
  ///   - target: `[height, width, 3]`.
  ///   - x: Absolute column of the region's left pixel.
  ///   - y: Absolute row of its top pixel.
  ///   - width: Columns.
  ///   - height: Rows.
  ///   - step: The step that the move starts from.
  public func fill(
    _ target: UnsafeMutablePointer<Float>, x: Int, y: Int, width: Int, height: Int, step: Int
  ) {
    let random = CounterRandom(seed: key, stream: Self.stream | UInt64(step))
    var write = 0
    for row in y..<y + height {
      let line = UInt64(row + Self.origin) << 32
      for column in x..<x + width {
        let bits = random.block(at: line | UInt64(column + Self.origin))
        let (first, second) = Self.normals(bits.x, bits.y)
        target[write] = first
        target[write + 1] = second
        target[write + 2] = Self.normals(bits.z, bits.w).0
        write += 3
      }
    }
  }

  /// Two independent standard normal numbers (Box and Muller 1958).
  private static func normals(_ first: UInt32, _ second: UInt32) -> (Float, Float) {
    // (bits + ½) / 2³² is never 0, so its logarithm is finite.
    let radius = (-2 * log((Double(first) + 0.5) * 0x1p-32)).squareRoot()
    let angle = 2 * Double.pi * Double(second) * 0x1p-32
    return (Float(radius * cos(angle)), Float(radius * sin(angle)))
  }
}
