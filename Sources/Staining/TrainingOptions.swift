import Foundation

/// What decides a pix2pix training, besides its data.
public struct TrainingOptions: Codable, Equatable, Sendable {
  /// Channels of the generator's first layer.
  public var baseChannels: Int
  /// Channels of the discriminator's first layer.
  public var discriminatorChannels: Int
  /// Steps of the schedule.
  public var totalSteps: Int
  /// Tiles a step.
  public var batchSize = 1
  /// Seed of weights, order, turns and dropout.
  public var seed: UInt64 = 1
  /// Adam's step size at the start.
  public var learningRate = 2e-4
  /// Weight of the mean absolute difference.
  public var l1Weight = 100.0
  /// Whether that difference is taken at several scales.
  public var hasMultiScaleL1 = false
  /// Decay of the running average of the generator's weights, which is what is kept; the last weights if nil.
  public var averageDecay: Double?
  /// Steps between two validations; an epoch, but 200 to 2000 steps, unless given.
  public var validationInterval: Int?
  /// Validation tiles looked at, evenly drawn from all.
  public var validationTileLimit = 200
  /// What the best model is chosen by; the mean absolute difference unless given.
  public var chosenCriterion: ValidationFigures.Criterion?
  /// Training tiles from which the normalisation is estimated anew, evenly drawn from all.
  public var statisticsTileLimit = 500
  /// The stain to convert, for the card.
  public var fromStain = "ihc"
  /// The stain to make, for the card.
  public var toStain = "he"

  /// What the best model is chosen by.
  public var criterion: ValidationFigures.Criterion { chosenCriterion ?? .l1 }

  /// Steps that one row of the table sums up.
  public static let rowInterval = 50

  /// Takes widths and a schedule; everything else is the reference's.
  public init(baseChannels: Int, discriminatorChannels: Int? = nil, totalSteps: Int) {
    self.baseChannels = baseChannels
    self.discriminatorChannels = discriminatorChannels ?? baseChannels
    self.totalSteps = totalSteps
  }

  /// Named sizes of network and schedule.
  public enum Preset: String, CaseIterable, Sendable {
    /// 16 channels.
    case small
    /// 32 channels.
    case medium
    /// 64 channels, the public code's.
    case reference

    /// The options of a preset.
    public var options: TrainingOptions {
      switch self {
      case .small: TrainingOptions(baseChannels: 16, totalSteps: 20_000)
      case .medium: TrainingOptions(baseChannels: 32, totalSteps: 50_000)
      case .reference: TrainingOptions(baseChannels: 64, totalSteps: 200_000)
      }
    }
  }

  private enum CodingKeys: String, CodingKey {
    case seed
    case baseChannels = "base_channels"
    case discriminatorChannels = "discriminator_channels"
    case totalSteps = "total_steps"
    case batchSize = "batch"
    case learningRate = "learning_rate"
    case l1Weight = "l1_weight"
    case hasMultiScaleL1 = "multi_scale_l1"
    case averageDecay = "average_decay"
    case validationInterval = "validation_interval"
    case validationTileLimit = "validation_tiles"
    case chosenCriterion = "best_by"
    case statisticsTileLimit = "statistics_tiles"
    case fromStain = "from"
    case toStain = "to"
  }
}

/// One row of the table of a training, `MODEL.train.csv`.
public struct TrainingRow: Equatable, Sendable {
  /// Steps done.
  public let step: Int
  /// The epoch, counted from 1.
  public let epoch: Int
  /// The losses, means over the steps since the row before, as ``TrainingEngine/lossNames`` calls them.
  public let losses: [Double]
  /// The step size of the last step.
  public let learningRate: Double
  /// The figures, in rows that follow a validation, one for each of ``ValidationMeasure/columns``.
  public let figures: [Double?]

  static func header(losses: [String], figures: [String]) -> String {
    (["step", "epoch"] + losses + ["lr"] + figures).joined(separator: ",")
  }

  /// The row as a line of the table; no wall clock, so that a repeated training writes the same bytes.
  var line: String {
    let numbers = losses + [learningRate]
    return "\(step),\(epoch)," + numbers.map(Self.text).joined(separator: ",") + ","
      + figures.map { $0.map(Self.text) ?? "" }.joined(separator: ",")
  }

  private static func text(_ value: Double) -> String { String(format: "%.6g", value) }
}
