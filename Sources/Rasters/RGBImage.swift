/// An 8-bit RGB picture, interleaved, rows from top to bottom: `pixels[(y · width + x) · 3 + channel]`.
public struct RGBImage: Hashable, Sendable {
  /// Columns.
  public let width: Int
  /// Rows.
  public let height: Int
  /// `height · width · 3` bytes, red first, 0…255.
  public var pixels: [UInt8]

  /// Makes a picture from its bytes.
  ///
  /// - Precondition: `pixels` holds `width · height · 3` bytes.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(
      pixels.count == width * height * 3,
      "an RGB picture of \(width) × \(height) needs \(width * height * 3) bytes, not \(pixels.count)"
    )
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// Makes a picture of one colour; white unless another is named.
  public init(width: Int, height: Int, filledWith color: RGBColor = .white) {
    self.width = width
    self.height = height
    if color.red == color.green, color.green == color.blue {
      pixels = [UInt8](repeating: color.red, count: width * height * 3)
    } else {
      pixels = []
      pixels.reserveCapacity(width * height * 3)
      for _ in 0..<(width * height) { pixels += [color.red, color.green, color.blue] }
    }
  }

  /// The whole picture as a region.
  public var bounds: PixelRegion { PixelRegion(x: 0, y: 0, width: width, height: height) }

  /// The colour of one pixel.
  public subscript(x: Int, y: Int) -> RGBColor {
    get {
      let start = (y * width + x) * 3
      return RGBColor(red: pixels[start], green: pixels[start + 1], blue: pixels[start + 2])
    }
    set {
      let start = (y * width + x) * 3
      pixels[start] = newValue.red
      pixels[start + 1] = newValue.green
      pixels[start + 2] = newValue.blue
    }
  }

  /// How many pixels of a region have a colour, each channel to within some levels.
  ///
  /// - Precondition: The region lies inside the picture.
  public func count(of color: RGBColor, within levels: Int, in region: PixelRegion) -> Int {
    var count = 0
    for y in region.y..<region.maxY {
      for x in region.x..<region.maxX where self[x, y].distance(to: color) <= levels { count += 1 }
    }
    return count
  }

  /// Cuts a region out; what lies outside the picture takes the colour `background`.
  public func cropped(to region: PixelRegion, background: RGBColor = .white) -> RGBImage {
    if region == bounds { return self }
    var result = RGBImage(width: region.width, height: region.height, filledWith: background)
    result.paste(self, x: -region.x, y: -region.y)
    return result
  }

  /// Copies another picture over this one, its first pixel at (`x`, `y`); what falls outside is dropped.
  public mutating func paste(_ other: RGBImage, x: Int, y: Int) {
    let shared = PixelRegion(x: x, y: y, width: other.width, height: other.height)
      .intersection(bounds)
    guard !shared.isEmpty else { return }
    let width = width
    let byteCount = shared.width * 3
    pixels.withUnsafeMutableBytes { target in
      other.pixels.withUnsafeBytes { source in
        for row in shared.y..<shared.maxY {
          let from = ((row - y) * other.width + (shared.x - x)) * 3
          let to = (row * width + shared.x) * 3
          UnsafeMutableRawBufferPointer(rebasing: target[to..<(to + byteCount)])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[from..<(from + byteCount)]))
        }
      }
    }
  }
}

/// One 8-bit colour.
public struct RGBColor: Hashable, Codable, Sendable {
  /// Red, 0…255.
  public var red: UInt8
  /// Green, 0…255.
  public var green: UInt8
  /// Blue, 0…255.
  public var blue: UInt8

  /// Makes a colour from its channels.
  public init(red: UInt8, green: UInt8, blue: UInt8) {
    self.red = red
    self.green = green
    self.blue = blue
  }

  /// Glass without tissue.
  public static let white = RGBColor(red: 255, green: 255, blue: 255)

  /// Levels by which the most unlike channel differs.
  public func distance(to other: RGBColor) -> Int {
    max(
      abs(Int(red) - Int(other.red)), abs(Int(green) - Int(other.green)),
      abs(Int(blue) - Int(other.blue)))
  }
}
