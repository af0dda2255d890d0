/// Numbers as people read them.
public enum HumanText {
  /// Two or three digits that matter: `0.42`, `3.1`, `512`.
  public static func number(_ value: Double) -> String {
    guard value.isFinite else { return "?" }
    switch abs(value) {
    case ..<1: return fixed(value, decimals: 2)
    case ..<100: return fixed(value, decimals: 1)
    default: return fixed(value, decimals: 0)
    }
  }

  /// Bytes in binary units: `1.9 GiB`.
  public static func bytes(_ count: Int) -> String {
    var value = Double(count)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if value < 1024 { return unit == "B" ? "\(count) B" : "\(number(value)) \(unit)" }
      value /= 1024
    }
    return "\(number(value)) TiB"
  }

  /// A duration in its one or two largest units: `45 s`, `4 min`, `2 h 10 min`, `3 days 5 h`.
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    if whole < 90 { return "\(whole) s" }
    let minutes = Int((seconds / 60).rounded())
    if minutes < 90 { return "\(minutes) min" }
    if minutes < 48 * 60 {
      return "\(minutes / 60) h" + (minutes % 60 == 0 ? "" : " \(minutes % 60) min")
    }
    let hours = (minutes + 30) / 60
    return "\(hours / 24) days" + (hours % 24 == 0 ? "" : " \(hours % 24) h")
  }

  /// A number with a fixed count of decimals, rounded half away from zero; no exponent.
  public static func fixed(_ value: Double, decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (abs(value) * scale).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let digits = String(Int(scaled))
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return sign + digits }
    let padded = String(repeating: "0", count: max(0, decimals + 1 - digits.count)) + digits
    return sign + padded.dropLast(decimals) + "." + padded.suffix(decimals)
  }
}
