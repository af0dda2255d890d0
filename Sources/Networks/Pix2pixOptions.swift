/// Constants of pix2pix training; the defaults are the reference's.
public struct Pix2pixOptions: Sendable, Codable, Equatable {
  /// Adam's step size at the start.
  public var learningRate = 2e-4
  /// Adam's decay of the first moment.
  public var beta1 = 0.5
  /// Adam's decay of the second moment.
  public var beta2 = 0.999
  /// Adam's ε.
  public var epsilon = 1e-8
  /// Weight of the mean absolute difference in the generator's loss.
  public var l1Weight = 100.0
  /// Whether that difference is taken at several scales, for imperfectly registered pairs.
  public var hasMultiScaleL1 = false
  /// Whether the generator's inner levels use dropout in training.
  public var hasDropout = true
  /// Decay a step of the running average of the generator's parameters; nil where none is kept, as in the
  /// reference.
  public var averageDecay: Double?
  /// Steps of the whole schedule.
  public var totalSteps: Int

  /// The reference's constants for a schedule of so many steps, at least 1.
  public init(totalSteps: Int) { self.totalSteps = max(1, totalSteps) }

  /// The step size of a step: constant for half of the schedule, then linear to 0.
  ///
  /// With `n` decaying steps their factors are `n/(n+1) … 1/(n+1)`, as the reference's epochs have, so
  /// that the last step still moves.
  ///
  /// - Parameter step: Counted from 0.
  /// - Returns: The step size.
  public func learningRate(atStep step: Int) -> Double {
    learningRate * Self.rateFactor(atStep: step, of: totalSteps)
  }

  /// What a step size that starts at 1 has become at a step.
  static func rateFactor(atStep step: Int, of totalSteps: Int) -> Double {
    let constant = totalSteps - totalSteps / 2
    let decaying = totalSteps / 2
    let past = max(0, step - constant + 1)
    return max(0, 1 - Double(past) / Double(decaying + 1))
  }
}

/// The losses of one training step.
public struct Pix2pixLosses: Sendable, Codable, Equatable {
  /// Cross-entropy of the generated picture against "real", after the discriminator's update.
  public var generatorAdversarial: Double
  /// Mean absolute difference of generated and true picture, without its weight.
  public var generatorL1: Double
  /// Cross-entropy of the true picture against "real".
  public var discriminatorReal: Double
  /// Cross-entropy of the generated picture against "generated", before the discriminator's update.
  public var discriminatorFake: Double
}
