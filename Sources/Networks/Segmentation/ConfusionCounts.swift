/// How often each class was meant, found, and both, over pixels.
///
/// `F1_c = 2 TP / (2 TP + FP + FN)`, where `2 TP + FP + FN` is the pixels that have the class in either picture,
/// each counted in both.
public struct ConfusionCounts: Sendable, Hashable {
  /// Pixels of a class in both pictures: TP, one number a class.
  public private(set) var shared: [Int]
  /// Pixels of a class in the true picture: TP + FN.
  public private(set) var real: [Int]
  /// Pixels of a class in the other: TP + FP.
  public private(set) var found: [Int]

  /// Counts nothing yet.
  public init(classCount: Int) {
    shared = [Int](repeating: 0, count: classCount)
    real = shared
    found = shared
  }

  /// Takes counts.
  ///
  /// - Precondition: All three have one number a class.
  public init(shared: [Int], real: [Int], found: [Int]) {
    precondition(
      shared.count == real.count && real.count == found.count,
      "\(shared.count), \(real.count) and \(found.count) classes")
    self.shared = shared
    self.real = real
    self.found = found
  }

  /// Counts a pixel.
  public mutating func add(real label: Int, found other: Int) {
    real[label] += 1
    found[other] += 1
    if label == other { shared[label] += 1 }
  }

  /// Adds other counts of the same classes.
  public mutating func add(_ other: ConfusionCounts) {
    for index in shared.indices {
      shared[index] += other.shared[index]
      real[index] += other.real[index]
      found[index] += other.found[index]
    }
  }

  /// Pixels counted.
  public var pixelCount: Int { real.reduce(0, +) }

  /// F1 of a class; nothing where neither picture has it.
  public func score(_ index: Int) -> Double? {
    let pixels = real[index] + found[index]
    return pixels > 0 ? 2 * Double(shared[index]) / Double(pixels) : nil
  }

  /// The mean of F1 over the classes that the true picture has; no number where it has none.
  public var macro: Double {
    let scores = real.indices.filter { real[$0] > 0 }.compactMap(score)
    return scores.isEmpty ? .nan : scores.reduce(0, +) / Double(scores.count)
  }

  /// F1 over all pixels together: the share of pixels with the right class.
  public var micro: Double { Double(shared.reduce(0, +)) / Double(pixelCount) }

  /// The mean of F1 weighted by the pixels of each class in the true picture.
  public var weighted: Double {
    real.indices.reduce(0.0) { $0 + Double(real[$1]) * (score($1) ?? 0) } / Double(pixelCount)
  }
}
