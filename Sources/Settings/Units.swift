/// Numbers with a unit, as people write them: `"4 GiB"`, `"60 s"`, `"0.5 um"`.
///
/// The space before the unit may be left out. A unit is required, except where a caller says what a
/// bare number means.
public enum Units {
  /// Bytes: B, KiB, MiB, GiB, TiB (also K, M, G, T) by 1024; kB, MB, GB, TB by 1000.
  ///
  /// - Parameter text: A positive number and its unit.
  /// - Returns: The whole number of bytes; nil if the text is not of that form.
  public static func bytes(_ text: String) -> Int? {
    let factors: [String: Double] = [
      "B": 1, "K": 1024, "KiB": 1024, "M": 1_048_576, "MiB": 1_048_576, "G": 1_073_741_824,
      "GiB": 1_073_741_824, "T": 1_099_511_627_776, "TiB": 1_099_511_627_776,
      "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
    ]
    return value(text, factors).flatMap { $0 >= 1 && $0 < 9e15 ? Int($0.rounded()) : nil }
  }

  /// Seconds: ms, s, min (also m), h, d.
  public static func seconds(_ text: String) -> Double? {
    value(text, ["ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400])
  }

  /// Micrometres: nm, um (also µm), mm.
  public static func microns(_ text: String) -> Double? {
    value(text, ["nm": 0.001, "um": 1, "\u{B5}m": 1, "\u{3BC}m": 1, "mm": 1000])
  }

  private static func value(_ text: String, _ factors: [String: Double]) -> Double? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(number.count).drop { $0 == " " }
    guard let value = Double(number), value.isFinite, let factor = factors[String(unit)] else {
      return nil
    }
    return value * factor
  }
}
