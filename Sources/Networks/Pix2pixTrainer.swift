import Foundation
public import Tensors

/// A network's running moments for Adam, laid out like its parameters.
struct AdamMoments: Sendable, Equatable {
  var first: [Float]
  var second: [Float]

  init(count: Int) {
    first = [Float](repeating: 0, count: count)
    second = first
  }
}

/// Training of pix2pix, one step at a time, in the order of the reference's `optimize_parameters`.
///
/// The state is generator, discriminator, moments, the number of steps done and the seed: a trainer made
/// from a checkpoint continues bit by bit as the one that wrote it.
public struct Pix2pixTrainer: Sendable, Equatable {
  /// The generator as trained so far.
  public internal(set) var generator: UNetGenerator
  /// The discriminator as trained so far.
  public internal(set) var discriminator: PatchDiscriminator
  /// The constants.
  public private(set) var options: Pix2pixOptions
  /// Steps between two updates of the average: each reads and writes all weights, a sixth of the time of a
  /// step of the widest network.
  static let averageInterval = 8
  /// Decides the dropout of every step.
  public let seed: UInt64
  /// Steps done.
  public internal(set) var completedSteps = 0

  /// The running average of the generator's parameters, if one is kept.
  var average: WeightAverage?
  var generatorMoments: AdamMoments
  var discriminatorMoments: AdamMoments

  /// Makes the schedule of the step size last so many steps, from the next step on.
  public mutating func setSchedule(totalSteps: Int) {
    options.totalSteps = totalSteps
  }

  /// Starts training.
  ///
  /// - Parameters:
  ///   - generator: With its initial weights.
  ///   - discriminator: Its input channels are those of the generator's input and output together.
  ///   - options: The constants.
  ///   - seed: Decides the dropout of every step.
  public init(
    generator: UNetGenerator, discriminator: PatchDiscriminator, options: Pix2pixOptions,
    seed: UInt64
  ) {
    precondition(
      discriminator.inputChannels == generator.inputChannels + generator.outputChannels,
      "a discriminator of \(discriminator.inputChannels) channels beside a generator of "
        + "\(generator.inputChannels) and \(generator.outputChannels)")
    self.generator = generator
    self.discriminator = discriminator
    self.options = options
    self.seed = seed
    if options.averageDecay != nil { average = WeightAverage(values: generator.store.values) }
    generatorMoments = AdamMoments(count: generator.parameterCount)
    discriminatorMoments = AdamMoments(count: discriminator.parameterCount)
  }

  /// The generator with the running average of its parameters, if one is kept: what is used for converting.
  ///
  /// Its running statistics are still those of the parameters that were trained.
  public var averagedGenerator: UNetGenerator {
    var result = generator
    if let average { result.store.values = average.values }
    return result
  }

  /// The step size of the next step.
  public var learningRate: Double { options.learningRate(atStep: completedSteps) }

  /// One step: generator forward; discriminator on the generated, then the true picture, and its update;
  /// generator through the updated discriminator on the same generated picture, and its update.
  ///
  /// - Parameters:
  ///   - input: `[N, H, W, C]` in [−1, 1], the stain to convert.
  ///   - target: `[N, H, W, C′]` in [−1, 1], the true picture.
  ///   - context: Threads and kernels; neither threads nor a restart changes any bit.
  /// - Returns: The losses before the respective updates.
  /// - Precondition: H and W are multiples of the generator's `sizeMultiple`, at least 32.
  @discardableResult
  public mutating func step(
    input: Tensor, target: Tensor, context: ComputeContext
  ) -> Pix2pixLosses {
    let (fake, cache) = generator.forward(input, dropout: dropout, context: context)
    generator.updateRunningStatistics(from: cache)
    let (fakeLoss, realLoss) = trainDiscriminator(input, target, fake, context)
    let (adversarial, difference) = trainGenerator(input, target, fake, cache, context)
    completedSteps += 1
    followWeights(context)
    return Pix2pixLosses(
      generatorAdversarial: adversarial, generatorL1: difference, discriminatorReal: realLoss,
      discriminatorFake: fakeLoss)
  }

  /// Moves the average; the first few weights are taken as they are.
  private mutating func followWeights(_ context: ComputeContext) {
    guard let limit = options.averageDecay else { return }
    if completedSteps < Self.averageInterval {
      average?.values = generator.store.values
    } else if completedSteps.isMultiple(of: Self.averageInterval) {
      let decay = WeightAverage.decay(limit, atUpdate: completedSteps)
      average?.follow(
        generator.store.values, decay: pow(decay, Double(Self.averageInterval)), context: context)
    }
  }

  /// What decides the dropout of the next step; nil without dropout.
  private var dropout: DropoutSequences? {
    options.hasDropout ? .step(seed: seed, number: completedSteps) : nil
  }

  private mutating func trainDiscriminator(
    _ input: Tensor, _ target: Tensor, _ fake: Tensor, _ context: ComputeContext
  ) -> (fake: Double, real: Double) {
    let weights = discriminator.weights(context: context)
    var gradient: ParameterGradient? = discriminator.zeroGradient
    func loss(_ picture: Tensor, isReal: Bool) -> Double {
      let (logits, cache) = discriminator.forward(
        [input, picture], weights: weights, context: context)
      discriminator.updateRunningStatistics(from: cache)
      let loss = Losses.binaryCrossEntropy(
        logits: logits, target: isReal ? 1 : 0, weight: 0.5)
      discriminator.backward(
        loss.gradient, cache: cache, gradient: &gradient, context: context)
      return loss.value
    }
    let fakeLoss = loss(fake, isReal: false)
    let realLoss = loss(target, isReal: true)
    if let gradient {
      update.apply(
        to: &discriminator.store.values, &discriminatorMoments, gradient, context)
    }
    return (fakeLoss, realLoss)
  }

  private mutating func trainGenerator(
    _ input: Tensor, _ target: Tensor, _ fake: Tensor, _ cache: UNetGenerator.Cache,
    _ context: ComputeContext
  ) -> (adversarial: Double, difference: Double) {
    let (logits, passed) = discriminator.forward(
      [input, fake], weights: discriminator.weights(context: context), context: context)
    discriminator.updateRunningStatistics(from: passed)
    let adversarial = Losses.binaryCrossEntropy(logits: logits, target: 1)
    let difference =
      options.hasMultiScaleL1
      ? MultiScaleDifference.standard.loss(
        prediction: fake, target: target, weight: options.l1Weight)
      : Losses.absoluteDifference(prediction: fake, target: target, weight: options.l1Weight)
    var none: ParameterGradient?
    let channels = generator.inputChannels..<discriminator.inputChannels
    let slope = discriminator.backward(
      adversarial.gradient, cache: passed, gradient: &none, inputChannels: channels,
      context: context)
    var total = difference.gradient
    if let slope { total = total.adding(slope, context: context) }
    let gradient = generator.backward(total, cache: cache, context: context)
    update.apply(to: &generator.store.values, &generatorMoments, gradient, context)
    return (adversarial.value, difference.value)
  }

  /// A step of the optimiser.
  private struct Update {
    let adam: AdamStep
    let rate: Double
    let number: Int

    func apply(
      to parameters: inout [Float], _ moments: inout AdamMoments, _ gradient: ParameterGradient,
      _ context: ComputeContext
    ) {
      adam.apply(
        parameters: &parameters, first: &moments.first, second: &moments.second,
        gradient: gradient.values, rate: rate, step: number, context: context)
    }
  }

  /// Taken out of the trainer before its parameters are handed over: a method of the trainer would hold a
  /// second reference to them, and writing would copy them all.
  private var update: Update {
    Update(
      adam: AdamStep(beta1: options.beta1, beta2: options.beta2, epsilon: options.epsilon),
      rate: learningRate, number: completedSteps + 1)
  }
}
