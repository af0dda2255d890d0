/// What decides the training of a segmenter, besides its data.
public struct SegmenterTrainingOptions: TrainingSettings {
  /// Channels of the network's first block.
  public var baseChannels: Int
  /// The classes in the order of the network's outputs.
  public var classes: [LabelClass]
  /// How much a pixel of each class counts; all alike if nil.
  public var classWeights: [Float]?
  /// Steps of the schedule: constant for half, then linear to 0.
  public var totalSteps: Int
  /// Tiles a step.
  public var batchSize: Int
  /// Seed of weights, order, turns and colours.
  public var seed: UInt64 = 1
  /// Adam's step size at the start.
  public var learningRate = 1e-3
  /// How much stronger or weaker a tile's stains are drawn.
  ///
  /// The logarithm of its optical density's factor lies within this much of 0, that of each channel half as
  /// much further off: no scanner, and no generated slide, has quite the colours of another.
  public var colorJitter = 0.2
  /// Steps between two validations; an epoch, but 200 to 2000 steps, unless given.
  public var validationInterval: Int?
  /// Validation tiles looked at, evenly drawn from all.
  public var validationTileLimit = 100
  /// The stain that it reads, for the card.
  public var fromStain = "he"

  /// What a segmenter gives, where a card names a stain.
  public static let toStain = "tissue classes"

  /// The options of a preset.
  public init(preset: TrainingOptions.Preset, classes: [LabelClass]) {
    self.classes = classes
    switch preset {
    case .small: (baseChannels, totalSteps, batchSize) = (16, 4000, 2)
    case .medium: (baseChannels, totalSteps, batchSize) = (32, 20_000, 2)
    case .reference: (baseChannels, totalSteps, batchSize) = (64, 100_000, 4)
    }
  }

  /// F1 of the classes.
  public var measure: any ValidationMeasure { ClassMeasure(classes) }

  private enum CodingKeys: String, CodingKey {
    case classes, seed
    case baseChannels = "base_channels"
    case classWeights = "class_weights"
    case totalSteps = "total_steps"
    case batchSize = "batch"
    case learningRate = "learning_rate"
    case colorJitter = "color_jitter"
    case validationInterval = "validation_interval"
    case validationTileLimit = "validation_tiles"
    case fromStain = "from"
  }
}
