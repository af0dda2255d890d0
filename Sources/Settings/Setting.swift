/// How a value of the configuration text gets its meaning.
public struct SettingKind<Value: Sendable>: Sendable {
  /// What to write, as the end of "give it …".
  public let expected: String
  /// The meaning; nil if the value is of the wrong type, unit or range.
  let read: @Sendable (SettingValue) -> Value?
  /// Whether the value is an object with keys of the user's choice.
  let isMap: Bool
  /// Whether keys that differ in the case of letters are one.
  let ignoresCase: Bool
  /// Turns a value before it is read, given the folder of its file; for paths.
  let locate: @Sendable (SettingValue, _ folder: String) -> SettingValue

  init(
    _ expected: String, isMap: Bool = false, ignoresCase: Bool = false,
    locate: @escaping @Sendable (SettingValue, String) -> SettingValue = { value, _ in value },
    read: @escaping @Sendable (SettingValue) -> Value?
  ) {
    self.expected = expected
    self.isMap = isMap
    self.ignoresCase = ignoresCase
    self.locate = locate
    self.read = read
  }
}

/// A key of the configuration, typed by what its value means.
///
/// Declared once in ``SettingTable``; used as the key to the value: `configuration[SettingTable.settle]`.
public struct Setting<Value: Sendable>: Sendable {
  /// The row of the table.
  public let entry: SettingEntry

  /// Describes a key.
  ///
  /// - Precondition: The default is usable.
  init(
    _ path: String, _ kind: SettingKind<Value>, default value: SettingValue, _ sentence: String
  ) {
    precondition(kind.read(value) != nil, "\(path): its default \(value) is not usable")
    entry = SettingEntry(
      path: path, sentence: sentence, defaultValue: value, expected: kind.expected,
      isMap: kind.isMap, ignoresCase: kind.ignoresCase, locate: kind.locate, read: { kind.read($0) }
    )
  }
}

/// One row of the table of settings.
public struct SettingEntry: Sendable {
  /// The key's path, parts joined by dots: `watch.settle`.
  public let path: String
  /// What it means, in one sentence.
  public let sentence: String
  /// The value that counts when no file sets it.
  public let defaultValue: SettingValue
  /// What to write, as the end of "give it …".
  public let expected: String
  /// Whether the value is an object with keys of the user's choice; files add to the default's keys.
  let isMap: Bool
  let ignoresCase: Bool
  let locate: @Sendable (SettingValue, String) -> SettingValue
  let read: @Sendable (SettingValue) -> (any Sendable)?
}
