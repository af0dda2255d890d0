import CommandLineKit
import Networks
import Tensors

/// The network that a suite measures.
enum MeasuredArchitecture: String, CaseIterable, Sendable {
  case pix2pix
}

/// Options that the network suites share.
enum NetworkOptions {
  static let architecture = Option<MeasuredArchitecture>.value(
    "architecture", .choice(), default: "pix2pix", "the network")
  static let channels = Option<Int>.value(
    "channels", .integer("N", in: 1...256), default: "64", "channels of the first layer")
  static let batch = Option<Int>.value(
    "batch", .integer("N", in: 1...256), default: "1", "tiles at once")
  static let kernels = Option<KernelFamily?>.optional(
    "kernels", .choice(), "family of compute kernels; the best that this CPU runs if not given")
}

/// `restain-bench inference`: tiles a second of a generator.
enum InferenceSuite: Suite {
  static let seconds = Option<Double>.value(
    "seconds", .number("S", in: 0.1...3600), default: "5", "how long to measure")

  static let description = CommandDescription(
    "inference", "measure conversion of tiles with random weights",
    options: [
      NetworkOptions.architecture.entry, NetworkOptions.channels.entry,
      NetworkOptions.batch.entry, NetworkOptions.kernels.entry, seconds.entry,
    ])

  static func run(_ context: BenchmarkContext) throws {
    let compute = context.computeContext
    let generator = UNetGenerator(baseChannels: context[NetworkOptions.channels], seed: 1)
    let predictor = generator.prepared(normalization: .running, context: compute)
    let batch = context[NetworkOptions.batch]
    let input = NetworkWork.batch(count: batch, seed: 2)
    // The first call lays buffers out.
    _ = try predictor.predict(input, context: compute)
    var stepCount = 0
    var elapsed = 0.0
    while elapsed < context[seconds] || stepCount < 3 {
      elapsed += try context.seconds { _ = try predictor.predict(input, context: compute) }
      stepCount += 1
    }
    let measurement = NetworkMeasurement(
      tilesPerSecond: Double(batch * stepCount) / elapsed,
      secondsPerStep: elapsed / Double(stepCount),
      gmac: NetworkWork.generatorGigaMACs(baseChannels: context[NetworkOptions.channels]),
      parameters: generator.parameterCount, peakMib: context.peakMib,
      threads: context.threadCount, batch: batch, kernels: compute.kernels.rawValue)
    try context.report(measurement, line: measurement.line)
  }
}

extension BenchmarkContext {
  /// Threads and kernels of a network suite.
  var computeContext: ComputeContext {
    ComputeContext(
      parallelism: Parallelism(threadCount: threadCount),
      kernels: self[NetworkOptions.kernels] ?? .best)
  }
}
