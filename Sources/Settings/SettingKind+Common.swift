extension SettingKind where Value == String {
  /// A text that is not empty.
  static var text: Self {
    Self("a text in quotes") { value in
      guard case .text(let text) = value, !text.isEmpty else { return nil }
      return text
    }
  }

  /// A regular expression with the named groups `block` and `stain`.
  static var namePattern: Self {
    Self("a regular expression with the groups (?<block>…) and (?<stain>…)") { value in
      guard case .text(let text) = value, NamePattern(text) != nil else { return nil }
      return text
    }
  }

  /// One of several words.
  static func word(_ words: [String]) -> Self {
    Self(words.map { "\"\($0)\"" }.joined(separator: " or ")) { value in
      guard case .text(let text) = value, words.contains(text) else { return nil }
      return text
    }
  }
}

extension SettingKind where Value == Bool {
  /// `true` or `false`.
  static var boolean: Self {
    Self("true or false") { value in
      guard case .boolean(let flag) = value else { return nil }
      return flag
    }
  }
}

extension SettingKind where Value == Int {
  /// A whole number in a range.
  static func integer(in range: ClosedRange<Int>) -> Self {
    Self("a whole number from \(range.lowerBound) to \(range.upperBound)") { value in
      guard case .number(let number) = value, number == number.rounded(),
        Double(range.lowerBound)...Double(range.upperBound) ~= number
      else { return nil }
      return Int(number)
    }
  }

  /// A count of bytes with its unit.
  static var bytes: Self {
    Self("a size with its unit, such as \"4 GiB\"") { value in
      guard case .text(let text) = value else { return nil }
      return Units.bytes(text)
    }
  }
}

extension SettingKind where Value == Double {
  /// A duration with its unit, in seconds.
  static var seconds: Self {
    Self("a time with its unit, such as \"60 s\" or \"10 min\"") { value in
      guard case .text(let text) = value else { return nil }
      return Units.seconds(text)
    }
  }

  /// A duration that is not so short that nothing would get done.
  static func seconds(atLeast least: Double) -> Self {
    Self("a time of at least \(least) s with its unit, such as \"60 s\" or \"10 min\"") { value in
      seconds.read(value).flatMap { $0 >= least ? $0 : nil }
    }
  }
}

extension SettingKind where Value == [String] {
  /// A list of texts that are not empty.
  static var texts: Self {
    Self("a list of texts, such as [\"svs\", \"tif\"]") { value in
      guard case .list(let values) = value else { return nil }
      let texts = values.compactMap { SettingKind<String>.text.read($0) }
      return texts.count == values.count ? texts : nil
    }
  }
}

extension SettingKind where Value == [String: String] {
  /// An object whose values are words of lower-case letters, such as the kinds of stain.
  static var words: Self {
    Self(
      "an object of kinds, such as { \"HE\": \"he\", \"*\": \"ihc\" }", isMap: true,
      ignoresCase: true
    ) { value in
      dictionary(value) { text in
        !text.isEmpty && text.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" }
      }
    }
  }

  /// An object whose values are paths, relative to the folder of the file that they stand in.
  static var paths: Self {
    Self(
      "an object of paths, such as { ihc: \"models/ihc.safetensors\" }", isMap: true,
      locate: { value, folder in
        guard case .object(let values) = value else { return value }
        return .object(
          values.mapValues { path in
            guard case .text(let text) = path, !text.hasPrefix("/"), !text.isEmpty else {
              return path
            }
            return .text(folder.hasSuffix("/") ? folder + text : "\(folder)/\(text)")
          })
      },
      read: { dictionary($0) { !$0.isEmpty } })
  }

  private static func dictionary(
    _ value: SettingValue, _ isUsable: (String) -> Bool
  ) -> [String: String]? {
    guard case .object(let values) = value else { return nil }
    var result: [String: String] = [:]
    for (key, value) in values {
      guard case .text(let text) = value, isUsable(text) else { return nil }
      result[key] = text
    }
    return result
  }
}

extension SettingKind where Value == [String: Double] {
  /// Microns a pixel that a slide can have: `PixelSize.plausibleMicrons`.
  private static var plausibleMicrons: ClosedRange<Double> { 0.05...20 }

  /// An object of pixel sizes in micrometres: numbers, or texts with a unit of length.
  static var pixelSizes: Self {
    Self(
      "an object of pixel sizes from 0.05 to 20 um, such as { \"*.tif\": \"0.5 um\" }", isMap: true
    ) { value in
      guard case .object(let values) = value else { return nil }
      var result: [String: Double] = [:]
      for (key, value) in values {
        let microns: Double? =
          switch value {
          case .number(let number): number
          case .text(let text): Units.microns(text)
          default: nil
          }
        guard let microns, plausibleMicrons.contains(microns) else { return nil }
        result[key] = microns
      }
      return result
    }
  }
}

extension SettingKind {
  /// A value that may be `null`, which means what the key's sentence says.
  static func orNull<Wrapped>(_ kind: SettingKind<Wrapped>) -> Self where Value == Wrapped? {
    Self("\(kind.expected), or null") { value in
      if value == .null { return .some(.none) }
      return kind.read(value).map { .some($0) }
    }
  }
}
