/// Walks JSON5 text for what Foundation's decoder does not tell: the line of every key, keys that
/// stand twice, and the first place where the text stops being JSON5.
///
/// Values are skipped, not converted; the decoder remains the one that says what a value is.
///
/// Reference: The JSON5 Data Interchange Format 1.0.0, sections 2 to 8.
struct KeyScanner {
  /// What a walk found.
  struct Findings: Equatable {
    /// The line of each key by its path, parts joined by dots.
    var lines: [String: Int] = [:]
    /// Keys that stand twice: the path, the second and the first line.
    var duplicates: [Duplicate] = []
    /// The first mistake; nil if the text is whole.
    var mistake: Mistake?
  }

  struct Duplicate: Equatable {
    let key: String
    let line: Int
    let firstLine: Int
  }

  struct Mistake: Error, Equatable {
    let line: Int
    let problem: String
  }

  private let text: [Unicode.Scalar]
  private var index = 0
  private var line = 1
  private var findings = Findings()

  /// Nesting beyond this is refused, so that a hostile file cannot exhaust the stack.
  private static let greatestDepth = 64

  private init(_ text: String) { self.text = Array(text.unicodeScalars) }

  /// Walks a text.
  static func findings(in text: String) -> Findings {
    var scanner = KeyScanner(text)
    do throws(Mistake) {
      try scanner.value(path: "", depth: 0)
      try scanner.skipSpace()
      if let extra = scanner.peek { throw scanner.mistake("\"\(extra)\" after the end") }
    } catch {
      scanner.findings.mistake = error
    }
    return scanner.findings
  }

  private var peek: Unicode.Scalar? { index < text.count ? text[index] : nil }

  private func mistake(_ problem: String) -> Mistake { Mistake(line: line, problem: problem) }

  private func unexpected(_ expected: String) -> Mistake {
    mistake(
      peek.map { "\(expected) expected, \"\($0)\" found" } ?? "\(expected) expected at the end")
  }

  private mutating func next() -> Unicode.Scalar? {
    guard let scalar = peek else { return nil }
    index += 1
    if scalar == "\n" { line += 1 }
    return scalar
  }

  private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    _ = next()
    return true
  }

  private mutating func skipSpace() throws(Mistake) {
    while let scalar = peek {
      if scalar.properties.isWhitespace || scalar == "\u{FEFF}" {
        _ = next()
      } else if scalar == "/" {
        try skipComment()
      } else {
        return
      }
    }
  }

  private mutating func skipComment() throws(Mistake) {
    let start = line
    _ = next()
    if skip("/") {
      while let scalar = peek, scalar != "\n", scalar != "\r" { _ = next() }
    } else if skip("*") {
      while true {
        guard let scalar = next() else {
          throw Mistake(line: start, problem: "a comment that does not end")
        }
        if scalar == "*", skip("/") { return }
      }
    } else {
      throw unexpected("// or /*")
    }
  }
}

extension KeyScanner {
  private mutating func value(path: String, depth: Int) throws(Mistake) {
    guard depth < Self.greatestDepth else { throw mistake("too many objects inside each other") }
    try skipSpace()
    switch peek {
    case "{": try object(path: path, depth: depth)
    case "[": try list(path: path, depth: depth)
    case "\"", "'": _ = try string()
    default: try word()
    }
  }

  private mutating func object(path: String, depth: Int) throws(Mistake) {
    _ = next()
    while true {
      try skipSpace()
      if skip("}") { return }
      let keyLine = line
      let name = try key()
      let full = path.isEmpty ? name : "\(path).\(name)"
      if let first = findings.lines[full] {
        findings.duplicates.append(Duplicate(key: full, line: keyLine, firstLine: first))
      } else {
        findings.lines[full] = keyLine
      }
      try skipSpace()
      guard skip(":") else { throw unexpected("\":\" after \(full)") }
      try value(path: full, depth: depth + 1)
      try skipSpace()
      if skip("}") { return }
      guard skip(",") else { throw unexpected("\",\" or \"}\" after \(full)") }
    }
  }

  private mutating func list(path: String, depth: Int) throws(Mistake) {
    _ = next()
    var count = 0
    while true {
      try skipSpace()
      if skip("]") { return }
      try value(path: "\(path)[\(count)]", depth: depth + 1)
      count += 1
      try skipSpace()
      if skip("]") { return }
      guard skip(",") else { throw unexpected("\",\" or \"]\"") }
    }
  }

  private mutating func key() throws(Mistake) -> String {
    if peek == "\"" || peek == "'" { return try string() }
    var name = ""
    while let scalar = peek, isPartOfName(scalar) {
      name.unicodeScalars.append(scalar)
      _ = next()
    }
    guard !name.isEmpty else { throw unexpected("a key or \"}\"") }
    return name
  }

  private mutating func string() throws(Mistake) -> String {
    let quote = next()
    var content = ""
    while let scalar = peek {
      if scalar == "\n" || scalar == "\r" { throw mistake("a text that does not end in its line") }
      _ = next()
      if scalar == quote { return content }
      if scalar == "\\" {
        // Escapes in keys are kept as written: they only serve to name and compare the key.
        if let escaped = next() { content.unicodeScalars.append(escaped) }
      } else {
        content.unicodeScalars.append(scalar)
      }
    }
    throw mistake("a text that does not end")
  }

  private mutating func word() throws(Mistake) {
    var word = ""
    while let scalar = peek, isPartOfName(scalar) || scalar == "+" || scalar == "-" || scalar == "."
    {
      word.unicodeScalars.append(scalar)
      _ = next()
    }
    if word.isEmpty { throw unexpected("a value") }
    guard ["true", "false", "null"].contains(word) || isNumber(word) else {
      throw mistake("\(word) is no value; texts need quotes")
    }
  }

  private func isPartOfName(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isAlphabetic || scalar.properties.numericType != nil || scalar == "_"
      || scalar == "$"
  }

  private func isNumber(_ word: String) -> Bool {
    var digits = word[...]
    if let sign = digits.first, sign == "+" || sign == "-" { digits = digits.dropFirst() }
    if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
      return digits.count > 2 && digits.dropFirst(2).allSatisfy(\.isHexDigit)
    }
    guard digits.first.map({ $0 == "." || $0.isWholeNumber }) ?? false else { return false }
    return Double(digits.hasSuffix(".") ? digits + "0" : digits) != nil
  }
}
