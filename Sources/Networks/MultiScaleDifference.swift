public import Tensors

/// The mean absolute difference at several scales, for pairs that are registered imperfectly.
///
/// `Σₛ mean |Pₛ(prediction) − Pₛ(target)| / scaleCount`, where `Pₛ` averages squares of `2ˢ` pixels,
/// `s = 0 … scaleCount − 1`. A displacement of a few pixels weighs fully at the finest scale and hardly at
/// the coarsest, so that colours are learnt where edges do not meet. Averages of equal squares in place
/// of the Gaussian pyramid of the source keep borders and gradient exact.
///
/// Reference: Liu et al. 2022, "BCI: Breast cancer immunohistochemical image generation through pyramid
/// pix2pix", arXiv:2204.11425, equations 3 to 5.
public struct MultiScaleDifference: Sendable {
  /// Scales, the full one included.
  public let scaleCount: Int

  /// The scales of training: squares of 1, 2, 4 and 8 pixels, as the reference's four.
  public static let standard = MultiScaleDifference(scaleCount: 4)

  /// Names the number of scales.
  ///
  /// - Precondition: `scaleCount` is at least 1.
  public init(scaleCount: Int) {
    precondition(scaleCount >= 1, "a difference at \(scaleCount) scales")
    self.scaleCount = scaleCount
  }

  /// The loss and its gradient with respect to the prediction.
  ///
  /// - Parameters:
  ///   - prediction: `[N, H, W, C]`; H and W are multiples of `2^(scaleCount − 1)`.
  ///   - target: The same shape.
  ///   - weight: Factor of the gradient; the value is without it.
  /// - Returns: The mean over the scales and its weighted gradient.
  /// - Complexity: Four thirds of one pass over the elements, forth and back.
  public func loss(prediction: Tensor, target: Tensor, weight: Double = 1) -> LossResult {
    let map = prediction.map
    precondition(
      prediction.shape == target.shape, "a prediction \(prediction.shape) of \(target.shape)")
    let multiple = 1 << (scaleCount - 1)
    precondition(
      map.height.isMultiple(of: multiple) && map.width.isMultiple(of: multiple),
      "\(map.height) × \(map.width) pixels have no \(scaleCount) scales")
    var level = [Float](unsafeUninitializedCapacity: prediction.count) { buffer, count in
      for index in 0..<prediction.count {
        buffer.initializeElement(
          at: index, to: prediction.values[index] - target.values[index])
      }
      count = prediction.count
    }
    var (height, width) = (map.height, map.width)
    var value = 0.0
    var levels: [[Float]] = []
    for scale in 0..<scaleCount {
      if scale > 0 {
        level = Self.halved(level, map.batch, height, width, map.channels)
        (height, width) = (height / 2, width / 2)
      }
      value += level.reduce(0.0) { $0 + Double(abs($1)) } / Double(level.count)
      levels.append(level)
    }
    var gradient: [Float] = []
    for (scale, differences) in levels.enumerated().reversed() {
      let step = Float(weight / Double(scaleCount * differences.count))
      // Each element of a coarser level is a quarter of four finer ones.
      gradient =
        gradient.isEmpty
        ? [Float](repeating: 0, count: differences.count)
        : Self.spread(gradient, map.batch, map.height >> scale, map.width >> scale, map.channels)
      for (index, difference) in differences.enumerated() where difference != 0 {
        gradient[index] += difference > 0 ? step : -step
      }
    }
    return LossResult(
      value: value / Double(scaleCount),
      gradient: Tensor(shape: prediction.shape, values: gradient))
  }

  /// Means of squares of two pixels.
  private static func halved(
    _ values: [Float], _ batch: Int, _ height: Int, _ width: Int, _ channels: Int
  ) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(values.count / 4)
    let row = width * channels
    for top in stride(from: 0, to: batch * height * row, by: 2 * row) {
      for left in stride(from: top, to: top + row, by: 2 * channels) {
        for place in left..<left + channels {
          let upper = values[place] + values[place + channels]
          result.append((upper + (values[place + row] + values[place + row + channels])) * 0.25)
        }
      }
    }
    return result
  }

  /// A quarter of every element to each of its four, onto a level of `height` × `width`.
  private static func spread(
    _ values: [Float], _ batch: Int, _ height: Int, _ width: Int, _ channels: Int
  ) -> [Float] {
    var result: [Float] = []
    result.reserveCapacity(values.count * 4)
    let coarse = width / 2 * channels
    for row in 0..<batch * height {
      // Rows of a batch follow each other, and heights are even.
      let start = row / 2 * coarse
      for column in 0..<width {
        let place = start + column / 2 * channels
        for channel in place..<place + channels { result.append(values[channel] * 0.25) }
      }
    }
    return result
  }
}
