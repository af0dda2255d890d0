public import Networks
public import Tensors

/// pix2pix as ``PairedTraining`` drives it.
public struct Pix2pixEngine: TrainingEngine {
  private let options: TrainingOptions
  private var trainer: Pix2pixTrainer

  /// The generator's L1 and adversarial losses, and the discriminator's over both halves.
  public static let lossNames = ["loss_g_l1", "loss_g_gan", "loss_d"]

  /// Starts anew.
  public init(options: TrainingOptions) {
    self.options = options
    var constants = Pix2pixOptions(totalSteps: options.totalSteps)
    constants.learningRate = options.learningRate
    constants.l1Weight = options.l1Weight
    constants.hasMultiScaleL1 = options.hasMultiScaleL1
    constants.averageDecay = options.averageDecay
    trainer = Pix2pixTrainer(
      generator: UNetGenerator(baseChannels: options.baseChannels, seed: options.seed),
      discriminator: PatchDiscriminator(
        baseChannels: options.discriminatorChannels, seed: options.seed),
      options: constants, seed: options.seed)
  }

  /// Goes on from a checkpoint, bit by bit, as far as these options' schedule goes.
  public init(checkpoint: SafetensorsFile, options: TrainingOptions) throws {
    self.options = options
    trainer = try Pix2pixTrainer(checkpoint: checkpoint)
    trainer.setSchedule(totalSteps: options.totalSteps)
  }

  /// Steps done.
  public var completedSteps: Int { trainer.completedSteps }

  /// The step size of a step, counted from 0.
  public func learningRate(atStep step: Int) -> Double {
    trainer.options.learningRate(atStep: step)
  }

  /// One step in the order of the reference.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, 3]` in [−1, 1], the stain to convert.
  ///   - target: `[N, H, W, 3]` in [−1, 1], the true picture.
  ///   - context: Threads and kernels.
  /// - Returns: A number for each of ``lossNames``.
  public mutating func step(
    input: Tensor, target: Tensor, context: ComputeContext
  ) -> [Double] {
    let losses = trainer.step(input: input, target: target, context: context)
    let discriminator = (losses.discriminatorReal + losses.discriminatorFake) / 2
    return [losses.generatorL1, losses.generatorAdversarial, discriminator]
  }

  /// Everything that going on needs.
  public func checkpoint(metadata: [String: String]) -> SafetensorsFile {
    trainer.checkpoint(metadata: metadata)
  }

  /// The generator as it would convert: statistics estimated anew, fixed, no dropout.
  public func settled(data: TrainingData, context: ComputeContext) throws -> SettledModel {
    let generator = try settledGenerator(data: data, context: context)
    let predictor = generator.prepared(normalization: .running, context: context)
    return SettledModel(
      predict: { try predictor.predict($0, context: context) }, state: generator.state,
      card: ModelCard(
        architecture: .pix2pix, baseChannels: options.baseChannels, normalization: .running,
        pixelSizeMicrons: data.pixelSizeMicrons, fromStain: options.fromStain,
        toStain: options.toStain,
        training: ModelCard.Training(
          data: [], seed: options.seed, totalSteps: options.totalSteps, step: completedSteps,
          batchSize: options.batchSize, discriminatorChannels: options.discriminatorChannels,
          learningRate: options.learningRate, l1Weight: options.l1Weight,
          hasMultiScaleL1: options.hasMultiScaleL1 ? true : nil,
          averageDecay: options.averageDecay, validation: nil),
        restainVersion: ""))
  }

  /// A copy of a generator whose running statistics are those of the training tiles.
  private func settledGenerator(
    data: TrainingData, context: ComputeContext
  ) throws -> UNetGenerator {
    let indices = ModelValidation.drawn(options.statisticsTileLimit, of: data.train.count)
    var settled = trainer.averagedGenerator
    var failure: (any Error)?
    var remaining = indices[...]
    // One tile a batch, the statistics that training normalised with; read as they are needed.
    let batches = AnySequence<Tensor> {
      AnyIterator {
        guard failure == nil, let index = remaining.popFirst() else { return nil }
        do {
          return try data.train.batch([TileOrder.Sample(index: index, turn: 0)]).input
        } catch {
          failure = error
          return nil
        }
      }
    }
    settled.reestimateStatistics(batches: batches, context: context)
    if let failure { throw failure }
    return settled
  }
}

/// Trains a pix2pix model.
public typealias Pix2pixTraining = PairedTraining<Pix2pixEngine>

extension TrainingOptions: TrainingSettings {}
