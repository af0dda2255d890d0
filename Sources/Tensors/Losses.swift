import Foundation

/// A loss and its gradient.
public struct LossResult: Sendable {
  /// The mean over all elements.
  public let value: Double
  /// With respect to the prediction, of its shape.
  public let gradient: Tensor

  /// Joins a loss and its gradient.
  public init(value: Double, gradient: Tensor) {
    self.value = value
    self.gradient = gradient
  }
}

/// Losses averaged over all elements.
public enum Losses {
  /// Binary cross-entropy of logits against one target for all: `max(z, 0) − z·t + log(1 + e^−|z|)`.
  ///
  /// The gradient is `weight · (sigmoid(z) − t) / count`.
  ///
  /// - Parameters:
  ///   - logits: Any shape.
  ///   - target: 1 for real, 0 for generated.
  ///   - weight: Factor of the gradient; the value is without it.
  /// - Returns: The mean and its weighted gradient.
  public static func binaryCrossEntropy(
    logits: Tensor, target: Double, weight: Double = 1
  ) -> LossResult {
    var sum = 0.0
    let scale = weight / Double(logits.count)
    var gradient = Tensor(zeros: logits.shape)
    for (index, logit) in logits.values.enumerated() {
      let z = Double(logit)
      let tail = exp(-abs(z))
      sum += max(z, 0) - z * target + log1p(tail)
      let sigmoid = z >= 0 ? 1 / (1 + tail) : tail / (1 + tail)
      gradient.values[index] = Float(scale * (sigmoid - target))
    }
    return LossResult(value: sum / Double(logits.count), gradient: gradient)
  }

  /// The mean absolute difference; its gradient is `weight · sign(prediction − target) / count`.
  ///
  /// - Parameters:
  ///   - prediction: Any shape.
  ///   - target: The same shape.
  ///   - weight: Factor of the gradient; the value is without it.
  /// - Returns: The mean and its weighted gradient.
  public static func absoluteDifference(
    prediction: Tensor, target: Tensor, weight: Double = 1
  ) -> LossResult {
    precondition(
      prediction.shape == target.shape, "a prediction \(prediction.shape) of \(target.shape)")
    let step = Float(weight / Double(prediction.count))
    var sum = 0.0
    let gradient = Tensor(shape: prediction.shape) { output in
      prediction.withPointer { values in
        target.withPointer { truth in
          // Rows of 1024 in single precision would be off by 1e-5; double costs little here.
          for index in 0..<prediction.count {
            let difference = values[index] - truth[index]
            sum += Double(abs(difference))
            (output + index).initialize(
              to: difference > 0 ? step : difference < 0 ? -step : 0)
          }
        }
      }
    }
    return LossResult(value: sum / Double(prediction.count), gradient: gradient)
  }

  /// The mean squared difference; its gradient is `2 · (prediction − target) / count`.
  ///
  /// - Parameters:
  ///   - prediction: Any shape.
  ///   - target: The same shape.
  /// - Returns: The mean and its gradient.
  public static func squaredDifference(prediction: Tensor, target: Tensor) -> LossResult {
    precondition(
      prediction.shape == target.shape, "a prediction \(prediction.shape) of \(target.shape)")
    let factor = Float(2 / Double(prediction.count))
    var sum = 0.0
    let gradient = Tensor(shape: prediction.shape) { output in
      prediction.withPointer { values in
        target.withPointer { truth in
          for index in 0..<prediction.count {
            let difference = values[index] - truth[index]
            sum += Double(difference) * Double(difference)
            (output + index).initialize(to: factor * difference)
          }
        }
      }
    }
    return LossResult(value: sum / Double(prediction.count), gradient: gradient)
  }
}
