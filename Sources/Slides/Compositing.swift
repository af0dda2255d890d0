import Rasters

/// Turns OpenSlide's premultiplied ARGB into RGB.
enum Compositing {
  /// Copies the shared part of a square that was read into a picture, over a background colour.
  ///
  /// `out = c + background · (255 − alpha) / 255`, rounded half up, `c` being premultiplied.
  ///
  /// - Parameters:
  ///   - buffer: The square's pixels, row by row.
  ///   - square: Where the buffer lies in the level.
  ///   - picture: What is filled.
  ///   - region: Where the picture lies in the level.
  ///   - limit: The part of the level that may be filled.
  ///   - background: What shows through.
  static func copy(
    _ buffer: UnsafePointer<UInt32>, of square: PixelRegion, to picture: inout RGBImage,
    at region: PixelRegion, limitedTo limit: PixelRegion, over background: RGBColor
  ) {
    let shared = square.intersection(limit)
    guard !shared.isEmpty else { return }
    picture.pixels.withUnsafeMutableBufferPointer { target in
      for y in shared.y..<shared.maxY {
        let source = buffer + ((y - square.y) * square.width + (shared.x - square.x))
        var index = ((y - region.y) * region.width + (shared.x - region.x)) * 3
        for x in 0..<shared.width {
          let value = source[x]
          let alpha = value >> 24
          if alpha == 255 {
            target[index] = UInt8(truncatingIfNeeded: value >> 16)
            target[index + 1] = UInt8(truncatingIfNeeded: value >> 8)
            target[index + 2] = UInt8(truncatingIfNeeded: value)
          } else {
            target[index] = composed(value >> 16 & 255, alpha, background.red)
            target[index + 1] = composed(value >> 8 & 255, alpha, background.green)
            target[index + 2] = composed(value & 255, alpha, background.blue)
          }
          index += 3
        }
      }
    }
  }

  private static func composed(_ channel: UInt32, _ alpha: UInt32, _ background: UInt8) -> UInt8 {
    // A broken slide may hold a channel above its alpha; clamped, not wrapped.
    UInt8(min(255, channel + (UInt32(background) * (255 - alpha) + 127) / 255))
  }
}
