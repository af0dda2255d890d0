public import Rasters

/// A map of colours, pixel by pixel: `out = M · (red, green, blue, 1)` with a 3 × 4 matrix.
///
/// The best such map is what a conversion has to beat: it can repaint, but not restain.
public struct AffineColorMap: Hashable, Codable, Sendable {
  /// Three rows of four numbers, one row an output channel; the last column is in levels of 255.
  public let rows: [[Double]]

  /// Makes a map from its matrix.
  ///
  /// - Precondition: Three rows of four numbers.
  public init(rows: [[Double]]) {
    precondition(rows.count == 3 && rows.allSatisfy { $0.count == 4 }, "a colour map is 3 × 4")
    self.rows = rows
  }

  /// The map that changes nothing.
  public static let identity = AffineColorMap(rows: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])

  /// Maps every pixel; rounded half up, clamped to 0…255.
  public func applied(to image: RGBImage) -> RGBImage {
    var result = image
    let matrix = rows.flatMap(\.self)
    result.pixels.withUnsafeMutableBufferPointer { pixels in
      for start in stride(from: 0, to: pixels.count, by: 3) {
        let red = Double(pixels[start])
        let green = Double(pixels[start + 1])
        let blue = Double(pixels[start + 2])
        for channel in 0..<3 {
          let value =
            matrix[channel * 4] * red + matrix[channel * 4 + 1] * green
            + matrix[channel * 4 + 2] * blue + matrix[channel * 4 + 3]
          pixels[start + channel] = UInt8(max(0, min(255, (value + 0.5).rounded(.down))))
        }
      }
    }
    return result
  }
}

/// The least-squares fit of an ``AffineColorMap``, fed picture by picture.
///
/// The sums are whole numbers, so the result does not depend on the order of the pictures.
public struct AffineColorFit: Hashable, Sendable {
  /// `Σ p pᵀ` with `p = (red, green, blue, 1)`.
  private var normal = [Int](repeating: 0, count: 16)
  /// `Σ t pᵀ`, one row an output channel.
  private var right = [Int](repeating: 0, count: 12)

  /// Starts a fit without data.
  public init() {}

  /// How many pixels were seen.
  public var pixelCount: Int { normal[15] }

  /// Adds the pixels of a pair of pictures.
  ///
  /// - Parameters:
  ///   - input: What is mapped.
  ///   - truth: What it should become; of the same size.
  ///   - mask: One flag a pixel; all pixels where none is given.
  public mutating func add(input: RGBImage, truth: RGBImage, mask: [Bool]? = nil) {
    precondition(
      input.width == truth.width && input.height == truth.height,
      "\(input.width) × \(input.height) against \(truth.width) × \(truth.height) pixels")
    for pixel in 0..<(input.width * input.height) where mask?[pixel] ?? true {
      let start = pixel * 3
      let from = (
        Int(input.pixels[start]), Int(input.pixels[start + 1]), Int(input.pixels[start + 2])
      )
      normal[0] += from.0 * from.0
      normal[1] += from.0 * from.1
      normal[2] += from.0 * from.2
      normal[3] += from.0
      normal[5] += from.1 * from.1
      normal[6] += from.1 * from.2
      normal[7] += from.1
      normal[10] += from.2 * from.2
      normal[11] += from.2
      normal[15] += 1
      for channel in 0..<3 {
        let to = Int(truth.pixels[start + channel])
        right[channel * 4] += to * from.0
        right[channel * 4 + 1] += to * from.1
        right[channel * 4 + 2] += to * from.2
        right[channel * 4 + 3] += to
      }
    }
  }

  /// Added to the mean squares of the inputs, in levels²: makes grey pictures, whose channels are equal,
  /// solvable; moves a slope by a millionth where the colours vary by 30 levels.
  private static let ridge = 1e-3

  /// The map with the least squared error, or nothing where no pixel was seen.
  ///
  /// The normal equations are solved by elimination with pivoting.
  public func solved() -> AffineColorMap? {
    guard pixelCount > 0 else { return nil }
    let count = Double(pixelCount)
    var rows = (0..<4).map { row in
      (0..<4).map { Double(normal[min(row, $0) * 4 + max(row, $0)]) / count }
        + (0..<3).map { Double(right[$0 * 4 + row]) / count }
    }
    for channel in 0..<3 { rows[channel][channel] += Self.ridge }
    for column in 0..<4 {
      let pivot = (column..<4).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
      rows.swapAt(column, pivot)
      for row in 0..<4 where row != column {
        let factor = rows[row][column] / rows[column][column]
        for index in column..<7 { rows[row][index] -= factor * rows[column][index] }
      }
    }
    return AffineColorMap(
      rows: (0..<3).map { channel in (0..<4).map { rows[$0][4 + channel] / rows[$0][$0] } })
  }
}
