import CommandLineKit
import Foundation
import Reporting
import Staining
import Synchronization
import Tensors

/// `restain train pix2pix --data DATASET -o MODEL`: a generative adversarial network from paired tiles.
enum TrainPix2pixCommand: Command {
  static let printsEvents = true

  static let preset = Option<TrainingOptions.Preset>.value(
    "preset", .choice(), default: "small", "size of the network: 16, 32 or 64 channels")
  static let baseChannels = Option<Int?>.optional(
    "base-channels", .integer(in: 1...256), "channels of the first layer, instead of the preset's")
  static let discriminatorChannels = Option<Int?>.optional(
    "discriminator-channels", .integer(in: 1...256),
    "channels of the discriminator's first layer; the generator's if not given")
  static let batch = Option<Int>.value(
    "batch", .integer(in: 1...256), default: "1", "tiles a step")
  static let learningRate = Option<Double>.value(
    "learning-rate", .number("RATE", in: 1e-8...1), default: "0.0002", "step size at the start")
  static let multiScaleL1 = Option.flag(
    "multi-scale-l1", "compare at four scales, for imperfectly registered pairs")
  static let average = Option<Double>.value(
    "average-decay", .number("DECAY", in: 0...0.99999), default: "0.999",
    "decay of the running average of the generator's weights that is kept; 0 keeps the weights themselves, "
      + "as the public code does")
  static let criterion = Option<ValidationFigures.Criterion>.value(
    "best-by", .choice(), default: "l1",
    "what the best model is chosen by: L1, or a mixture of SSIM and L1 that prefers clear pictures")
  static let description = CommandDescription(
    "train pix2pix", "train a pix2pix model on paired tiles",
    discussion: """
      Writes MODEL.safetensors (the running average of the generator's weights, the best by validation), MODEL.train.csv, sample grids in \
      MODEL.samples and MODEL.checkpoint.safetensors. An interrupted training that is resumed ends \
      in the same model, bit for bit. --steps alone sets the schedule; --time and --patience only stop early.
      """,
    options: [
      TrainingRun.data.entry, TrainingRun.output.entry, preset.entry, baseChannels.entry,
      discriminatorChannels.entry,
      TrainingRun.steps.entry, TrainingRun.time.entry, TrainingRun.patience.entry, batch.entry,
      learningRate.entry, multiScaleL1.entry, average.entry, criterion.entry,
      TrainingRun.validationInterval.entry,
      TrainingRun.fromStain.entry, TrainingRun.toStain.entry, TrainingRun.seed.entry,
      TrainingRun.resume.entry, SharedOptions.force.entry,
      SharedOptions.json.entry,
    ],
    examples: [
      "train pix2pix --data tiles -o ki67 --preset small --steps 20000 --time 2h",
      "train pix2pix --data tiles -o ki67 --preset small --steps 20000 --resume",
    ])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    try TrainingRun.run(Pix2pixEngine.self, options: options(context), context)
  }

  private static func options(_ context: CommandContext) -> TrainingOptions {
    var options = context[preset].options
    if let channels = context[baseChannels] { options.baseChannels = channels }
    options.discriminatorChannels = context[discriminatorChannels] ?? options.baseChannels
    if let count = context[TrainingRun.steps] { options.totalSteps = count }
    options.batchSize = context[batch]
    options.learningRate = context[learningRate]
    options.hasMultiScaleL1 = context.isGiven(multiScaleL1)
    options.averageDecay = context[average] > 0 ? context[average] : nil
    options.chosenCriterion = context[criterion]
    options.validationInterval = context[TrainingRun.validationInterval]
    options.fromStain = context[TrainingRun.fromStain]
    options.toStain = context[TrainingRun.toStain]
    options.seed = context[TrainingRun.seed]
    return options
  }
}
