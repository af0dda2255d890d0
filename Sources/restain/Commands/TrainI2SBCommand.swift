import CommandLineKit
import Networks
import Staining

/// `restain train i2sb --data DATASET -o MODEL`: an image-to-image Schrödinger bridge from paired tiles.
enum TrainI2SBCommand: Command {
  static let printsEvents = true

  static let preset = Option<TrainingOptions.Preset>.value(
    "preset", .choice(), default: "small",
    "size of the network: 3.0, 16.3 or 552.8 million parameters; the last is for a GPU")
  static let start = Option<String?>.optional(
    "start", .path("MODEL"),
    "bridge whose weights to start from, such as one that model import wrote; its network counts, not "
      + "the preset's")
  static let condition = Option.flag("condition", "show the source to the network at every step")
  static let crop = Option<Int?>.optional(
    "crop", .integer("PX", in: 32...4096),
    "edge of the squares cut out of the tiles, a multiple of 32; the preset's if not given")
  static let batch = Option<Int?>.optional(
    "batch", .integer(in: 1...256), "tiles a step; 1 for the preset small, else 4, if not given")
  static let learningRate = Option<Double?>.optional(
    "learning-rate", .number("RATE", in: 1e-8...1),
    "step size at the start; 0.001 for the preset small, else 0.0001, if not given")
  static let betaMax = Option<Double>.value(
    "beta-max", .number("BETA", in: 0.001...10), default: "0.3", "noise in the middle of the bridge"
  )
  static let deterministic = Option.flag(
    "ot-ode", "a bridge without noise, for the sampler of that name")

  static let description = CommandDescription(
    "train i2sb", "train an image-to-image Schrödinger bridge on paired tiles",
    discussion: """
      Writes MODEL.safetensors (the running average of the weights, the best by validation in 4 steps), \
      MODEL.train.csv, sample grids in MODEL.samples and MODEL.checkpoint.safetensors. An interrupted \
      training that is resumed ends in the same model, bit for bit. --steps alone sets the schedule; \
      --time and --patience only stop early. --start goes on from another bridge's weights, as the \
      reference does from an unconditional network (model import 256x256_diffusion_uncond.pt); with \
      --condition a network that was not shown the source gets fresh weights for it.
      """,
    options: [
      TrainingRun.data.entry, TrainingRun.output.entry, preset.entry, start.entry, condition.entry,
      crop.entry,
      TrainingRun.steps.entry, TrainingRun.time.entry, TrainingRun.patience.entry, batch.entry,
      learningRate.entry, betaMax.entry, deterministic.entry, TrainingRun.validationInterval.entry,
      TrainingRun.fromStain.entry, TrainingRun.toStain.entry, TrainingRun.seed.entry,
      TrainingRun.resume.entry, SharedOptions.force.entry, SharedOptions.json.entry,
    ],
    examples: [
      "train i2sb --data tiles -o ki67-bridge --preset small --steps 20000 --time 8h",
      "train i2sb --data tiles -o ki67-bridge --preset small --steps 20000 --resume",
      "train i2sb --data tiles -o fine --start imported.safetensors --condition --steps 20000",
    ])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    try TrainingRun.run(BridgeEngine.self, options: options(context), context)
  }

  private static func options(_ context: CommandContext) throws -> BridgeTrainingOptions {
    var options = BridgeTrainingOptions(preset: context[preset])
    options.network.isConditional = context.isGiven(condition)
    options.seed = context[TrainingRun.seed]
    options.schedule = BridgeSchedule(
      BridgeSchedule.Options(
        betaMax: context[betaMax], isDeterministic: context.isGiven(deterministic)))
    if let path = context[start] {
      try Files.requireInput(path)
      let weights = try StartingWeights(
        model: StainModel(path: path), path: path, isConditional: context.isGiven(condition),
        seed: options.seed)
      options.network = weights.configuration ?? options.network
      options.start = weights
    }
    if let size = context[crop] {
      guard size.isMultiple(of: options.network.sizeMultiple) else {
        throw UsageError.conflict(
          subject: "--crop", problem: "\(size) does not suit the network",
          advice: "pass a multiple of \(options.network.sizeMultiple)")
      }
      options.cropSize = size
    }
    if let count = context[TrainingRun.steps] { options.totalSteps = count }
    options.batchSize = context[batch] ?? options.batchSize
    options.learningRate = context[learningRate] ?? options.learningRate
    options.validationInterval = context[TrainingRun.validationInterval]
    options.fromStain = context[TrainingRun.fromStain]
    options.toStain = context[TrainingRun.toStain]
    return options
  }
}
