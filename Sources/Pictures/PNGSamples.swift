/// How a PNG's pixels are packed into the bytes of its rows.
///
/// Grey of 1 to 8 bits, RGB and alpha of 8 bits, and palettes of 1 to 8 bits, as label pictures have them.
/// Reference: W3C PNG, third edition (2025), sections 7.2 and 11.2.1.
struct PNGSamples {
  let width: Int
  let height: Int
  private let bitCount: Int
  private let channelCount: Int
  private let hasPalette: Bool

  /// Nothing for what is not read: 16 bits, and what the format does not have.
  init?(width: Int, height: Int, bitCount: Int, colorType: UInt8) {
    let channelCounts: [UInt8: Int] = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4]
    let bitCounts = colorType == 0 || colorType == 3 ? [1, 2, 4, 8] : [8]
    guard let channelCount = channelCounts[colorType], bitCounts.contains(bitCount) else {
      return nil
    }
    self.width = width
    self.height = height
    self.bitCount = bitCount
    self.channelCount = channelCount
    hasPalette = colorType == 3
  }

  /// Bytes of a row.
  var rowByteCount: Int { (width * channelCount * bitCount + 7) / 8 }

  /// How far back the filters look.
  var pixelByteCount: Int { max(1, channelCount * bitCount / 8) }

  /// The picture of packed rows.
  ///
  /// - Parameters:
  ///   - rows: ``rowByteCount`` bytes a row.
  ///   - palette: Red, green and blue of each colour.
  /// - Returns: One byte a sample; nothing where a pixel's colour is not in the palette.
  func contents(of rows: [UInt8], palette: [UInt8]) -> PNGPicture.Contents? {
    let values = bitCount == 8 ? rows : unpacked(rows)
    guard hasPalette else {
      return PNGPicture.Contents(
        width: width, height: height, channelCount: channelCount, values: values)
    }
    guard values.allSatisfy({ Int($0) < palette.count / 3 }) else { return nil }
    var colors = [UInt8](repeating: 0, count: 3 * values.count)
    for (index, value) in values.enumerated() {
      for channel in 0..<3 { colors[3 * index + channel] = palette[3 * Int(value) + channel] }
    }
    return PNGPicture.Contents(width: width, height: height, channelCount: 3, values: colors)
  }

  /// One byte a sample, the first from a byte's highest bits; grey is stretched to 0…255.
  private func unpacked(_ rows: [UInt8]) -> [UInt8] {
    let most = UInt8(1 << bitCount - 1)
    let stretch = hasPalette ? 1 : 255 / most
    var values = [UInt8](repeating: 0, count: width * height)
    for y in 0..<height {
      for x in 0..<width {
        let byte = rows[y * rowByteCount + x * bitCount / 8]
        let shift = 8 - bitCount - x * bitCount % 8
        values[y * width + x] = (byte >> UInt8(shift) & most) * stretch
      }
    }
    return values
  }
}
