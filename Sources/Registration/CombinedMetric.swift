/// The mean of two dissimilarities that go wrong in different places.
///
/// Gradient fields see every border that both stains show and lose their way where borders repeat; mutual
/// information sees which densities go together over the whole section and says little about where a border lies.
package struct CombinedMetric: SimilarityMetric {
  private let first: any SimilarityMetric
  private let second: any SimilarityMetric
  private let width: Int
  private let height: Int
  private let scratch: FloatBuffer

  package var reach: Int { max(first.reach, second.reach) }

  init(_ first: any SimilarityMetric, _ second: any SimilarityMetric, width: Int, height: Int) {
    self.first = first
    self.second = second
    self.width = width
    self.height = height
    scratch = FloatBuffer(count: width * height)
  }

  package func evaluate(
    warped: FloatBuffer, weights: FloatBuffer, derivative: FloatBuffer, rows: RowLoop
  ) -> Double {
    let one = first.evaluate(
      warped: warped, weights: weights, derivative: derivative, rows: rows)
    let other = second.evaluate(
      warped: warped, weights: weights, derivative: scratch, rows: rows)
    let (width, scratch) = (width, scratch)
    rows.forEachBand(of: height) { @Sendable band in
      for index in band.lowerBound * width..<band.upperBound * width {
        derivative.pointer[index] = (derivative.pointer[index] + scratch.pointer[index]) / 2
      }
    }
    return (one + other) / 2
  }
}
