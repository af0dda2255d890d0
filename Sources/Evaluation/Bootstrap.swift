import Tensors

/// Confidence intervals by resampling squares of tissue.
///
/// Neighbouring pixels are not independent, squares of tissue nearly are, so squares are drawn.
///
/// Reference: Efron 1979, Annals of Statistics 7(1); percentile interval.
enum Bootstrap {
  static let resampleCount = 1000
  static let seed: UInt64 = 20_261_122
  /// Fewer squares than this say nothing about spread.
  static let fewestSquares = 5

  /// The middle 95 % of a figure over resampled squares.
  ///
  /// - Returns: Lower and upper bound; nothing for too few squares or a figure that is not finite.
  static func interval<Sums: AdditiveSums>(
    _ squares: [Sums], of figure: (Sums) -> Double
  ) -> [Double]? {
    guard squares.count >= fewestSquares else { return nil }
    var random = SequentialRandom(seed: seed)
    var values: [Double] = []
    for _ in 0..<resampleCount {
      var sums = squares[0].emptied
      for _ in squares.indices {
        sums.add(squares[Int.random(in: 0..<squares.count, using: &random)])
      }
      values.append(figure(sums))
    }
    guard values.allSatisfy(\.isFinite) else { return nil }
    values.sort()
    return [values[resampleCount / 40], values[resampleCount - 1 - resampleCount / 40]]
  }
}
