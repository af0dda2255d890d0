/// One channel of floating-point values, rows from top to bottom: `values[y · width + x]`.
public struct Plane: Hashable, Sendable {
  /// Columns.
  public let width: Int
  /// Rows.
  public let height: Int
  /// `height · width` values; the unit is the owner's.
  public var values: [Float]

  /// Makes a plane from its values.
  ///
  /// - Precondition: `values` holds `width · height` numbers.
  public init(width: Int, height: Int, values: [Float]) {
    precondition(
      values.count == width * height,
      "a plane of \(width) × \(height) needs \(width * height) values, not \(values.count)")
    self.width = width
    self.height = height
    self.values = values
  }

  /// Makes a plane of one value.
  public init(width: Int, height: Int, filledWith value: Float = 0) {
    self.width = width
    self.height = height
    values = [Float](repeating: value, count: width * height)
  }

  /// One value.
  public subscript(x: Int, y: Int) -> Float {
    get { values[y * width + x] }
    set { values[y * width + x] = newValue }
  }
}

extension RGBImage {
  /// Luminance after BT.601, `0.299 R + 0.587 G + 0.114 B`, in 0…255.
  public func luminance() -> Plane {
    var plane = Plane(width: width, height: height)
    for index in 0..<(width * height) {
      let start = index * 3
      plane.values[index] =
        0.299 * Float(pixels[start]) + 0.587 * Float(pixels[start + 1])
        + 0.114 * Float(pixels[start + 2])
    }
    return plane
  }
}
