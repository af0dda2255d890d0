extension ValueKind where Value == String {
  /// Any text.
  public static func text(_ placeholder: String) -> Self {
    Self(placeholder, expected: placeholder) { $0.isEmpty ? nil : $0 }
  }

  /// The path of a file.
  public static func path(_ placeholder: String = "FILE") -> Self {
    Self(placeholder, expected: "the path of a file", completion: .file) {
      $0.isEmpty ? nil : $0
    }
  }

  /// The path of a folder.
  public static func directory(_ placeholder: String = "DIR") -> Self {
    Self(placeholder, expected: "the path of a folder", completion: .directory) {
      $0.isEmpty ? nil : $0
    }
  }
}

extension ValueKind where Value == Int {
  /// A whole number in a range.
  public static func integer(_ placeholder: String = "N", in range: ClosedRange<Int>) -> Self {
    let expected =
      range.upperBound == .max
      ? "a whole number of at least \(range.lowerBound)"
      : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    return Self(placeholder, expected: expected) { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }
}

extension ValueKind where Value == UInt64 {
  /// A seed of random numbers: any whole number from 0 on.
  public static var seed: Self {
    Self("N", expected: "a whole number of at least 0") { UInt64($0) }
  }
}

extension ValueKind where Value == Double {
  /// A number in a range; never infinite or not a number.
  ///
  /// - Parameters:
  ///   - placeholder: What stands for the value in the help, naming the unit.
  ///   - range: The numbers that are usable.
  /// - Returns: The kind.
  public static func number(_ placeholder: String, in range: ClosedRange<Double>) -> Self {
    let bounded = range.upperBound < .greatestFiniteMagnitude
    let low = range.lowerBound > -.greatestFiniteMagnitude
    let expected =
      switch (low, bounded) {
      case (true, true): "a number from \(range.lowerBound) to \(range.upperBound)"
      case (true, false): "a number of at least \(range.lowerBound)"
      case (false, true): "a number of at most \(range.upperBound)"
      case (false, false): "a number"
      }
    return Self(placeholder, expected: expected) { text in
      Double(text).flatMap { $0.isFinite && range.contains($0) ? $0 : nil }
    }
  }

  /// Any finite number, also a negative one.
  public static func number(_ placeholder: String) -> Self {
    number(placeholder, in: -Double.greatestFiniteMagnitude...Double.greatestFiniteMagnitude)
  }
}

extension ValueKind where Value == [Double] {
  /// A fixed count of numbers with commas between, such as `0.8,0.1,0.1`.
  public static func numbers(_ placeholder: String, count: Int) -> Self {
    Self(placeholder, expected: "\(count) numbers with commas between") { text in
      let numbers = text.split(separator: ",", omittingEmptySubsequences: false)
        .compactMap { Double($0) }.filter(\.isFinite)
      let parts = text.split(separator: ",", omittingEmptySubsequences: false).count
      return numbers.count == count && parts == count ? numbers : nil
    }
  }
}

extension ValueKind where Value == [Int] {
  /// Whole numbers with commas between, such as `X,Y,W,H`; any count of at least one if nil.
  public static func integers(_ placeholder: String, count: Int?) -> Self {
    let expected = (count.map { "\($0) " } ?? "") + "whole numbers with commas between"
    return Self(placeholder, expected: expected) { text in
      let parts = text.split(separator: ",", omittingEmptySubsequences: false)
      let numbers = parts.compactMap { Int($0) }
      guard numbers.count == parts.count, count ?? numbers.count == numbers.count else {
        return nil
      }
      return numbers
    }
  }
}

extension ValueKind where Value == [String] {
  /// Names with commas between; none of them empty.
  public static func names(_ placeholder: String) -> Self {
    Self(placeholder, expected: "names with commas between") { text in
      let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      return parts.contains("") ? nil : parts
    }
  }
}

extension ValueKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of the words of an enumeration.
  public static func choice(_ type: Value.Type = Value.self) -> Self {
    let words = type.allCases.map(\.rawValue)
    return Self(
      words.joined(separator: "|"), expected: words.joined(separator: " or "),
      completion: .words(words)
    ) { Value(rawValue: $0) }
  }
}
