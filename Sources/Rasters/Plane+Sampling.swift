import Foundation

extension Plane {
  /// Reads the plane between its pixels by bilinear interpolation; the edge repeats outside.
  ///
  /// - Parameters:
  ///   - x: Pixels from the left edge; the centre of the first pixel is at 0.5.
  ///   - y: Pixels from the top edge.
  /// - Returns: The interpolated value.
  public func sampledBilinear(x: Double, y: Double) -> Float {
    let left = (x - 0.5).rounded(.down)
    let top = (y - 0.5).rounded(.down)
    let across = Float(x - 0.5 - left)
    let down = Float(y - 0.5 - top)
    let x0 = min(max(Int(left), 0), width - 1)
    let x1 = min(max(Int(left) + 1, 0), width - 1)
    let y0 = min(max(Int(top), 0), height - 1)
    let y1 = min(max(Int(top) + 1, 0), height - 1)
    let upper = self[x0, y0] + across * (self[x1, y0] - self[x0, y0])
    let lower = self[x0, y1] + across * (self[x1, y1] - self[x0, y1])
    return upper + down * (lower - upper)
  }

  /// The plane smoothed by a Gaussian, cut off at three deviations; the edge repeats outside.
  ///
  /// - Parameter deviation: The Gaussian's deviation in pixels; 0 or less returns the plane itself.
  /// - Returns: A plane of the same size.
  /// - Complexity: Two passes of `6 · deviation + 1` reads a pixel.
  public func blurred(deviation: Double) -> Plane {
    guard deviation > 0, width > 0, height > 0 else { return self }
    let kernel = GaussianKernel.weights(deviation: deviation)
    let radius = kernel.count / 2
    var across = [Float](repeating: 0, count: values.count)
    var result = across
    values.withUnsafeBufferPointer { source in
      across.withUnsafeMutableBufferPointer { target in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        // Between the edges, where no place has to be looked for, a weight at a time for the whole row.
        let inner = min(radius, width)..<max(min(radius, width), width - radius)
        for y in 0..<height {
          let row = y * width
          for x in [0..<inner.lowerBound, inner.upperBound..<width].joined() {
            var sum: Float = 0
            for tap in 0..<kernel.count {
              sum += kernel[tap] * source[row + min(max(x + tap - radius, 0), width - 1)]
            }
            target[row + x] = sum
          }
          guard !inner.isEmpty else { continue }
          let first = row + inner.lowerBound
          for tap in 0..<kernel.count {
            Self.add(from + (first + tap - radius), times: kernel[tap], to: to + first, inner.count)
          }
        }
      }
    }
    across.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        for y in 0..<height {
          for tap in 0..<kernel.count {
            let row = min(max(y + tap - radius, 0), height - 1) * width
            Self.add(from + row, times: kernel[tap], to: to + y * width, width)
          }
        }
      }
    }
    return Plane(width: width, height: height, values: result)
  }

  /// Pointers, since an index that is checked for overflow keeps the loop from taking several numbers at once.
  private static func add(
    _ source: UnsafePointer<Float>, times weight: Float, to target: UnsafeMutablePointer<Float>,
    _ count: Int
  ) {
    for index in 0..<count { target[index] += weight * source[index] }
  }
}

/// A sampled Gaussian.
enum GaussianKernel {
  /// `2 · ⌈3 · deviation⌉ + 1` weights that sum to 1.
  static func weights(deviation: Double) -> [Float] {
    weights(deviation: deviation, radius: Int((3 * deviation).rounded(.up)))
  }

  /// `2 · radius + 1` weights that sum to 1.
  static func weights(deviation: Double, radius: Int) -> [Float] {
    let values = (-radius...radius).map { offset in
      exp(-Double(offset * offset) / (2 * deviation * deviation))
    }
    let sum = values.reduce(0, +)
    return values.map { Float($0 / sum) }
  }
}
