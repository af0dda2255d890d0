import Rasters

/// A square block of one plane that is sought in another.
struct CorrelationBlock {
  let left: Int
  let top: Int
  /// Pixels along each side; a multiple of 8.
  let side: Int
  /// `[side, side]`, less their mean.
  private let values: [Float]
  private let energy: Float

  init(_ plane: Plane, left: Int, top: Int, side: Int) {
    self.left = left
    self.top = top
    self.side = side
    var values = [Float](repeating: 0, count: side * side)
    var mean: Float = 0
    for row in 0..<side {
      for column in 0..<side {
        values[row * side + column] = plane[left + column, top + row]
        mean += values[row * side + column]
      }
    }
    mean /= Float(side * side)
    var energy: Float = 0
    for index in values.indices {
      values[index] -= mean
      energy += values[index] * values[index]
    }
    self.values = values
    self.energy = energy
  }

  /// The correlation with every block of another plane up to `reach` pixels away: `[2 reach + 1, 2 reach + 1]`.
  ///
  /// - Returns: Nothing where the block is flat.
  func correlations(with target: Plane, reach: Int) -> [Float]? {
    let area = Float(side * side)
    guard energy > 1e-4 * area else { return nil }
    let span = 2 * reach + 1
    var scores = [Float](repeating: 0, count: span * span)
    target.values.withUnsafeBufferPointer { pixels in
      values.withUnsafeBufferPointer { block in
        for shiftY in 0..<span {
          for shiftX in 0..<span {
            var products = SIMD8<Float>(repeating: 0)
            var sums = products
            var squares = products
            for row in 0..<side {
              let from = (top + shiftY - reach + row) * target.width + left + shiftX - reach
              var column = 0
              while column + 8 <= side {
                let moving = UnsafeRawPointer(pixels.baseAddress.unsafelyUnwrapped + from + column)
                  .loadUnaligned(as: SIMD8<Float>.self)
                let fixed = UnsafeRawPointer(
                  block.baseAddress.unsafelyUnwrapped + row * side + column
                ).loadUnaligned(as: SIMD8<Float>.self)
                products += moving * fixed
                sums += moving
                squares += moving * moving
                column += 8
              }
            }
            let sum = sums.sum()
            let variance = squares.sum() - sum * sum / area
            scores[shiftY * span + shiftX] =
              variance > 1e-4 * area ? products.sum() / (variance * energy).squareRoot() : 0
          }
        }
      }
    }
    return scores
  }
}
