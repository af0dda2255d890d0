import Foundation
public import Networks
import Rasters
public import Tensors

/// A tissue segmenter as ``PairedTraining`` drives it: to it the colours of labels are the other stain.
public struct SegmenterEngine: TrainingEngine {
  private let options: SegmenterTrainingOptions
  private var trainer: SegmenterTrainer
  private let lookup: LabelLookup

  /// The cross-entropy over the labelled pixels.
  public static let lossNames = ["loss"]

  /// It learns from labels.
  public static let readsLabels = true

  /// Keeps the colours of tiles apart from what else the seed decides.
  private static let colorStream: UInt64 = 0x636F_6C6F_7572

  /// Starts anew.
  public init(options: SegmenterTrainingOptions) {
    var constants = SegmenterOptions(totalSteps: options.totalSteps)
    constants.learningRate = options.learningRate
    constants.classWeights = options.classWeights
    self.init(
      options: options,
      trainer: SegmenterTrainer(
        network: SegmentationUNet(
          baseChannels: options.baseChannels, classCount: options.classes.count,
          seed: options.seed),
        options: constants))
  }

  /// Goes on from a checkpoint, bit by bit, as far as these options' schedule goes.
  ///
  /// - Throws: `NetworkError`, `malformedFile` where the network is another than the options tell.
  public init(checkpoint: SafetensorsFile, options: SegmenterTrainingOptions) throws {
    var trainer = try SegmenterTrainer(checkpoint: checkpoint)
    let network = trainer.network
    guard network.baseChannels == options.baseChannels, network.inputChannels == 3,
      network.classCount == options.classes.count
    else {
      throw NetworkError.malformedFile(
        name: "checkpoint", problem: "its network is another than its options tell")
    }
    trainer.setSchedule(totalSteps: options.totalSteps)
    self.init(options: options, trainer: trainer)
  }

  private init(options: SegmenterTrainingOptions, trainer: SegmenterTrainer) {
    self.options = options
    self.trainer = trainer
    lookup = LabelLookup(options.classes)
  }

  /// Steps done.
  public var completedSteps: Int { trainer.completedSteps }

  /// The step size of a step, counted from 0.
  public func learningRate(atStep step: Int) -> Double {
    trainer.options.learningRate(atStep: step)
  }

  /// One step on tiles whose stains are drawn stronger or weaker.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, 3]` in [−1, 1], the H&E.
  ///   - target: `[N, H, W, 3]` in [−1, 1], the colours of the labels.
  ///   - context: Threads and kernels.
  /// - Returns: A number for each of ``lossNames``.
  /// - Throws: `NetworkError.diverged` where the numbers left the finite ones.
  public mutating func step(
    input: Tensor, target: Tensor, context: ComputeContext
  ) throws -> [Double] {
    [
      try trainer.step(
        input: recolored(input), labels: lookup.labels(levels: Levels.levels(target.values)),
        context: context)
    ]
  }

  /// Every sample with the optical density of each channel times a factor of its own.
  ///
  /// Glass stays white. A pure function of the seed and the sample's number.
  private func recolored(_ tiles: Tensor) -> Tensor {
    let amount = options.colorJitter
    guard amount > 0 else { return tiles }
    let random = CounterRandom(seed: options.seed, stream: Self.colorStream)
    let count = tiles.count / tiles.shape[0]
    var result = tiles
    for sample in 0..<tiles.shape[0] {
      let number = UInt64(trainer.completedSteps * options.batchSize + sample)
      func draw(_ index: UInt64) -> Double {
        Double(random.uniform(at: 4 * number + index)) * 2 - 1
      }
      let tables = (0..<3).map { channel in
        let power = exp(amount * draw(3) + amount / 2 * draw(UInt64(channel)))
        return (0..<256).map { Float(2 * pow(Double($0) / 255, power) - 1) }
      }
      let levels = Levels.levels(tiles.values[sample * count..<(sample + 1) * count])
      for index in 0..<count {
        result.values[sample * count + index] = tables[index % 3][Int(levels[index])]
      }
    }
    return result
  }

  /// Everything that going on needs.
  public func checkpoint(metadata: [String: String]) -> SafetensorsFile {
    trainer.checkpoint(metadata: metadata)
  }

  /// The network as it stands, with the statistics that it kept while training; it predicts colours.
  public func settled(data: TrainingData, context: ComputeContext) throws -> SettledModel {
    let predictor = trainer.network.prepared(context: context)
    let colors = options.classes.map {
      [$0.color.red, $0.color.green, $0.color.blue].map { Float($0) / 127.5 - 1 }
    }
    return SettledModel(
      predict: { tiles in
        Tensor(
          shape: tiles.shape,
          values: try predictor.classes(tiles, context: context).flatMap { colors[Int($0)] })
      },
      state: trainer.network.state,
      card: ModelCard(
        architecture: .segmenter, baseChannels: options.baseChannels, classes: options.classes,
        normalization: .running, pixelSizeMicrons: data.pixelSizeMicrons,
        fromStain: options.fromStain, toStain: SegmenterTrainingOptions.toStain,
        training: ModelCard.Training(
          data: [], seed: options.seed, totalSteps: options.totalSteps, step: completedSteps,
          batchSize: options.batchSize, learningRate: options.learningRate, validation: nil),
        restainVersion: ""))
  }
}

/// Trains a segmenter.
public typealias SegmenterTraining = PairedTraining<SegmenterEngine>
