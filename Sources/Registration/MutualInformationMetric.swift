import Foundation

/// Mutual information of the two pictures' densities, as a share of the fixed picture's entropy.
///
/// A joint histogram with a box window for the fixed density and a cubic B-spline window for the warped one:
/// `MI = Σ p(i, k) log(p(i, k) / (p_R(i) p_T(k)))`, and `∂MI/∂T = Σ_k ∂p(i, k)/∂T log(p(i, k) / p_T(k))`. The
/// dissimilarity of every pixel is `1 − MI / H(R)`. All pixels are used, so there is nothing random in it.
///
/// Reference: Mattes et al. 2003, IEEE TMI 22(1), equations 9 to 12.
package struct MutualInformationMetric: SimilarityMetric {
  private let height: Int
  private let width: Int
  /// The bin of each fixed pixel.
  private let fixedBins: [UInt8]

  package var reach: Int { 1 }

  /// Bins along each axis.
  static let binCount = 32
  /// Fixed so that partial histograms are added the same way with any number of threads.
  private static let bandHeight = 64

  init(reference: FloatBuffer, width: Int, height: Int) {
    self.width = width
    self.height = height
    let last = Float(Self.binCount - 1)
    fixedBins = reference.values.map { UInt8(min(max($0 * Float(Self.binCount), 0), last)) }
  }

  /// The first of the four warped bins of a density, and the place between the middle two.
  private static func place(_ density: Float) -> (bin: Int, fraction: Float) {
    // The window reaches one bin before and two beyond.
    let position = 1 + min(max(density, 0), 1) * (Float(binCount) - 3.001)
    let bin = Int(position)
    return (bin - 1, position - Float(bin))
  }

  package func evaluate(
    warped: FloatBuffer, weights: FloatBuffer, derivative: FloatBuffer, rows: RowLoop
  ) -> Double {
    let counts = histogram(warped: warped, weights: weights, rows: rows)
    let total = counts.reduce(0, +)
    let (width, height, fixedBins) = (width, height, fixedBins)
    guard total > 0 else {
      rows.forEachBand(of: height) { @Sendable band in
        for index in band.lowerBound * width..<band.upperBound * width {
          derivative.pointer[index] = 0
        }
      }
      return 0
    }
    let table = Table(counts: counts, total: total)
    guard table.entropy > 0 else { return total }
    // Of the weighted sum W (1 − MI / H): each pixel's weight over W cancels the W in front.
    let scale = Float(-1 / table.entropy) * (Float(Self.binCount) - 3.001)
    let logRatios = table.logRatios
    rows.forEachBand(of: height) { @Sendable band in
      logRatios.withUnsafeBufferPointer { logRatios in
        for index in band.lowerBound * width..<band.upperBound * width {
          let density = warped.pointer[index]
          guard weights.pointer[index] > 0, density > 0, density < 1 else {
            derivative.pointer[index] = 0
            continue
          }
          let (bin, fraction) = Self.place(density)
          let slopes = CubicSpline.derivatives(Double(fraction))
          let start = Int(fixedBins[index]) * Self.binCount + bin
          var sum: Float = 0
          for step in 0..<4 { sum += Float(slopes[step]) * logRatios[start + step] }
          derivative.pointer[index] = scale * weights.pointer[index] * sum
        }
      }
    }
    return total * (1 - table.information / table.entropy)
  }

  /// `[fixed bin, warped bin]`: weights.
  private func histogram(
    warped: FloatBuffer, weights: FloatBuffer, rows: RowLoop
  ) -> [Double] {
    let size = Self.binCount * Self.binCount
    let bands = (height + Self.bandHeight - 1) / Self.bandHeight
    let partial = DoubleBuffer(count: bands * size)
    let (width, height, fixedBins) = (width, height, fixedBins)
    rows.forEach(count: bands) { @Sendable band in
      let counts = partial.pointer + band * size
      let end = min(height, (band + 1) * Self.bandHeight) * width
      for index in band * Self.bandHeight * width..<end where weights.pointer[index] > 0 {
        let (bin, fraction) = Self.place(warped.pointer[index])
        let window = CubicSpline.values(Double(fraction)) * Double(weights.pointer[index])
        let start = Int(fixedBins[index]) * Self.binCount + bin
        for step in 0..<4 { counts[start + step] += window[step] }
      }
    }
    var counts = [Double](repeating: 0, count: size)
    for band in 0..<bands {
      for index in 0..<size { counts[index] += partial.pointer[band * size + index] }
    }
    return counts
  }

  /// What follows from a joint histogram.
  private struct Table {
    var information = 0.0
    /// Of the fixed picture.
    var entropy = 0.0
    /// `[fixed bin, warped bin]`: `log(p(i, k) / p_T(k))`.
    var logRatios: [Float]

    init(counts: [Double], total: Double) {
      let bins = MutualInformationMetric.binCount
      var fixed = [Double](repeating: 0, count: bins)
      var moving = fixed
      for index in counts.indices {
        fixed[index / bins] += counts[index] / total
        moving[index % bins] += counts[index] / total
      }
      logRatios = [Float](repeating: 0, count: counts.count)
      for share in fixed where share > 0 { entropy -= share * log(share) }
      for index in counts.indices where counts[index] > 0 {
        let share = counts[index] / total
        let ratio = log(share / moving[index % bins])
        logRatios[index] = Float(ratio)
        information += share * (ratio - log(fixed[index / bins]))
      }
    }
  }
}
