public import Networks
public import Tensors

/// A Schrödinger bridge as ``PairedTraining`` drives it.
public struct BridgeEngine: TrainingEngine {
  private let options: BridgeTrainingOptions
  private var trainer: BridgeTrainer

  /// The mean squared difference to the labels, and the norm of its gradient.
  public static let lossNames = ["loss", "gradient_norm"]

  /// Keeps the places of crops apart from what else the seed decides.
  private static let cropStream: UInt64 = 0x6372_6F70

  /// Starts anew.
  public init(options: BridgeTrainingOptions) {
    self.options = options
    var constants = BridgeOptions()
    constants.learningRate = options.learningRate
    constants.averageDecay = options.averageDecay
    constants.totalSteps = options.totalSteps
    // One pair at a time: its layers fill memory and cache.
    constants.microBatchSize = 1
    trainer = BridgeTrainer(
      network: options.start?.network
        ?? DiffusionUNet(configuration: options.network, seed: options.seed),
      schedule: options.schedule, options: constants, seed: options.seed)
  }

  /// Goes on from a checkpoint, bit by bit, as far as these options' schedule goes.
  public init(checkpoint: SafetensorsFile, options: BridgeTrainingOptions) throws {
    self.options = options
    trainer = try BridgeTrainer(checkpoint: checkpoint)
    trainer.setSchedule(totalSteps: options.totalSteps)
  }

  /// Steps done.
  public var completedSteps: Int { trainer.completedSteps }

  /// The step size of a step, counted from 0.
  public func learningRate(atStep step: Int) -> Double {
    trainer.options.learningRate(atStep: step)
  }

  /// One step on a square of each tile.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, 3]` in [−1, 1], the stain to convert.
  ///   - target: `[N, H, W, 3]` in [−1, 1], the true picture.
  ///   - context: Threads and kernels.
  /// - Returns: A number for each of ``lossNames``.
  /// - Throws: `NetworkError.diverged` where the numbers left the finite ones.
  public mutating func step(
    input: Tensor, target: Tensor, context: ComputeContext
  ) throws -> [Double] {
    let places = cropPlaces(count: input.shape[0], tileSize: input.shape[1])
    let losses = try trainer.step(
      target: cropped(target, places), source: cropped(input, places), context: context)
    return [losses.loss, losses.gradientNorm]
  }

  /// Where each sample of the next step is cut: a pure function of the seed and the sample's number.
  private func cropPlaces(count: Int, tileSize: Int) -> [(x: Int, y: Int)] {
    let random = CounterRandom(seed: options.seed, stream: Self.cropStream)
    let room = UInt64(max(0, tileSize - options.cropSize) + 1)
    return (0..<count).map { sample in
      let number = UInt64(trainer.completedSteps * options.batchSize + sample)
      func place(_ axis: UInt64) -> Int {
        Int((UInt64(random.bits(at: 2 * number + axis)) * room) >> 32)
      }
      return (place(0), place(1))
    }
  }

  private func cropped(_ tiles: Tensor, _ places: [(x: Int, y: Int)]) -> Tensor {
    let (side, size) = (tiles.shape[1], min(options.cropSize, tiles.shape[1]))
    guard size < side else { return tiles }
    var values: [Float] = []
    values.reserveCapacity(places.count * size * size * 3)
    for (sample, place) in places.enumerated() {
      for row in place.y..<place.y + size {
        let start = ((sample * side + row) * side + place.x) * 3
        values += tiles.values[start..<start + size * 3]
      }
    }
    return Tensor(shape: [places.count, size, size, 3], values: values)
  }

  /// Everything that going on needs.
  public func checkpoint(metadata: [String: String]) -> SafetensorsFile {
    trainer.checkpoint(metadata: metadata)
  }

  /// The running average of the weights, walked in a few steps with noise of its own seed.
  public func settled(data: TrainingData, context: ComputeContext) throws -> SettledModel {
    let state = trainer.averagedNetwork.state
    let predictor = try DiffusionPredictor(
      configuration: options.network, state: state, context: context)
    let card = ModelCard.Bridge(
      network: options.network, schedule: options.schedule, evaluations: options.evaluations,
      sampler: options.schedule.options.isDeterministic ? .otODE : .ddpm)
    let walk = BridgeWalker(
      predictor: predictor,
      sampler: BridgeSampler(
        schedule: options.schedule, evaluations: options.validationEvaluations, kind: card.sampler),
      noise: BridgeNoise(key: options.seed), context: context)
    return SettledModel(
      predict: { tiles in
        let size = tiles.count / tiles.shape[0]
        let results = try (0..<tiles.shape[0]).flatMap { sample in
          try walk.walked(
            Array(tiles.values[sample * size..<(sample + 1) * size]), size: tiles.shape[1], x: 0,
            y: 0)
        }
        return Tensor(shape: tiles.shape, values: results)
      },
      state: state,
      card: ModelCard(
        architecture: .bridge, baseChannels: options.network.baseChannels, bridge: card,
        normalization: .reference, pixelSizeMicrons: data.pixelSizeMicrons,
        fromStain: options.fromStain, toStain: options.toStain,
        training: ModelCard.Training(
          data: [], seed: options.seed, totalSteps: options.totalSteps, step: completedSteps,
          batchSize: options.batchSize, cropSize: options.cropSize,
          learningRate: options.learningRate, averageDecay: options.averageDecay,
          validation: nil),
        restainVersion: ""))
  }
}

/// Trains a bridge.
public typealias BridgeTraining = PairedTraining<BridgeEngine>
