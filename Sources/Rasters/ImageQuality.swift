import Foundation

/// How near one picture is to another that shows the same pixels.
public enum ImageQuality {
  /// The sum of squared differences and how many samples it covers; sums of tiles may be added up.
  public struct SquaredError: Hashable, Sendable {
    /// The sum of squared differences in levels of 255.
    public var sum: Double
    /// How many samples (pixels × 3) were compared.
    public var count: Int

    /// Makes a sum; empty unless given.
    public init(sum: Double = 0, count: Int = 0) {
      self.sum = sum
      self.count = count
    }

    /// Adds the sum over other pixels.
    public mutating func add(_ other: SquaredError) {
      sum += other.sum
      count += other.count
    }

    /// `10 · log10(255² / mean squared error)` in dB; infinite for equal pictures, NaN for none.
    public var peakSignalToNoise: Double {
      guard count > 0 else { return .nan }
      return 10 * log10(255 * 255 / (sum / Double(count)))
    }
  }

  /// The squared error over the pixels of a mask.
  ///
  /// - Parameters:
  ///   - first: A picture.
  ///   - second: A picture of the same size.
  ///   - mask: One flag a pixel; all pixels where none is given.
  /// - Returns: The sum over the three channels.
  public static func squaredError(
    _ first: RGBImage, _ second: RGBImage, mask: [Bool]? = nil
  ) -> SquaredError {
    requireEqualSize(first, second)
    var total = 0
    var count = 0
    for pixel in 0..<(first.width * first.height) where mask?[pixel] ?? true {
      for index in (pixel * 3)..<(pixel * 3 + 3) {
        let difference = Int(first.pixels[index]) - Int(second.pixels[index])
        total += difference * difference
      }
      count += 3
    }
    return SquaredError(sum: Double(total), count: count)
  }

  /// Peak signal to noise over all pixels and channels: `10 · log10(255² / mean squared error)`, dB.
  ///
  /// - Returns: Decibels; infinite for equal pictures.
  public static func peakSignalToNoise(_ first: RGBImage, _ second: RGBImage) -> Double {
    squaredError(first, second).peakSignalToNoise
  }

  /// Structural similarity of two pictures, the mean over the three channels and all places where the
  /// window fits.
  ///
  /// A Gaussian window of 11 × 11 pixels and deviation 1.5, `K1 = 0.01`, `K2 = 0.03`, range 255.
  ///
  /// - Returns: −1…1, 1 for equal pictures; NaN where a side is under 11 pixels.
  ///
  /// Reference: Wang et al. 2004, IEEE TIP 13(4), equation 13.
  public static func structuralSimilarity(_ first: RGBImage, _ second: RGBImage) -> Double {
    let map = structuralSimilarityMap(first, second)
    guard !map.values.isEmpty else { return .nan }
    return map.values.reduce(into: 0.0) { $0 += Double($1) } / Double(map.values.count)
  }

  /// The structural similarity at every place where the 11 × 11 window fits.
  ///
  /// - Returns: `[height − 10, width − 10]`; value (x, y) is centred on pixel (x + 5, y + 5).
  public static func structuralSimilarityMap(_ first: RGBImage, _ second: RGBImage) -> Plane {
    requireEqualSize(first, second)
    guard first.width >= 11, first.height >= 11 else { return Plane(width: 0, height: 0) }
    var map = Plane(width: first.width - 10, height: first.height - 10)
    let c1 = (0.01 * 255) * (0.01 * 255)
    let c2 = (0.03 * 255) * (0.03 * 255)
    for channel in 0..<3 {
      let x = channelValues(first, channel)
      let y = channelValues(second, channel)
      let size = (width: first.width, height: first.height)
      let meanX = windowMeans(x, size)
      let meanY = windowMeans(y, size)
      let squareX = windowMeans(products(x, x), size)
      let squareY = windowMeans(products(y, y), size)
      let product = windowMeans(products(x, y), size)
      for index in map.values.indices {
        let varianceX = squareX[index] - meanX[index] * meanX[index]
        let varianceY = squareY[index] - meanY[index] * meanY[index]
        let covariance = product[index] - meanX[index] * meanY[index]
        let above = (2 * meanX[index] * meanY[index] + c1) * (2 * covariance + c2)
        let below =
          (meanX[index] * meanX[index] + meanY[index] * meanY[index] + c1)
          * (varianceX + varianceY + c2)
        map.values[index] += Float(above / below / 3)
      }
    }
    return map
  }

  private static func requireEqualSize(_ first: RGBImage, _ second: RGBImage) {
    precondition(
      first.width == second.width && first.height == second.height,
      "\(first.width) × \(first.height) against \(second.width) × \(second.height) pixels")
  }

  private static func channelValues(_ image: RGBImage, _ channel: Int) -> [Double] {
    let count = image.width * image.height
    return [Double](unsafeUninitializedCapacity: count) { values, filled in
      image.pixels.withUnsafeBufferPointer { pixels in
        for index in 0..<count { values[index] = Double(pixels[index * 3 + channel]) }
      }
      filled = count
    }
  }

  private static func products(_ first: [Double], _ second: [Double]) -> [Double] {
    let count = first.count
    return [Double](unsafeUninitializedCapacity: count) { values, filled in
      for index in 0..<count { values[index] = first[index] * second[index] }
      filled = count
    }
  }

  /// The Gaussian-weighted mean of each full 11 × 11 window.
  private static func windowMeans(
    _ values: [Double], _ size: (width: Int, height: Int)
  ) -> [Double] {
    let kernel = GaussianKernel.weights(deviation: 1.5, radius: 5).map(Double.init)
    let width = size.width - 10
    let height = size.height - 10
    var across = [Double](repeating: 0, count: width * size.height)
    var result = [Double](repeating: 0, count: width * height)
    values.withUnsafeBufferPointer { source in
      across.withUnsafeMutableBufferPointer { target in
        for y in 0..<size.height {
          for tap in 0..<11 {
            let weight = kernel[tap]
            let from = y * size.width + tap
            for x in 0..<width { target[y * width + x] += weight * source[from + x] }
          }
        }
      }
    }
    across.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        for y in 0..<height {
          for tap in 0..<11 {
            let weight = kernel[tap]
            let from = (y + tap) * width
            for x in 0..<width { target[y * width + x] += weight * source[from + x] }
          }
        }
      }
    }
    return result
  }
}
