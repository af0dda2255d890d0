import Rasters

/// Reads `PhysicalSizeX` and `PhysicalSizeY` of the first `Pixels` element of an OME-XML text.
///
/// The text comes from an untrusted file: it is searched for one start tag, nothing is expanded, and
/// anything unexpected means that there is no pixel size.
///
/// Reference: OME schema 2016-06, `Pixels`, units of length; the default unit is µm.
enum OMEPixelSize {
  /// - Returns: Microns a pixel; nothing where the text is no OME-XML or states no length.
  static func read(_ text: String) -> PixelSize? {
    guard text.contains("<OME") || text.contains(":OME"),
      let attributes = startTagAttributes(of: "Pixels", in: text),
      let x = microns(attributes, "PhysicalSizeX") ?? microns(attributes, "PhysicalSizeY"),
      let y = microns(attributes, "PhysicalSizeY") ?? microns(attributes, "PhysicalSizeX")
    else { return nil }
    return PixelSize(x: x, y: y)
  }

  private static func microns(_ attributes: [Substring: Substring], _ name: Substring) -> Double? {
    guard let value = attributes[name].flatMap({ Double($0) }), value > 0, value.isFinite else {
      return nil
    }
    guard let factor = micronsInUnit(String(attributes[name + "Unit"] ?? "µm")) else { return nil }
    return value * factor
  }

  /// µ is written as U+00B5 (schema) or U+03BC (keyboards), or as a character reference.
  private static func micronsInUnit(_ unit: String) -> Double? {
    switch unit {
    case "\u{B5}m", "\u{3BC}m", "um", "&#181;m", "&#xB5;m", "&#xb5;m", "micron": 1
    case "nm": 1e-3
    case "pm": 1e-6
    case "Å": 1e-4
    case "mm": 1e3
    case "cm": 1e4
    case "dm": 1e5
    case "m": 1e6
    case "in": 25_400
    default: nil
    }
  }

  /// The attributes of the first start tag of that local name, with or without a namespace prefix.
  private static func startTagAttributes(
    of name: String, in text: String
  ) -> [Substring: Substring]? {
    var rest = text[...]
    while let open = rest.firstIndex(of: "<") {
      rest = rest[rest.index(after: open)...]
      // Nor beyond the next start: what a file repeats must not be read again for each one.
      let tag = rest.prefix { !$0.isWhitespace && $0 != ">" && $0 != "/" && $0 != "<" }
      let local = tag.split(separator: ":").last ?? tag
      guard local == name else { continue }
      return attributes(rest[tag.endIndex...])
    }
    return nil
  }

  /// Reads `name="value"` pairs up to the end of the tag.
  private static func attributes(_ text: Substring) -> [Substring: Substring] {
    var result: [Substring: Substring] = [:]
    var rest = text
    while true {
      rest = rest.drop { $0.isWhitespace }
      let name = rest.prefix { $0 != "=" && $0 != ">" && $0 != "/" && !$0.isWhitespace }
      rest = rest[name.endIndex...].drop { $0.isWhitespace }
      guard !name.isEmpty, rest.first == "=" else { return result }
      rest = rest.dropFirst().drop { $0.isWhitespace }
      guard let quote = rest.first, quote == "\"" || quote == "'" else { return result }
      rest = rest.dropFirst()
      guard let end = rest.firstIndex(of: quote) else { return result }
      result[name] = rest[..<end]
      rest = rest[rest.index(after: end)...]
    }
  }
}
