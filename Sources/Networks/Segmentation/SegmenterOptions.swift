/// Constants of the training of a segmenter.
///
/// The public code uses RMSprop with a step size of 1e-5 and adds a Dice loss; here Adam minimises
/// cross-entropy alone, which learns in minutes what that takes hours for.
public struct SegmenterOptions: Sendable, Codable, Equatable {
  /// Adam's step size at the start.
  public var learningRate = 1e-3
  /// Adam's decay of the first moment.
  public var beta1 = 0.9
  /// Adam's decay of the second moment.
  public var beta2 = 0.999
  /// Adam's ε.
  public var epsilon = 1e-8
  /// How much a pixel of each class counts; all alike if nil.
  public var classWeights: [Float]?
  /// Steps of the whole schedule.
  public var totalSteps: Int

  /// The constants for a schedule of so many steps, at least 1.
  public init(totalSteps: Int) { self.totalSteps = max(1, totalSteps) }

  /// The step size of a step: constant for half of the schedule, then linear to 0, as pix2pix has it.
  ///
  /// - Parameter step: Counted from 0.
  /// - Returns: The step size.
  public func learningRate(atStep step: Int) -> Double {
    learningRate * Pix2pixOptions.rateFactor(atStep: step, of: totalSteps)
  }
}
