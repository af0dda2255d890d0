import Rasters

/// How near a generated slide is to the real one that shows the same pixels.
public struct ConversionQuality: Hashable, Codable, Sendable {
  /// Peak signal to noise over the tissue, in dB; nothing where the two are equal.
  public var peakSignalToNoise: Double?
  /// The middle 95 % of the same over resampled squares.
  public var peakSignalToNoiseInterval: [Double]?
  /// Mean structural similarity over the tissue, at most 1; nothing where no window fits.
  public var structuralSimilarity: Double?
  /// The middle 95 % of the same over resampled squares.
  public var structuralSimilarityInterval: [Double]?
  /// How many pixels were compared.
  public var pixelCount: Int
  /// How many 11 × 11 windows were compared.
  public var windowCount: Int
  /// How many squares of tissue the intervals were drawn from.
  public var squareCount: Int
  /// The side of these squares, in microns.
  public var squareMicrons: Double
  /// How many blocks of 64 × 64 pixels were left out because they were not imaged for the generated slide.
  public var outsideBlockCount = 0
  /// Whether every compared pixel is the same in both.
  public var isIdentical: Bool
  /// How differently the features of a fixed random network are distributed; not FID.
  public var randomConvolutionFrechet: RandomConvolutionFrechet?
  /// FID, KID and the Inception score, where the network's weights are given.
  public var inception: InceptionFigures?
  /// How alike a segmenter reads the two.
  public var segmentation: SegmentationScores?

  private enum CodingKeys: String, CodingKey {
    case peakSignalToNoise = "psnr_db"
    case peakSignalToNoiseInterval = "psnr_interval_db"
    case structuralSimilarity = "ssim"
    case structuralSimilarityInterval = "ssim_interval"
    case pixelCount = "tissue_pixels"
    case windowCount = "ssim_windows"
    case squareCount = "squares"
    case squareMicrons = "square_um"
    case outsideBlockCount = "blocks_outside"
    case isIdentical = "identical"
  }

  /// Writes the figures, those of ``randomConvolutionFrechet``, ``inception`` and ``segmentation`` under their own
  /// names.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encodeIfPresent(peakSignalToNoise, forKey: .peakSignalToNoise)
    try container.encodeIfPresent(peakSignalToNoiseInterval, forKey: .peakSignalToNoiseInterval)
    try container.encodeIfPresent(structuralSimilarity, forKey: .structuralSimilarity)
    try container.encodeIfPresent(
      structuralSimilarityInterval, forKey: .structuralSimilarityInterval)
    try container.encode(pixelCount, forKey: .pixelCount)
    try container.encode(windowCount, forKey: .windowCount)
    try container.encode(squareCount, forKey: .squareCount)
    try container.encode(squareMicrons, forKey: .squareMicrons)
    try container.encode(outsideBlockCount, forKey: .outsideBlockCount)
    try container.encode(isIdentical, forKey: .isIdentical)
    try randomConvolutionFrechet?.encode(to: encoder)
    try inception?.encode(to: encoder)
    try segmentation?.encode(to: encoder)
  }
}

extension ConversionQuality {
  init(_ grid: BlockGrid, pixelSizeMicrons: Double) {
    let (squares, side) = grid.resampledSquares(pixelSizeMicrons: pixelSizeMicrons)
    let total = grid.total
    isIdentical = total.squaredError.sum == 0
    peakSignalToNoise = isIdentical ? nil : total.squaredError.peakSignalToNoise
    peakSignalToNoiseInterval = Bootstrap.interval(squares) { $0.squaredError.peakSignalToNoise }
    structuralSimilarity = total.windowCount > 0 ? total.meanSimilarity : nil
    structuralSimilarityInterval = Bootstrap.interval(squares) { $0.meanSimilarity }
    pixelCount = total.squaredError.count / 3
    windowCount = total.windowCount
    squareCount = squares.count
    squareMicrons = Double(side * BlockGrid.side) * pixelSizeMicrons
  }
}
