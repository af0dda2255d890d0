public import Rasters

/// Why two rasters cannot be compared.
public enum EvaluationError: Error, Hashable, Sendable {
  /// The two do not have the same number of pixels, so they do not show the same place.
  case sizeMismatch(real: PixelRegion, generated: PixelRegion)
  /// The two have pixels of different size, in microns.
  case pixelSizeMismatch(real: PixelSize, generated: PixelSize)
  /// No pixel is tissue, or the mask is empty.
  case nothingToCompare
  /// A folder holds no pair of tiles (PNG, input left and truth right) to fit a colour map to.
  case noTrainingPairs(path: String)
  /// The network of FID gave numbers that are not finite.
  case notFinite
}

extension EvaluationError: CustomStringConvertible {
  /// One line: what was compared, the problem, the next step.
  public var description: String {
    switch self {
    case .sizeMismatch(let real, let generated):
      "comparison: the real slide has \(real.width) × \(real.height) pixels, the generated one "
        + "\(generated.width) × \(generated.height); pass --transform for sections with their own frames"
    case .pixelSizeMismatch(let real, let generated):
      "comparison: the real slide has pixels of \(real.mean) µm, the generated one of "
        + "\(generated.mean) µm; pass --transform for sections with their own frames"
    case .nothingToCompare:
      "comparison: no pixel is tissue; check the slides, the transform and the mask"
    case .noTrainingPairs(let path):
      "\(path): no training pairs (PNG, twice as wide as high); pass a data set made by restain tiles"
    case .notFinite:
      "--inception: the network gives numbers that are not finite; import its weights again"
    }
  }
}
