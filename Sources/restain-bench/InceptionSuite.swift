import CommandLineKit
import Networks
import Tensors

/// `restain-bench inception`: tiles a second of the network of FID.
enum InceptionSuite: Suite {
  static let description = CommandDescription(
    "inception", "measure the network of FID with random weights on tiles of 256 pixels",
    discussion: """
      Tiles are resized to 299 pixels, as evaluate conversion does. Batches go to the threads, one \
      thread each; --batch is a batch's size.
      """,
    options: [
      NetworkOptions.batch.entry, NetworkOptions.kernels.entry, InferenceSuite.seconds.entry,
    ])

  static func run(_ context: BenchmarkContext) throws {
    let compute = context.computeContext
    let batch = context[NetworkOptions.batch]
    let single = ComputeContext(parallelism: .serial, kernels: compute.kernels)
    let network = try InceptionNetwork(
      state: InceptionNetwork.randomState(divisor: 1, seed: 1), context: compute)
    let random = CounterRandom(seed: 2, stream: 0)
    let side = NetworkWork.side
    let pictures = (0..<batch).map { picture in
      (0..<side * side * 3).map {
        UInt8(random.uniform(at: UInt64(picture * side * side * 3 + $0)) * 256)
      }
    }
    @Sendable func step() {
      let input = InceptionResize.pytorchFID.prepared(pictures, width: side, height: side)
      _ = network.outputs(of: input, context: single)
    }
    step()
    var stepCount = 0
    var elapsed = 0.0
    while elapsed < context[InferenceSuite.seconds] {
      elapsed += context.seconds {
        compute.parallelism.forEach(count: context.threadCount) { _ in step() }
      }
      stepCount += 1
    }
    let measurement = NetworkMeasurement(
      tilesPerSecond: Double(batch * stepCount * context.threadCount) / elapsed,
      secondsPerStep: elapsed / Double(stepCount),
      gmac: Double(network.multiplyAddCount) / 1e9, parameters: network.parameterCount,
      peakMib: context.peakMib, threads: context.threadCount, batch: batch,
      kernels: compute.kernels.rawValue)
    try context.report(measurement, line: measurement.line)
  }
}
