import Networks

/// How alike one segmenter reads a generated slide and the real one.
///
/// Pixel by pixel over the tissue; the real slide's class counts as the truth.
public struct SegmentationScores: Hashable, Codable, Sendable {
  /// F1 of one class.
  public struct ClassScore: Hashable, Codable, Sendable {
    /// `2 TP / (2 TP + FP + FN)`.
    public var score: Double
    /// Pixels of the class in the real slide.
    public var realPixelCount: Int
    /// Pixels of the class in the generated slide.
    public var generatedPixelCount: Int

    private enum CodingKeys: String, CodingKey {
      case score = "f1"
      case realPixelCount = "real_pixels"
      case generatedPixelCount = "generated_pixels"
    }
  }

  /// The mean of F1 over the classes that the real slide has.
  public var macro: Double
  /// The middle 95 % of the same over resampled squares.
  public var macroInterval: [Double]?
  /// F1 over all pixels together: the share of pixels with the same class.
  public var micro: Double
  /// The mean of F1 weighted by the pixels of each class in the real slide.
  public var weighted: Double
  /// F1 by class, of those that either slide has.
  public var classes: [String: ClassScore]

  private enum CodingKeys: String, CodingKey {
    case macro = "f1_macro"
    case macroInterval = "f1_macro_interval"
    case micro = "f1_micro"
    case weighted = "f1_weighted"
    case classes = "f1_classes"
  }

  /// Gathers the figures; nothing where no pixel was counted.
  ///
  /// - Parameters:
  ///   - grid: The counts, block by block.
  ///   - names: The classes' names in order.
  ///   - pixelSizeMicrons: Microns a pixel, for the squares that are resampled.
  init?(_ grid: SumGrid<ConfusionCounts>, names: [String], pixelSizeMicrons: Double) {
    let total = grid.total
    guard total.pixelCount > 0 else { return nil }
    let squares = grid.resampledSquares(pixelSizeMicrons: pixelSizeMicrons).squares
    macro = total.macro
    macroInterval = Bootstrap.interval(squares, of: \.macro)
    micro = total.micro
    weighted = total.weighted
    classes = [:]
    for (index, name) in names.enumerated() {
      guard let score = total.score(index) else { continue }
      classes[name] = ClassScore(
        score: score, realPixelCount: total.real[index], generatedPixelCount: total.found[index])
    }
  }
}

extension ConfusionCounts: AdditiveSums {
  var emptied: ConfusionCounts { ConfusionCounts(classCount: real.count) }
  var isEmpty: Bool { pixelCount == 0 }
}
