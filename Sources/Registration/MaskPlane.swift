import Rasters

/// One share a pixel, 0…1, rows from top to bottom, in half the memory of a ``Plane``.
///
/// Shares are kept in 32,768ths: those of a mask of 0 and 1 stay exact when it is halved up to seven times.
struct MaskPlane: Sendable {
  /// Columns.
  let width: Int
  /// Rows.
  let height: Int
  /// `[height, width]`, 0…``one``.
  private(set) var parts: [UInt16]

  static let one: UInt16 = 32_768
  private static let part = 1 / Float(one)

  init(_ plane: Plane) {
    width = plane.width
    height = plane.height
    parts = plane.values.map { UInt16(min(1, max(0, $0)) * Float(Self.one)) }
  }

  /// Zeros.
  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    parts = [UInt16](repeating: 0, count: width * height)
  }

  private init(width: Int, height: Int, parts: [UInt16]) {
    self.width = width
    self.height = height
    self.parts = parts
  }

  subscript(x: Int, y: Int) -> Float { Float(parts[y * width + x]) * Self.part }

  /// The share of a pixel, by its place in rows from top to bottom.
  subscript(index: Int) -> Float { Float(parts[index]) * Self.part }

  /// Whether every share is 1.
  var isFull: Bool { parts.allSatisfy { $0 == Self.one } }

  /// The shares as numbers.
  var plane: Plane {
    Plane(width: width, height: height, values: parts.map { Float($0) * Self.part })
  }

  /// The mean of all shares.
  var mean: Double {
    Double(parts.reduce(0) { $0 + Int($1) }) / (Double(Self.one) * Double(max(1, parts.count)))
  }

  /// The products with the shares of another mask of the same size.
  func products(with other: MaskPlane) -> [Float] {
    zip(parts, other.parts).map { Float($0) * Self.part * (Float($1) * Self.part) }
  }

  /// Means of 2 × 2 shares; the last column and row are repeated at odd edges.
  func halved() -> MaskPlane {
    MaskPlane(
      width: (width + 1) / 2, height: (height + 1) / 2,
      parts: parts.halved(width: width, height: height) {
        UInt16((UInt32($0) + UInt32($1) + UInt32($2) + UInt32($3)) / 4)
      })
  }

  /// A rectangle of the mask; it lies inside.
  func cropped(to region: PixelRegion) -> MaskPlane {
    MaskPlane(
      width: region.width, height: region.height, parts: parts.cropped(to: region, width: width))
  }

  /// Lets a body write shares at fixed addresses, rows from top to bottom.
  mutating func withParts(_ body: (UnsafeMutablePointer<UInt16>) -> Void) {
    parts.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { body(base) }
    }
  }
}

/// Values of pixels, rows from top to bottom.
extension Array {
  /// One value for each 2 × 2; the last column and row are repeated at odd edges.
  ///
  /// - Parameters:
  ///   - width: Columns.
  ///   - height: Rows.
  ///   - mean: Of the upper left, upper right, lower left and lower right value.
  /// - Returns: `[(height + 1) / 2, (width + 1) / 2]`.
  func halved(
    width: Int, height: Int, mean: (Element, Element, Element, Element) -> Element
  ) -> [Element] {
    let newWidth = (width + 1) / 2
    let newHeight = (height + 1) / 2
    return withUnsafeBufferPointer { source in
      [Element](unsafeUninitializedCapacity: newWidth * newHeight) { target, count in
        for y in 0..<newHeight {
          let upper = 2 * y * width
          let lower = Swift.min(2 * y + 1, height - 1) * width
          for x in 0..<newWidth {
            let left = 2 * x
            let right = Swift.min(left + 1, width - 1)
            target.initializeElement(
              at: y * newWidth + x,
              to: mean(
                source[upper + left], source[upper + right], source[lower + left],
                source[lower + right]))
          }
        }
        count = newWidth * newHeight
      }
    }
  }

  /// The values of a rectangle that lies inside.
  func cropped(to region: PixelRegion, width: Int) -> [Element] {
    var values: [Element] = []
    values.reserveCapacity(region.width * region.height)
    for row in region.y..<region.maxY {
      values += self[row * width + region.x..<row * width + region.maxX]
    }
    return values
  }
}
