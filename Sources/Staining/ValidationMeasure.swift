import Foundation
import Networks
public import Rasters

/// How predictions of validation tiles are held against the truth.
public protocol ValidationMeasure: Sendable {
  /// The columns of the table, one a figure.
  var columns: [String] { get }

  /// What one tile adds to the sums.
  ///
  /// - Parameters:
  ///   - prediction: `[size, size, 3]` in [−1, 1].
  ///   - truth: The right half of the tile.
  /// - Returns: As many numbers for every tile.
  func sums(prediction: ArraySlice<Float>, truth: RGBImage) -> [Double]

  /// The figures from the sums over so many tiles.
  func figures(sums: [Double], tileCount: Int) -> ModelFigures

  /// The figures as columns; nothing where one is unknown.
  func values(_ figures: ModelFigures) -> [Double?]

  /// How far from perfect a model is; less is better.
  func distance(_ figures: ModelFigures) -> Double
}

/// How good a model is on the validation tiles.
public enum ModelFigures: Codable, Equatable, Sendable {
  /// Of generated pictures.
  case pictures(ValidationFigures)
  /// Of predicted classes.
  case classes(SegmentationFigures)

  /// The figures of generated pictures; nothing for classes.
  public var pictures: ValidationFigures? {
    if case .pictures(let figures) = self { figures } else { nil }
  }

  /// The figures of predicted classes; nothing for pictures.
  public var classes: SegmentationFigures? {
    if case .classes(let figures) = self { figures } else { nil }
  }

  /// Reads whichever of the two it is.
  public init(from decoder: any Decoder) throws {
    if let figures = try? SegmentationFigures(from: decoder) {
      self = .classes(figures)
    } else {
      self = .pictures(try ValidationFigures(from: decoder))
    }
  }

  /// Writes the figures alone: their names tell which they are.
  public func encode(to encoder: any Encoder) throws {
    switch self {
    case .pictures(let figures): try figures.encode(to: encoder)
    case .classes(let figures): try figures.encode(to: encoder)
    }
  }
}

/// How well a segmenter names the classes of the validation tiles.
public struct SegmentationFigures: Codable, Equatable, Sendable {
  /// The mean of F1 over the classes that the labels have.
  public var macroScore: Double
  /// The share of labelled pixels with the right class.
  public var microScore: Double
  /// F1 by the name of the class, of those that labels or predictions have.
  public var classScores: [String: Double]
  /// Tiles compared.
  public var tileCount: Int

  /// Gathers the figures.
  public init(
    macroScore: Double, microScore: Double, classScores: [String: Double], tileCount: Int
  ) {
    self.macroScore = macroScore
    self.microScore = microScore
    self.classScores = classScores
    self.tileCount = tileCount
  }

  private enum CodingKeys: String, CodingKey {
    case macroScore = "f1_macro"
    case microScore = "f1_micro"
    case classScores = "f1_classes"
    case tileCount = "tiles"
  }
}

/// Compares generated pictures with the true ones.
struct PictureMeasure: ValidationMeasure {
  /// What the best model is chosen by.
  let criterion: ValidationFigures.Criterion

  var columns: [String] { ["val_l1", "val_psnr", "val_ssim"] }

  /// Absolute differences, squared errors, values, structural similarity.
  func sums(prediction: ArraySlice<Float>, truth: RGBImage) -> [Double] {
    var difference = 0.0
    for (value, target) in zip(prediction, Levels.values(truth)) {
      difference += Double(abs(value - target))
    }
    let fake = Levels.image(prediction, size: truth.width)
    let error = ImageQuality.squaredError(fake, truth)
    return [
      difference, error.sum, Double(error.count),
      ImageQuality.structuralSimilarity(fake, truth),
    ]
  }

  func figures(sums: [Double], tileCount: Int) -> ModelFigures {
    let squares = ImageQuality.SquaredError(sum: sums[1], count: Int(sums[2]))
    return .pictures(
      ValidationFigures(
        l1: sums[0] / sums[2], peakSignalToNoise: squares.peakSignalToNoise,
        structuralSimilarity: sums[3] / Double(tileCount), tileCount: tileCount))
  }

  func values(_ figures: ModelFigures) -> [Double?] {
    let own = figures.pictures
    return [own?.l1, own?.peakSignalToNoise, own?.structuralSimilarity]
  }

  func distance(_ figures: ModelFigures) -> Double {
    figures.pictures?.distance(by: criterion) ?? .infinity
  }
}

/// Compares predicted classes with labels, both as colours.
struct ClassMeasure: ValidationMeasure {
  private let classes: [LabelClass]
  private let lookup: LabelLookup

  init(_ classes: [LabelClass]) {
    self.classes = classes
    lookup = LabelLookup(classes)
  }

  var columns: [String] {
    ["val_f1_macro", "val_f1_micro"]
      + classes.map { entry in
        // A name must not divide the table.
        "val_f1_" + String(entry.name.map { ",\"\n\r".contains($0) ? "_" : $0 })
      }
  }

  /// Pixels in both, of the labels, of the prediction; each one number a class.
  func sums(prediction: ArraySlice<Float>, truth: RGBImage) -> [Double] {
    let found = lookup.labels(of: Levels.image(prediction, size: truth.width))
    var counts = ConfusionCounts(classCount: classes.count)
    for (real, other) in zip(lookup.labels(of: truth), found)
    where real != LabelLookup.unlabelled && other != LabelLookup.unlabelled {
      counts.add(real: Int(real), found: Int(other))
    }
    return (counts.shared + counts.real + counts.found).map(Double.init)
  }

  func figures(sums: [Double], tileCount: Int) -> ModelFigures {
    let parts = (0..<3).map { part in
      sums[part * classes.count..<(part + 1) * classes.count].map { Int($0) }
    }
    let counts = ConfusionCounts(shared: parts[0], real: parts[1], found: parts[2])
    var scores: [String: Double] = [:]
    for (index, entry) in classes.enumerated() { scores[entry.name] = counts.score(index) }
    // Without a labelled pixel nothing is right.
    let isEmpty = counts.pixelCount == 0
    return .classes(
      SegmentationFigures(
        macroScore: isEmpty ? 0 : counts.macro, microScore: isEmpty ? 0 : counts.micro,
        classScores: scores, tileCount: tileCount))
  }

  func values(_ figures: ModelFigures) -> [Double?] {
    let own = figures.classes
    return [own?.macroScore, own?.microScore] + classes.map { own?.classScores[$0.name] }
  }

  func distance(_ figures: ModelFigures) -> Double { 1 - (figures.classes?.macroScore ?? 0) }
}
