/// A positive fraction whose two parts fit the 32 bits of a TIFF RATIONAL.
struct Fraction: Hashable {
  var numerator: Int
  var denominator: Int

  /// The nearest fraction whose denominator is at most `largestDenominator`, by continued fractions.
  ///
  /// - Precondition: `value` is positive and finite.
  ///
  /// Reference: Hardy and Wright, An Introduction to the Theory of Numbers, chapter X.
  init(nearestTo value: Double, largestDenominator: Int) {
    precondition(value > 0 && value.isFinite, "no fraction is near \(value)")
    let largestNumerator = Int(UInt32.max)
    var (previous, current) = ((numerator: 0, denominator: 1), (numerator: 1, denominator: 0))
    var rest = value
    while rest <= Double(largestNumerator) {
      let digit = Int(rest)
      let next = (
        numerator: digit * current.numerator + previous.numerator,
        denominator: digit * current.denominator + previous.denominator
      )
      guard next.numerator <= largestNumerator, next.denominator <= largestDenominator else {
        break
      }
      (previous, current) = (current, next)
      // What is left below 1e-9 of a digit is the rounding of the division, not the value.
      guard rest - Double(digit) > 1e-9 else { break }
      rest = 1 / (rest - Double(digit))
    }
    let isRepresentable = current.numerator > 0 && current.denominator > 0
    numerator = isRepresentable ? current.numerator : value > 1 ? largestNumerator : 1
    denominator = isRepresentable ? current.denominator : value > 1 ? 1 : largestDenominator
  }
}
