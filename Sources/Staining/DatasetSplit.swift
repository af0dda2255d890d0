/// What tiles are for.
public enum DatasetSplit: String, Codable, Hashable, Sendable, CaseIterable {
  /// To learn from.
  case train
  /// To choose the best model by.
  case validation = "val"
  /// Never looked at while training.
  case test
}

/// How tiles are divided.
public enum SplitUnit: String, Codable, Hashable, Sendable, CaseIterable {
  /// By squares of the fixed slide.
  case square
  /// By whole cases.
  case `case`
}

/// The shares of the three splits; they sum to 1.
public struct SplitShares: Codable, Hashable, Sendable {
  /// Share of ``DatasetSplit/train``, 0…1.
  public let train: Double
  /// Share of ``DatasetSplit/validation``, 0…1.
  public let validation: Double
  /// Share of ``DatasetSplit/test``, 0…1.
  public let test: Double

  /// The shares unless others are asked for.
  public static let standard = SplitShares([0.8, 0.1, 0.1])

  /// Takes three shares in the order train, validation, test.
  ///
  /// - Precondition: ``areValid(_:)``.
  public init(_ shares: [Double]) {
    precondition(Self.areValid(shares), "shares \(shares) do not divide a whole")
    train = shares[0]
    validation = shares[1]
    test = shares[2]
  }

  /// Whether there are three shares, none negative, that sum to 1.
  public static func areValid(_ shares: [Double]) -> Bool {
    shares.count == 3 && shares.allSatisfy { $0 >= 0 } && shares[0] > 0
      && abs(shares.reduce(0, +) - 1) < 1e-6
  }

  /// The share of one split.
  public subscript(split: DatasetSplit) -> Double {
    switch split {
    case .train: train
    case .validation: validation
    case .test: test
    }
  }

  /// How many of `count` squares each split gets: the rounded share, at least one where a share is
  /// wanted and three are there; training takes the rest.
  func counts(of count: Int) -> [DatasetSplit: Int] {
    func wanted(_ share: Double) -> Int {
      share > 0 ? max(1, Int((share * Double(count)).rounded())) : 0
    }
    var counts: [DatasetSplit: Int] = [.validation: wanted(validation), .test: wanted(test)]
    func held() -> Int { counts.values.reduce(0, +) }
    while held() > max(0, count - 1) {
      let larger: DatasetSplit =
        counts[.validation, default: 0] > counts[.test, default: 0] ? .validation : .test
      counts[larger, default: 0] -= 1
    }
    counts[.train] = count - held()
    return counts
  }

  /// The split that lies furthest below its share; the first of them where several do.
  func mostWanting(tileCounts: [DatasetSplit: Int]) -> DatasetSplit {
    let total = Double(max(1, tileCounts.values.reduce(0, +)))
    var best = DatasetSplit.train
    var largest = -Double.infinity
    for split in DatasetSplit.allCases where self[split] > 0 {
      let lacking = self[split] - Double(tileCounts[split, default: 0]) / total
      if lacking > largest + 1e-12 { (best, largest) = (split, lacking) }
    }
    return best
  }
}
