import Foundation

extension Losses {
  /// The label of a pixel that has none: it takes no part in ``crossEntropy(logits:labels:classWeights:)``.
  public static let unlabelled: UInt8 = 255

  /// Cross-entropy of the softmax of logits against a class a pixel: the mean of
  /// `w[t] · (log Σ exp z − z[t])` over the labelled pixels, divided by the sum of their `w[t]`.
  ///
  /// The gradient is `w[t] · (softmax(z) − [c = t]) / Σ w[t]`, 0 where a pixel has no label. As PyTorch's
  /// `cross_entropy` with `ignore_index`, but 0 instead of no number where no pixel has a label.
  ///
  /// - Parameters:
  ///   - logits: `[N, H, W, C]`.
  ///   - labels: `N · H · W` classes below C, or ``unlabelled``.
  ///   - classWeights: `w`, one a class; all 1 if nil.
  /// - Returns: The mean and its gradient.
  public static func crossEntropy(
    logits: Tensor, labels: [UInt8], classWeights: [Float]? = nil
  ) -> LossResult {
    let map = logits.map
    let classCount = map.channels
    precondition(
      labels.count == map.pixelCount
        && labels.allSatisfy { $0 == unlabelled || Int($0) < classCount },
      "\(labels.count) labels for \(map.pixelCount) pixels of \(classCount) classes")
    func weight(_ label: UInt8) -> Double { classWeights.map { Double($0[Int(label)]) } ?? 1 }
    let total = labels.reduce(0.0) { $0 + ($1 == unlabelled ? 0 : weight($1)) }
    guard total > 0 else { return LossResult(value: 0, gradient: Tensor(zeros: logits.shape)) }
    var sum = 0.0
    var gradient = Tensor(zeros: logits.shape)
    var exponentials = [Double](repeating: 0, count: classCount)
    gradient.values.withUnsafeMutableBufferPointer { slopes in
      logits.values.withUnsafeBufferPointer { values in
        for (pixel, label) in labels.enumerated() where label != unlabelled {
          let start = pixel * classCount
          var largest = values[start]
          for index in 1..<classCount { largest = max(largest, values[start + index]) }
          var rest = 0.0
          for index in 0..<classCount {
            exponentials[index] = exp(Double(values[start + index] - largest))
            rest += exponentials[index]
          }
          let weight = weight(label)
          sum += weight * (log(rest) + Double(largest - values[start + Int(label)]))
          let scale = weight / total
          for index in 0..<classCount {
            let share = exponentials[index] / rest - (index == Int(label) ? 1 : 0)
            slopes[start + index] = Float(scale * share)
          }
        }
      }
    }
    return LossResult(value: sum / total, gradient: gradient)
  }
}
