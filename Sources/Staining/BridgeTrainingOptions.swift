public import Networks
import Reporting

/// What decides the training of a bridge, besides its data.
public struct BridgeTrainingOptions: TrainingSettings {
  /// The network's form; conditional where it is shown the source at every step.
  public var network: DiffusionConfiguration
  /// Weights to start from; fresh ones unless given.
  public var start: StartingWeights?
  /// The bridge.
  public var schedule = BridgeSchedule()
  /// Edge of the squares that are cut out of the tiles, in pixels.
  public var cropSize = 128
  /// Steps of the schedule: constant for half, then linear to 0.
  public var totalSteps: Int
  /// Tiles a step.
  public var batchSize = 4
  /// Seed of weights, order, turns, crops, steps and noise.
  public var seed: UInt64 = 1
  /// AdamW's step size at the start; twice the reference's, whose batches are 64 times as large.
  public var learningRate = 1e-4
  /// Decay of the running average of the weights.
  public var averageDecay = 0.999
  /// Steps between two validations; an epoch, but 200 to 2000 steps, unless given.
  public var validationInterval: Int?
  /// Validation tiles looked at, evenly drawn from all; each takes ``validationEvaluations`` evaluations.
  public var validationTileLimit = 24
  /// How often the network is asked for a validation tile.
  public var validationEvaluations = 4
  /// How often it is asked for a tile when the model is used, for the card.
  public var evaluations = 10
  /// The stain to convert, for the card.
  public var fromStain = "ihc"
  /// The stain to make, for the card.
  public var toStain = "he"

  /// Takes a network and a schedule.
  public init(network: DiffusionConfiguration, totalSteps: Int) {
    self.network = network
    self.totalSteps = totalSteps
  }

  /// The options of a preset, sized for a CPU but for the last.
  public init(preset: TrainingOptions.Preset) {
    switch preset {
    case .small:
      self.init(network: .small, totalSteps: 20_000)
      // Ten times the others': after 400 steps on crops of 64 pixels the loss was 0.32 instead of 0.47.
      learningRate = 1e-3
      batchSize = 1
    case .medium: self.init(network: .medium, totalSteps: 50_000)
    case .reference:
      self.init(network: .reference, totalSteps: 200_000)
      cropSize = 256
    }
  }

  private enum CodingKeys: String, CodingKey {
    case network, start, schedule, seed, evaluations
    case cropSize = "crop"
    case totalSteps = "total_steps"
    case batchSize = "batch"
    case learningRate = "learning_rate"
    case averageDecay = "average_decay"
    case validationInterval = "validation_interval"
    case validationTileLimit = "validation_tiles"
    case validationEvaluations = "validation_steps"
    case fromStain = "from"
    case toStain = "to"
  }
}

/// Weights that a training starts from: another model's.
public struct StartingWeights: Codable, Sendable {
  /// The hash of that model's file: what tells one start from another.
  public let contentHash: String
  /// The network with them; nothing where read from a checkpoint, which has weights of its own.
  let network: DiffusionUNet?

  /// Takes a bridge's weights; a network that is to be shown the source and was not gets fresh weights for it.
  ///
  /// - Parameters:
  ///   - model: The bridge.
  ///   - path: Its file.
  ///   - isConditional: Whether the training shows the source to the network.
  ///   - seed: Decides the fresh weights.
  /// - Throws: ``StainingError/unsupportedModel(path:architecture:problem:)`` for other models,
  ///   ``StainingError/malformedModel(path:reason:)``, or what reading the file throws.
  public init(model: StainModel, path: String, isConditional: Bool, seed: UInt64) throws {
    guard let configuration = model.card.bridge?.network else {
      throw StainingError.unsupportedModel(
        path: path, architecture: model.card.architecture.rawValue, problem: "is no bridge")
    }
    guard configuration.pictureChannels == 3, 256.isMultiple(of: configuration.sizeMultiple) else {
      throw StainingError.malformedModel(
        path: path, reason: "it does not map tiles of 256 pixels in three channels")
    }
    do throws(NetworkError) {
      network =
        isConditional
        ? try DiffusionUNet(
          conditionalFrom: model.state, configuration: configuration, seed: seed)
        : try DiffusionUNet(configuration: configuration, state: model.state)
    } catch {
      throw StainingError.malformedModel(
        path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    contentHash = try ContentHash.hexadecimal(ofFile: path)
  }

  /// The network's form.
  public var configuration: DiffusionConfiguration? { network?.configuration }

  private enum CodingKeys: String, CodingKey {
    case contentHash = "sha256"
  }

  /// Reads the hash alone.
  public init(from decoder: any Decoder) throws {
    contentHash = try decoder.container(keyedBy: CodingKeys.self)
      .decode(String.self, forKey: .contentHash)
    network = nil
  }

  /// Writes the hash alone.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(contentHash, forKey: .contentHash)
  }
}

extension StartingWeights: Equatable {
  /// Whether both come from one file.
  public static func == (left: StartingWeights, right: StartingWeights) -> Bool {
    left.contentHash == right.contentHash
  }
}
