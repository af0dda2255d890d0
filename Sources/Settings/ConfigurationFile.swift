import Foundation

/// Reads configuration files in JSON5 and holds them to the table of settings.
public struct ConfigurationFile: Sendable {
  /// Where the configuration of an installed service lies.
  public static let systemPath = "/etc/restain/restain.json5"

  private let suggest: @Sendable (_ name: String, _ known: [String]) -> String?

  /// Makes a reader.
  ///
  /// - Parameter suggest: The known name that a mistyped one may mean; nil if none is near.
  public init(suggest: @escaping @Sendable (_ name: String, _ known: [String]) -> String?) {
    self.suggest = suggest
  }

  /// The defaults, then a file, then the `*.json5` files of the folder `FILE.d` in order of name.
  ///
  /// - Parameter path: The file.
  /// - Returns: The settings as they count.
  /// - Throws: ``SettingsError`` for the first thing that is wrong.
  public func configuration(at path: String) throws(SettingsError) -> Configuration {
    var configuration = Configuration()
    try add(path, to: &configuration)
    let folder = path + ".d"
    // A folder that is not there adds nothing.
    guard FileManager.default.fileExists(atPath: folder) else { return configuration }
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw .unreadable(path: folder, reason: "permission or not a folder")
    }
    for name in names.sorted() where name.hasSuffix(".json5") && !name.hasPrefix(".") {
      try add("\(folder)/\(name)", to: &configuration)
    }
    return configuration
  }

  /// Takes the values of a text over those of a configuration.
  ///
  /// - Parameters:
  ///   - text: JSON5.
  ///   - path: The name of the file for messages; its folder is where relative models lie.
  ///   - configuration: What changes.
  /// - Throws: ``SettingsError`` for the first thing that is wrong.
  public func add(
    text: String, path: String, to configuration: inout Configuration
  ) throws(SettingsError) {
    let findings = KeyScanner.findings(in: text)
    if let mistake = findings.mistake {
      throw .syntax(place: SettingPlace(path: path, line: mistake.line), problem: mistake.problem)
    }
    let root = try decoded(text, path: path)
    guard case .object(let values) = root else {
      throw .syntax(place: SettingPlace(path: path, line: 1), problem: "an object { … } expected")
    }
    if let twice = findings.duplicates.first {
      throw .duplicateKey(
        place: SettingPlace(path: path, line: twice.line), key: twice.key,
        firstLine: twice.firstLine)
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    func walk(_ values: [String: SettingValue], _ prefix: String) throws(SettingsError) {
      // In the order of the text, so that the first mistake is the one reported.
      let keys = values.keys.map { (key: $0, path: prefix.isEmpty ? $0 : "\(prefix).\($0)") }
        .sorted { (findings.lines[$0.path] ?? 0, $0.key) < (findings.lines[$1.path] ?? 0, $1.key) }
      for (key, full) in keys {
        let place = SettingPlace(path: path, line: findings.lines[full])
        let value = values[key] ?? .null
        if let entry = SettingTable.entries.first(where: { $0.path == full }) {
          try configuration.set(entry, to: value, place: place, folder: folder)
        } else if Self.groups.contains(full) {
          guard case .object(let inner) = value else {
            throw .unusableValue(
              place: place, key: full, found: value.description,
              expected: "an object of settings in { }")
          }
          try walk(inner, full)
        } else {
          throw .unknownKey(place: place, key: full, suggestion: suggestion(for: full))
        }
      }
    }
    try walk(values, "")
  }

  /// The objects that hold settings: `watch`, `convert`, ….
  private static let groups = Set(
    SettingTable.entries.compactMap { entry in
      entry.path.lastIndex(of: ".").map { String(entry.path[..<$0]) }
    })

  private func add(_ path: String, to configuration: inout Configuration) throws(SettingsError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      guard FileManager.default.fileExists(atPath: path) else { throw .missingFile(path: path) }
      throw .unreadable(path: path, reason: "permission or not a file")
    }
    guard let text = String(bytes: data, encoding: .utf8) else {
      throw .unreadable(path: path, reason: "not UTF-8")
    }
    try add(text: text, path: path, to: &configuration)
  }

  private func decoded(_ text: String, path: String) throws(SettingsError) -> SettingValue {
    let decoder = JSONDecoder()
    decoder.allowsJSON5 = true
    do {
      return try decoder.decode(SettingValue.self, from: Data(text.utf8))
    } catch {
      throw .syntax(place: SettingPlace(path: path, line: nil), problem: "this is not JSON5")
    }
  }

  /// A key of the same last name elsewhere, else the nearest key by edits.
  private func suggestion(for key: String) -> String? {
    let known = SettingTable.entries.map(\.path) + Self.groups.sorted()
    let last = key.split(separator: ".").last.map(String.init) ?? key
    if let moved = known.first(where: { $0 == last || $0.hasSuffix(".\(last)") }) { return moved }
    if let near = suggest(key, known) { return near }
    let lastNames = known.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
    return suggest(last, lastNames).flatMap { name in
      known.first { $0 == name || $0.hasSuffix(".\(name)") }
    }
  }
}
