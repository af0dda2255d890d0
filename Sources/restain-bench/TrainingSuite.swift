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
      NetworkOptions.batch.entry, NetworkOptions.kernels.entry, steps.entry,
    ])

  static func run(_ context: BenchmarkContext) throws {
    let compute = context.computeContext
    let channels = context[NetworkOptions.channels]
    let batch = context[NetworkOptions.batch]
    let stepCount = context[steps]
    let generator = UNetGenerator(baseChannels: channels, seed: 1)
    let discriminator = PatchDiscriminator(baseChannels: channels, seed: 2)
    let parameterCount = generator.parameterCount + discriminator.parameterCount
    var trainer = Pix2pixTrainer(
      generator: generator, discriminator: discriminator,
      options: Pix2pixOptions(totalSteps: stepCount + 1), seed: 3)
    let input = NetworkWork.batch(count: batch, seed: 4)
    let target = NetworkWork.batch(count: batch, seed: 5)
    _ = trainer.step(input: input, target: target, context: compute)
    let elapsed = context.seconds {
      for _ in 0..<stepCount { _ = trainer.step(input: input, target: target, context: compute) }
    }
    let measurement = NetworkMeasurement(
      secondsPerStep: elapsed / Double(stepCount),
      gmac: NetworkWork.generatorGigaMACs(baseChannels: channels)
        + NetworkWork.discriminatorGigaMACs(baseChannels: channels),
      parameters: parameterCount, peakMib: context.peakMib, threads: context.threadCount,
      batch: batch, kernels: compute.kernels.rawValue)
    try context.report(measurement, line: measurement.line)
  }
}
