/// Text that stays on its line, whatever a file is called.
public enum OneLine {
  /// A text with a space in place of everything that a terminal or a spreadsheet does not show as a letter: line
  /// ends, tabs, escapes.
  ///
  /// - Parameter text: The text.
  /// - Returns: The text itself where it is plain.
  public static func of(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
  }

  /// Whether a scalar is a control character, or ends a line or a paragraph.
  public static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
