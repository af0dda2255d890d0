import Foundation

/// Optical density after Beer and Lambert: `OD = −log10((v + 1) / (white + 1))`, never below 0.
///
/// Reference: Ruifrok and Johnston 2001, Anal. Quant. Cytol. Histol. 23(4).
public enum OpticalDensity {
  /// The density of each of the 256 levels against a white point.
  ///
  /// - Parameter white: The level of clear glass, 1…255.
  /// - Returns: 256 densities, 0 at and above `white`.
  public static func table(white: Double = 255) -> [Float] {
    (0..<256).map { level in
      Float(max(0, -log10((Double(level) + 1) / (white + 1))))
    }
  }

  /// The density in red light, of which haematoxylin takes most and eosin next to nothing.
  ///
  /// - Parameters:
  ///   - image: The picture.
  ///   - white: The red level of clear glass.
  /// - Returns: `[height, width]`, optical density, 0 = glass.
  public static func red(of image: RGBImage, white: Double = 255) -> Plane {
    let table = table(white: white)
    return Plane(
      width: image.width, height: image.height,
      values: (0..<image.width * image.height).map { table[Int(image.pixels[$0 * 3])] })
  }

  /// The mean density over the three channels.
  ///
  /// - Parameters:
  ///   - image: The picture.
  ///   - white: The level of clear glass for each channel.
  /// - Returns: `[height, width]`, optical density, 0 = glass.
  public static func mean(
    of image: RGBImage, white: (red: Double, green: Double, blue: Double) = (255, 255, 255)
  ) -> Plane {
    let red = table(white: white.red)
    let green = table(white: white.green)
    let blue = table(white: white.blue)
    var plane = Plane(width: image.width, height: image.height)
    for index in 0..<(image.width * image.height) {
      let start = index * 3
      plane.values[index] =
        (red[Int(image.pixels[start])] + green[Int(image.pixels[start + 1])]
          + blue[Int(image.pixels[start + 2])]) / 3
    }
    return plane
  }
}

/// The density that one unit of a stain adds to red, green and blue.
public struct StainVector: Hashable, Codable, Sendable {
  /// Density in the red channel.
  public var red: Double
  /// Density in the green channel.
  public var green: Double
  /// Density in the blue channel.
  public var blue: Double

  /// Makes a vector, scaled to unit length.
  public init(red: Double, green: Double, blue: Double) {
    let length = (red * red + green * green + blue * blue).squareRoot()
    self.red = red / length
    self.green = green / length
    self.blue = blue / length
  }

  /// Haematoxylin (Ruifrok and Johnston 2001).
  public static let haematoxylin = StainVector(red: 0.650, green: 0.704, blue: 0.286)
  /// Eosin (Ruifrok and Johnston 2001).
  public static let eosin = StainVector(red: 0.072, green: 0.990, blue: 0.105)
  /// Diaminobenzidine, the brown of most IHC (Ruifrok and Johnston 2001).
  public static let diaminobenzidine = StainVector(red: 0.268, green: 0.570, blue: 0.776)
}
