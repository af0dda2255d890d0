import CommandLineKit
import Networks
import Tensors

/// `restain-bench training`: seconds of a whole training step.
enum TrainingSuite: Suite {
  static let steps = Option<Int>.value(
    "steps", .integer("N", in: 1...10000), default: "5", "steps to measure, after one to warm up")

  static let description = CommandDescription(
    "training", "measure training steps on random tiles",
    options: [
      NetworkOptions.architecture.entry, NetworkOptions.channels.entry,
      NetworkOptions.multipliers.entry, NetworkOptions.batch.entry, NetworkOptions.kernels.entry,
      steps.entry,
    ])

  static func run(_ context: BenchmarkContext) throws {
    let stepCount = context[steps]
    var work = try TrainingWork(context, stepCount: stepCount)
    try work.step()
    let elapsed = try context.seconds {
      for _ in 0..<stepCount { try work.step() }
    }
    let measurement = NetworkMeasurement(
      secondsPerStep: elapsed / Double(stepCount), gmac: work.gigaMACs,
      parameters: work.parameterCount, peakMib: context.peakMib, threads: context.threadCount,
      batch: context[NetworkOptions.batch], kernels: context.computeContext.kernels.rawValue)
    try context.report(measurement, line: measurement.line)
  }
}

/// One of the trainers with its pairs.
private struct TrainingWork {
  let parameterCount: Int
  let gigaMACs: Double
  private var pix2pix: Pix2pixTrainer?
  private var bridge: BridgeTrainer?
  private let input: Tensor
  private let target: Tensor
  private let compute: ComputeContext

  init(_ context: BenchmarkContext, stepCount: Int) throws {
    let channels = context[NetworkOptions.channels]
    compute = context.computeContext
    input = NetworkWork.batch(count: context[NetworkOptions.batch], seed: 4)
    target = NetworkWork.batch(count: context[NetworkOptions.batch], seed: 5)
    switch context[NetworkOptions.architecture] {
    case .pix2pix:
      let generator = UNetGenerator(baseChannels: channels, seed: 1)
      let discriminator = PatchDiscriminator(baseChannels: channels, seed: 2)
      parameterCount = generator.parameterCount + discriminator.parameterCount
      gigaMACs =
        NetworkWork.generatorGigaMACs(baseChannels: channels)
        + NetworkWork.discriminatorGigaMACs(baseChannels: channels)
      pix2pix = Pix2pixTrainer(
        generator: generator, discriminator: discriminator,
        options: Pix2pixOptions(totalSteps: stepCount + 1), seed: 3)
    case .bridge:
      let configuration = try context.bridgeConfiguration
      parameterCount = configuration.parameterCount
      gigaMACs = NetworkWork.gigaMACs(configuration)
      bridge = BridgeTrainer(
        network: DiffusionUNet(configuration: configuration, seed: 1),
        schedule: BridgeSchedule(), options: BridgeOptions(), seed: 3)
    }
  }

  mutating func step() throws {
    pix2pix?.step(input: input, target: target, context: compute)
    try bridge?.step(target: target, source: input, context: compute)
  }
}
