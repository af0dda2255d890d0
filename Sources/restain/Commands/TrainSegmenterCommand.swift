import CommandLineKit
import Staining

/// `restain train segmenter --data DATASET -o MODEL`: a network that names the tissue of every pixel.
enum TrainSegmenterCommand: Command {
  static let printsEvents = true

  static let preset = Option<TrainingOptions.Preset>.value(
    "preset", .choice(), default: "small", "size of the network: 16, 32 or 64 channels")
  static let baseChannels = Option<Int?>.optional(
    "base-channels", .integer(in: 1...256), "channels of the first block, instead of the preset's")
  static let batch = Option<Int?>.optional(
    "batch", .integer(in: 1...256), "tiles a step; 4 for the preset reference, else 2, if not given"
  )
  static let learningRate = Option<Double>.value(
    "learning-rate", .number("RATE", in: 1e-8...1), default: "0.001", "step size at the start")
  static let colorJitter = Option<Double>.value(
    "color-jitter", .number("AMOUNT", in: 0...1), default: "0.2",
    "how much stronger or weaker the stains of training tiles are drawn, so that generated slides are read, "
      + "too; 0 for not at all")
  static let balance = Option.flag(
    "balance-classes", "let each class count alike, however rare it is")
  static let fromStain = Option<String>.value(
    "from", .text("STAIN"), default: "he", "kind of the labelled sections, for the card")

  static let description = CommandDescription(
    "train segmenter", "train a network that names the tissue of every pixel",
    discussion: """
      Learns from tiles that tiles --labels made, for evaluate conversion --segmenter. Writes \
      MODEL.safetensors (best by the macro F1 of the validation tiles), MODEL.train.csv with F1 of every \
      class, sample grids (H&E, predicted, labels) in MODEL.samples and MODEL.checkpoint.safetensors. An \
      interrupted training that is resumed ends in the same model, bit for bit. --steps alone sets the \
      schedule; --time and --patience only stop early.
      """,
    options: [
      TrainingRun.data.entry, TrainingRun.output.entry, preset.entry, baseChannels.entry,
      TrainingRun.steps.entry, TrainingRun.time.entry, TrainingRun.patience.entry, batch.entry,
      learningRate.entry, colorJitter.entry, balance.entry, TrainingRun.validationInterval.entry,
      fromStain.entry, TrainingRun.seed.entry, TrainingRun.resume.entry,
      SharedOptions.force.entry, SharedOptions.json.entry,
    ],
    examples: [
      "train segmenter --data labelled -o tissue --preset small",
      "train segmenter --data labelled -o tissue --preset small --resume",
    ])

  static func run(_ context: CommandContext) throws -> ExitStatus {
    try TrainingRun.run(SegmenterEngine.self, context) { tiles in
      var options = SegmenterTrainingOptions(
        preset: context[preset], classes: try tiles.learnedClasses())
      if let channels = context[baseChannels] { options.baseChannels = channels }
      if let count = context[TrainingRun.steps] { options.totalSteps = count }
      options.batchSize = context[batch] ?? options.batchSize
      options.learningRate = context[learningRate]
      options.colorJitter = context[colorJitter]
      if context.isGiven(balance) {
        options.classWeights = try tiles.classWeights(of: options.classes)
      }
      options.validationInterval = context[TrainingRun.validationInterval]
      options.fromStain = context[fromStain]
      options.seed = context[TrainingRun.seed]
      return options
    }
  }
}
