import CommandLineKit
import Networks
import Tensors

/// The network that a suite measures.
enum MeasuredArchitecture: String, CaseIterable, Sendable {
  case pix2pix, bridge
}

/// Options that the network suites share.
enum NetworkOptions {
  static let architecture = Option<MeasuredArchitecture>.value(
    "architecture", .choice(), default: "pix2pix", "the network")
  static let channels = Option<Int>.value(
    "channels", .integer("N", in: 1...256), default: "64", "channels of the first layer")
  static let multipliers = Option<[Int]>.value(
    "multipliers", .multipliers, default: "1,2,4",
    "channels of the bridge at each size, in units of the first layer's")
  static let batch = Option<Int>.value(
    "batch", .integer("N", in: 1...256), default: "1", "tiles at once")
  static let kernels = Option<KernelFamily?>.optional(
    "kernels", .choice(), "family of compute kernels; the best that this CPU runs if not given")
}

/// `restain-bench inference`: tiles a second of a generator.
enum InferenceSuite: Suite {
  static let seconds = Option<Double>.value(
    "seconds", .number("S", in: 0.1...3600), default: "5", "how long to measure")
  static let layers = Option.flag(
    "layers", "measure each convolution by itself against the peak of multiply-adds")

  static let description = CommandDescription(
    "inference", "measure conversion of tiles with random weights",
    options: [
      NetworkOptions.architecture.entry, NetworkOptions.channels.entry,
      NetworkOptions.multipliers.entry, NetworkOptions.batch.entry, NetworkOptions.kernels.entry,
      seconds.entry, layers.entry,
    ])

  static func run(_ context: BenchmarkContext) throws {
    if context.arguments.isGiven(layers) { return try LayerMeasurement.report(context) }
    let work = try InferenceWork(context)
    // The first call lays buffers out.
    try work.step()
    var stepCount = 0
    var elapsed = 0.0
    while elapsed < context[seconds] || stepCount < 3 {
      elapsed += try context.seconds { try work.step() }
      stepCount += 1
    }
    let batch = context[NetworkOptions.batch]
    let measurement = NetworkMeasurement(
      tilesPerSecond: Double(batch * stepCount) / elapsed,
      secondsPerStep: elapsed / Double(stepCount), gmac: work.gigaMACs,
      parameters: work.parameterCount, peakMib: context.peakMib,
      threads: context.threadCount, batch: batch,
      kernels: context.computeContext.kernels.rawValue)
    try context.report(measurement, line: measurement.line)
  }
}

/// One of the networks with its input.
private struct InferenceWork {
  let parameterCount: Int
  let gigaMACs: Double
  let step: () throws -> Void

  init(_ context: BenchmarkContext) throws {
    let compute = context.computeContext
    let batch = context[NetworkOptions.batch]
    let input = NetworkWork.batch(count: batch, seed: 2)
    switch context[NetworkOptions.architecture] {
    case .pix2pix:
      let generator = UNetGenerator(baseChannels: context[NetworkOptions.channels], seed: 1)
      let predictor = generator.prepared(normalization: .running, context: compute)
      parameterCount = generator.parameterCount
      gigaMACs = NetworkWork.generatorGigaMACs(baseChannels: context[NetworkOptions.channels])
      step = { _ = try predictor.predict(input, context: compute) }
    case .bridge:
      let configuration = try context.bridgeConfiguration
      let predictor = try DiffusionPredictor(
        configuration: configuration,
        state: DiffusionUNet(configuration: configuration, seed: 1).state, context: compute)
      let levels = [Float](repeating: 500, count: batch)
      parameterCount = configuration.parameterCount
      gigaMACs = NetworkWork.gigaMACs(configuration)
      step = { _ = try predictor.predict(input, levels: levels, context: compute) }
    }
  }
}

extension BenchmarkContext {
  /// Threads and kernels of a network suite.
  var computeContext: ComputeContext {
    ComputeContext(
      parallelism: Parallelism(threadCount: threadCount),
      kernels: self[NetworkOptions.kernels] ?? .best)
  }

  /// The bridge that the options name: two residual blocks a size, attention in the middle block alone.
  var bridgeConfiguration: DiffusionConfiguration {
    get throws {
      let configuration = DiffusionConfiguration(
        baseChannels: self[NetworkOptions.channels],
        multipliers: self[NetworkOptions.multipliers], residualBlocks: 2)
      if let problem = configuration.problem {
        throw NetworkError.unknownArchitecture(problem: problem)
      }
      return configuration
    }
  }
}

extension ValueKind where Value == [Int] {
  /// Whole numbers from 1 to 16, with commas between them.
  fileprivate static var multipliers: Self {
    Self("N,…", expected: "whole numbers from 1 to 16 with commas between them") { text in
      let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
        Int(part).flatMap { (1...16).contains($0) ? $0 : nil }
      }
      return numbers.contains(nil) ? nil : numbers.compactMap { $0 }
    }
  }
}
