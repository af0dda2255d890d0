import Evaluation
import Rasters
import Reporting
import Slides
import Stitching

/// What `evaluate conversion` prints.
struct ConversionResult: Encodable {
  var quality: ConversionQuality?
  var input: ConversionQuality?
  var baseline: ConversionQuality?
  var seams: SeamScore?
  /// What the segmenter reaches on the real slide itself, against labels.
  var ceiling: SegmentationScores?
  private let width: Int
  private let height: Int
  private let pixelSizeMicrons: Double

  init(frame: ComparisonFrame) {
    width = frame.real.width
    height = frame.real.height
    pixelSizeMicrons = frame.real.pixelSize.mean
  }

  private enum CodingKeys: String, CodingKey {
    case width, height, input, baseline
    case pixelSizeMicrons = "pixel_size_um"
    case ceilingMacro = "f1_ceiling_macro"
    case seamScore = "seam_score"
    case seamZValue = "seam_z"
    case seamSignedStep = "seam_signed_step"
    case lowFrequencySeamScore = "seam_score_low_frequency"
  }

  func encode(to encoder: any Encoder) throws {
    try quality?.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(width, forKey: .width)
    try container.encode(height, forKey: .height)
    try container.encode(pixelSizeMicrons, forKey: .pixelSizeMicrons)
    try container.encodeIfPresent(input, forKey: .input)
    try container.encodeIfPresent(baseline, forKey: .baseline)
    try container.encodeIfPresent(ceiling?.macro, forKey: .ceilingMacro)
    try container.encode(seams?.score, forKey: .seamScore)
    try container.encode(seams?.zValue, forKey: .seamZValue)
    try container.encode(seams?.signedStep, forKey: .seamSignedStep)
    try container.encode(seams?.lowFrequencyScore, forKey: .lowFrequencySeamScore)
  }

  /// The same as lines for people.
  var table: [String] {
    var lines: [String] = []
    for (name, quality) in [("generated", quality), ("input", input), ("colour map", baseline)] {
      guard let quality else { continue }
      lines.append(name + String(repeating: " ", count: 12 - name.count) + Self.text(quality))
    }
    if let quality {
      lines.append(
        "compared    \(quality.pixelCount) pixels of tissue at \(pixelSizeMicrons) µm, "
          + "\(quality.squareCount) squares of \(HumanText.fixed(quality.squareMicrons, decimals: 0)) µm"
      )
      if quality.outsideBlockCount > 0 {
        lines.append(
          "left out    \(quality.outsideBlockCount) blocks of 64 pixels beyond the generated slide")
      }
    }
    for (name, quality) in [("generated", quality), ("input", input), ("colour map", baseline)] {
      guard let figure = quality?.randomConvolutionFrechet else { continue }
      lines.append(
        "Fréchet     \(name) \(HumanText.fixed(figure.distance, decimals: 4)) on random convolutions, "
          + "not FID (real halves \(HumanText.fixed(figure.floor, decimals: 4)), "
          + "\(figure.blockCount) blocks)")
    }
    for (name, quality) in [("generated", quality), ("input", input), ("colour map", baseline)] {
      if let figures = quality?.inception { lines.append(InceptionMeasure.line(figures, of: name)) }
      if let scores = quality?.segmentation { lines += Self.text(scores, of: name) }
    }
    if let ceiling {
      lines.append(
        "F1          the segmenter on the real slide against its labels: macro "
          + HumanText.fixed(ceiling.macro, decimals: 3))
    }
    if let score = seams?.score {
      lines.append("seams       \(HumanText.fixed(score, decimals: 3)) (1 = none)")
    }
    return lines
  }

  private static func text(_ quality: ConversionQuality) -> String {
    let signal =
      quality.isIdentical
      ? "identical"
      : "PSNR " + figure(quality.peakSignalToNoise, quality.peakSignalToNoiseInterval, 2) + " dB"
    return signal + ", SSIM "
      + figure(quality.structuralSimilarity, quality.structuralSimilarityInterval, 4)
  }

  private static func text(_ scores: SegmentationScores, of name: String) -> [String] {
    let classes = scores.classes.sorted { $0.value.realPixelCount > $1.value.realPixelCount }.map {
      "\($0.key) \(HumanText.fixed($0.value.score, decimals: 3))"
    }
    return [
      "F1          \(name) macro \(figure(scores.macro, scores.macroInterval, 3)), "
        + "micro \(figure(scores.micro, nil, 3)), weighted \(figure(scores.weighted, nil, 3))",
      "            " + classes.joined(separator: ", "),
    ]
  }

  private static func figure(_ value: Double?, _ interval: [Double]?, _ decimals: Int) -> String {
    guard let value else { return "unknown" }
    let text = HumanText.fixed(value, decimals: decimals)
    guard let interval else { return text }
    let bounds = interval.map { HumanText.fixed($0, decimals: decimals) }
    return "\(text) (\(bounds[0]) to \(bounds[1]))"
  }
}
