extension RGBImage {
  /// The picture at half its size: the mean of each 2 × 2 block, rounded half up.
  ///
  /// An odd last column or row is repeated, so the result has `(width + 1) / 2` columns and
  /// `(height + 1) / 2` rows.
  public func halved() -> RGBImage {
    let halfWidth = (width + 1) / 2
    let halfHeight = (height + 1) / 2
    var result = [UInt8](repeating: 0, count: halfWidth * halfHeight * 3)
    pixels.withUnsafeBufferPointer { source in
      result.withUnsafeMutableBufferPointer { target in
        for y in 0..<halfHeight {
          let upper = 2 * y * width * 3
          let lower = min(2 * y + 1, height - 1) * width * 3
          for x in 0..<halfWidth {
            let left = 2 * x * 3
            let right = min(2 * x + 1, width - 1) * 3
            let start = (y * halfWidth + x) * 3
            for channel in 0..<3 {
              let sum =
                UInt16(source[upper + left + channel]) &+ UInt16(source[upper + right + channel])
                &+ UInt16(source[lower + left + channel]) &+ UInt16(source[lower + right + channel])
              target[start + channel] = UInt8(truncatingIfNeeded: (sum &+ 2) >> 2)
            }
          }
        }
      }
    }
    return RGBImage(width: halfWidth, height: halfHeight, pixels: result)
  }
}
