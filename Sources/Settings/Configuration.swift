/// Every setting with its value and where the value came from.
public struct Configuration: Sendable {
  /// Where a value came from.
  public enum Origin: Sendable, Equatable, CustomStringConvertible {
    /// The table of defaults.
    case builtIn
    /// A line of a file.
    case file(SettingPlace)
    /// An option of the command line.
    case commandLine(option: String)

    /// As `check-config` and manifests write it.
    public var description: String {
      switch self {
      case .builtIn: "default"
      case .file(let place): place.description
      case .commandLine(let option): "command line, \(option)"
      }
    }
  }

  /// A setting as it counts.
  public struct Resolved: Sendable {
    /// The key's path.
    public let path: String
    /// The value as JSON5.
    public let value: SettingValue
    /// Where it came from.
    public let origin: Origin
    let meaning: any Sendable
  }

  private var resolved: [String: Resolved]

  /// The defaults alone.
  public init() {
    resolved = [:]
    for entry in SettingTable.entries {
      guard let meaning = entry.read(entry.defaultValue) else {
        preconditionFailure("\(entry.path): its default \(entry.defaultValue) is not usable")
      }
      resolved[entry.path] = Resolved(
        path: entry.path, value: entry.defaultValue, origin: .builtIn, meaning: meaning)
    }
  }

  /// The meaning of a setting.
  public subscript<Value>(setting: Setting<Value>) -> Value {
    guard let value = resolved[setting.entry.path]?.meaning as? Value else {
      preconditionFailure("\(setting.entry.path) is not in the table of settings")
    }
    return value
  }

  /// Where a setting came from.
  public func origin<Value>(of setting: Setting<Value>) -> Origin {
    resolved[setting.entry.path]?.origin ?? .builtIn
  }

  /// Every setting as it counts, in the order of the table.
  public var settings: [Resolved] { SettingTable.entries.compactMap { resolved[$0.path] } }

  /// Replaces a value, as an option of the command line does.
  ///
  /// - Parameters:
  ///   - setting: The key.
  ///   - value: What the option says.
  ///   - option: The option's name with its dashes.
  /// - Throws: ``SettingsError/unusableValue(place:key:found:expected:)`` if the key cannot take it.
  public mutating func override<Value>(
    _ setting: Setting<Value>, with value: SettingValue, option: String
  ) throws(SettingsError) {
    guard let meaning = setting.entry.read(value) else {
      throw .unusableValue(
        place: SettingPlace(path: option, line: nil), key: setting.entry.path,
        found: value.description, expected: setting.entry.expected)
    }
    resolved[setting.entry.path] = Resolved(
      path: setting.entry.path, value: value, origin: .commandLine(option: option),
      meaning: meaning)
  }

  /// Takes a value from a file; maps add to what is there.
  mutating func set(
    _ entry: SettingEntry, to value: SettingValue, place: SettingPlace, folder: String
  ) throws(SettingsError) {
    // Checked as written, so that the message shows what the user wrote.
    guard entry.read(value) != nil else {
      throw .unusableValue(
        place: place, key: entry.path, found: value.description, expected: entry.expected)
    }
    var merged = entry.locate(value, folder)
    if entry.isMap, case .object(let old)? = resolved[entry.path]?.value,
      case .object(let new) = merged
    {
      // Two spellings of one name would leave it to chance which of them counts.
      let names = Set(new.keys.map { $0.lowercased() })
      let kept =
        entry.ignoresCase ? old.filter { !names.contains($0.key.lowercased()) } : old
      merged = .object(kept.merging(new) { $1 })
    }
    guard let meaning = entry.read(merged) else {
      throw .unusableValue(
        place: place, key: entry.path, found: merged.description, expected: entry.expected)
    }
    resolved[entry.path] = Resolved(
      path: entry.path, value: merged, origin: .file(place), meaning: meaning)
  }

  /// The settings that differ, one line each: `watch.settle: "60 s" → "5 s"`.
  public func changes(to other: Self) -> [String] {
    zip(settings, other.settings).filter { $0.value != $1.value }
      .map { "\($0.path): \($0.value) \u{2192} \($1.value)" }
  }
}
