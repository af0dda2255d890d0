import Foundation

/// How decided and how different a network finds pictures: `exp(mean KL(p(y|x) ‖ mean p(y|x)))`.
///
/// Reference: Salimans et al. 2016, arXiv:1606.03498, section 4; ten splits after a shuffle and logits without
/// the head's offsets as in github.com/toshas/torch-fidelity, torch_fidelity/metric_isc.py, whose shuffle is
/// another.
public struct InceptionScore: Hashable, Sendable {
  /// The mean over splits, at least 1.
  public let mean: Double
  /// The standard deviation over splits.
  public let deviation: Double

  /// Parts that the pictures are split into.
  public static let splitCount = 10

  /// Scores pictures.
  ///
  /// - Parameters:
  ///   - logits: One row a picture, without the head's offsets; at least one row.
  ///   - splitCount: Parts that are scored one by one; no more than pictures are.
  ///   - seed: Decides which picture falls into which part.
  public init(logits: FeatureTable, splitCount: Int = splitCount, seed: UInt64) {
    let count = logits.count
    precondition(count > 0 && splitCount > 0, "\(count) pictures in \(splitCount) splits")
    let order = FeatureTable.order(count, seed: seed)
    let splits = min(splitCount, count)
    let scores = (0..<splits).map { split in
      Self.score(
        order[split * count / splits..<(split + 1) * count / splits].map {
          Self.logarithms(logits[$0])
        })
    }
    let mean = scores.reduce(0, +) / Double(splits)
    self.mean = mean
    let squares = scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    deviation = (squares / Double(splits)).squareRoot()
  }

  /// The logarithms of the classes' probabilities, `logits − log Σ exp(logits)`.
  private static func logarithms(_ logits: ArraySlice<Float>) -> [Double] {
    let largest = Double(logits.max() ?? 0)
    let norm = largest + log(logits.reduce(0.0) { $0 + exp(Double($1) - largest) })
    return logits.map { Double($0) - norm }
  }

  private static func score(_ pictures: [[Double]]) -> Double {
    let count = Double(pictures.count)
    var mean = [Double](repeating: 0, count: pictures.first?.count ?? 0)
    for picture in pictures {
      for (index, value) in picture.enumerated() { mean[index] += exp(value) / count }
    }
    let logarithms = mean.map { log($0) }
    let divergence = pictures.reduce(0.0) { sum, picture in
      sum
        + zip(picture, logarithms).reduce(0.0) { part, pair in
          let probability = exp(pair.0)
          // 0 · log 0 is 0.
          return probability > 0 ? part + probability * (pair.0 - pair.1) : part
        }
    }
    return exp(divergence / count)
  }
}
