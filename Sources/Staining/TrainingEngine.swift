public import Networks
public import Tensors

/// What every training is told, whatever it trains.
public protocol TrainingSettings: Codable, Equatable, Sendable {
  /// Steps of the schedule.
  var totalSteps: Int { get set }
  /// Tiles a step.
  var batchSize: Int { get }
  /// Seed of everything that is random.
  var seed: UInt64 { get }
  /// Steps between two validations; chosen from the data where nil.
  var validationInterval: Int? { get }
  /// Validation tiles looked at, evenly drawn from all.
  var validationTileLimit: Int { get }
  /// What the best model is chosen by.
  var criterion: ValidationFigures.Criterion { get }
  /// How predictions are held against the truth; as pictures unless given.
  var measure: any ValidationMeasure { get }
}

extension TrainingSettings {
  /// The mean absolute difference.
  public var criterion: ValidationFigures.Criterion { .l1 }

  /// The difference of pictures.
  public var measure: any ValidationMeasure { PictureMeasure(criterion: criterion) }
}

/// A network under training as it would be used now.
public struct SettledModel: Sendable {
  /// Converts tiles.
  public let predict: TilePrediction
  /// The weights.
  public let state: StateDictionary
  /// The card; the training fills in data, pixel size, step and figures.
  public let card: ModelCard

  /// Gathers the three.
  public init(predict: @escaping TilePrediction, state: StateDictionary, card: ModelCard) {
    self.predict = predict
    self.state = state
    self.card = card
  }
}

/// One kind of network with its losses and optimiser, as ``PairedTraining`` drives it.
public protocol TrainingEngine: Sendable {
  /// What decides the result, besides the data.
  associatedtype Options: TrainingSettings

  /// The columns of the table for the losses.
  static var lossNames: [String] { get }

  /// Whether it learns from labels, not from a second stain; no unless given.
  static var readsLabels: Bool { get }

  /// Starts anew.
  init(options: Options)

  /// Goes on from a checkpoint, bit by bit.
  init(checkpoint: SafetensorsFile, options: Options) throws

  /// Steps done.
  var completedSteps: Int { get }

  /// The step size of a step, counted from 0.
  func learningRate(atStep step: Int) -> Double

  /// One step.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, 3]` in [−1, 1], the stain to convert.
  ///   - target: `[N, H, W, 3]` in [−1, 1], the true picture.
  ///   - context: Threads and kernels.
  /// - Returns: A number for each of ``lossNames``.
  /// - Throws: `NetworkError.diverged` where the numbers left the finite ones.
  mutating func step(input: Tensor, target: Tensor, context: ComputeContext) throws -> [Double]

  /// Everything that going on needs.
  func checkpoint(metadata: [String: String]) -> SafetensorsFile

  /// The model as it stands.
  func settled(data: TrainingData, context: ComputeContext) throws -> SettledModel
}

extension TrainingEngine {
  /// It learns from a second stain.
  public static var readsLabels: Bool { false }
}
