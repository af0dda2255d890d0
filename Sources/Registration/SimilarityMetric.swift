import Rasters

/// How unlike two pictures on one grid are, and how that changes with every pixel of the warped one.
package protocol SimilarityMetric: Sendable {
  /// How far from the moving picture's edge, in pixels, values depend on what is not there.
  var reach: Int { get }

  /// The weighted sum of a dissimilarity between 0 and 1 over all pixels.
  ///
  /// - Parameters:
  ///   - warped: The moving picture in the fixed grid.
  ///   - weights: One weight a pixel; 0 where nothing is known.
  ///   - derivative: Filled with the sum's derivative by each pixel of `warped`.
  ///   - rows: The threads.
  /// - Returns: The sum.
  func evaluate(
    warped: FloatBuffer, weights: FloatBuffer, derivative: FloatBuffer, rows: RowLoop
  ) -> Double
}

/// Which metric is used.
package enum MetricKind: Sendable, Hashable {
  /// Normalised gradient fields, sign-free.
  case gradientField
  /// Squared local correlation over a window of that radius in pixels.
  case localCorrelation(radius: Int)
  /// Mutual information of the densities.
  case mutualInformation
  /// The mean of gradient fields and mutual information.
  case combined

  /// What it compares of a section: local correlation what is tissue, the others the density in red light.
  func values(of level: SectionLevel) -> [Float] {
    if case .localCorrelation = self { level.presence } else { level.density.values }
  }

  package func metric(
    for plane: FloatBuffer, width: Int, height: Int, weights: FloatBuffer, rows: RowLoop
  )
    -> any SimilarityMetric
  {
    switch self {
    case .gradientField:
      GradientFieldMetric(
        reference: plane, width: width, height: height, weights: weights, rows: rows)
    case .localCorrelation(let radius):
      LocalCorrelationMetric(
        reference: plane, width: width, height: height, radius: radius, rows: rows)
    case .mutualInformation:
      MutualInformationMetric(reference: plane, width: width, height: height)
    case .combined:
      CombinedMetric(
        GradientFieldMetric(
          reference: plane, width: width, height: height, weights: weights, rows: rows),
        MutualInformationMetric(reference: plane, width: width, height: height), width: width,
        height: height)
    }
  }
}
