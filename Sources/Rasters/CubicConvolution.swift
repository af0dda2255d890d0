/// Cubic convolution with a = −½ (Catmull-Rom), the interpolation of every warped picture.
///
/// Reference: Keys 1981, IEEE TASSP 29(6), equation 15.
public enum CubicConvolution {
  /// The weights of the four neighbours at −1, 0, 1 and 2.
  ///
  /// - Parameter fraction: How far the place lies behind neighbour 0, 0..<1.
  /// - Returns: Four weights that sum to 1.
  public static func weights(_ fraction: Double) -> [Float] {
    let (first, second, third, fourth) = tuple(Float(fraction))
    return [first, second, third, fourth]
  }

  /// The same four weights without an allocation, for inner loops.
  @inlinable
  public static func tuple(_ fraction: Float) -> (Float, Float, Float, Float) {
    let square = fraction * fraction
    let cube = square * fraction
    return (
      -0.5 * cube + square - 0.5 * fraction,
      1.5 * cube - 2.5 * square + 1,
      -1.5 * cube + 2 * square + 0.5 * fraction,
      0.5 * cube - 0.5 * square
    )
  }
}

extension RGBImage {
  /// Reads the picture between its pixels by cubic convolution.
  ///
  /// - Parameters:
  ///   - x: Pixels from the left edge; the centre of the first pixel is at 0.5.
  ///   - y: Pixels from the top edge.
  ///   - background: What lies outside the picture.
  /// - Returns: The colour, rounded half up.
  public func sampledBicubic(x: Double, y: Double, background: RGBColor = .white) -> RGBColor {
    let left = Int((x - 0.5).rounded(.down))
    let top = Int((y - 0.5).rounded(.down))
    let across = CubicConvolution.weights(x - 0.5 - Double(left))
    let down = CubicConvolution.weights(y - 0.5 - Double(top))
    var red: Float = 0
    var green: Float = 0
    var blue: Float = 0
    for row in 0..<4 {
      for column in 0..<4 {
        let weight = across[column] * down[row]
        let pixelX = left - 1 + column
        let pixelY = top - 1 + row
        let isInside = pixelX >= 0 && pixelY >= 0 && pixelX < width && pixelY < height
        let color = isInside ? self[pixelX, pixelY] : background
        red += weight * Float(color.red)
        green += weight * Float(color.green)
        blue += weight * Float(color.blue)
      }
    }
    func level(_ value: Float) -> UInt8 { UInt8(max(0, min(255, (value + 0.5).rounded(.down)))) }
    return RGBColor(red: level(red), green: level(green), blue: level(blue))
  }
}
