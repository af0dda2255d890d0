import Foundation

/// Constants of bridge training; the defaults are the reference's.
public struct BridgeOptions: Sendable, Codable, Equatable {
  /// AdamW's step size at the start.
  public var learningRate = 5e-5
  /// AdamW's decay of the first moment.
  public var beta1 = 0.9
  /// AdamW's decay of the second moment.
  public var beta2 = 0.999
  /// AdamW's ε.
  public var epsilon = 1e-8
  /// The share of the parameters that a step of size 1 takes off.
  public var weightDecay = 0.0
  /// What the step size is multiplied by again and again.
  public var rateFactor = 0.99
  /// Steps from one such multiplication to the next, at least 1.
  public var rateSteps = 1000
  /// Steps of a schedule that is constant for half and then falls linearly to 0; nil for the reference's.
  public var totalSteps: Int?
  /// Decay of the running average of the parameters.
  public var averageDecay = 0.99
  /// Pairs that pass the network at once; 0 for all of a step.
  public var microBatchSize = 0

  /// The reference's constants.
  public init() {}

  /// The step size of a step: multiplied by ``rateFactor`` after every ``rateSteps``, or linear to 0 where
  /// ``totalSteps`` is given.
  ///
  /// - Parameter step: Counted from 0.
  /// - Returns: The step size.
  public func learningRate(atStep step: Int) -> Double {
    guard let totalSteps else {
      return learningRate * pow(rateFactor, Double(step / max(1, rateSteps)))
    }
    var linear = Pix2pixOptions(totalSteps: totalSteps)
    linear.learningRate = learningRate
    return linear.learningRate(atStep: step)
  }

  /// The average's decay at an update: low at first, so that the initial weights are soon forgotten.
  ///
  /// - Parameter update: Counted from 1.
  /// - Returns: `min(decay, (1 + k) / (10 + k))`.
  public func averageDecay(atUpdate update: Int) -> Double {
    WeightAverage.decay(averageDecay, atUpdate: update)
  }
}

/// What one step of training tells.
public struct BridgeLosses: Sendable, Codable, Equatable {
  /// The mean squared difference to the labels, over all pairs of the step.
  public var loss: Double
  /// The root of the sum of the gradient's squares.
  public var gradientNorm: Double
}
