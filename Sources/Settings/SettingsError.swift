/// What can be wrong with a configuration; every case but a missing file ends with status 78.
public enum SettingsError: Error, Equatable, Sendable {
  /// The configuration file is not there.
  case missingFile(path: String)
  /// The configuration file cannot be read.
  case unreadable(path: String, reason: String)
  /// The text is not JSON5.
  case syntax(place: SettingPlace, problem: String)
  /// A key that means nothing here.
  case unknownKey(place: SettingPlace, key: String, suggestion: String?)
  /// A key that stands twice in one object.
  case duplicateKey(place: SettingPlace, key: String, firstLine: Int)
  /// A value of the wrong type, unit or range.
  case unusableValue(place: SettingPlace, key: String, found: String, expected: String)
  /// A key that this command cannot do without.
  case missingKey(key: String, example: String)
}

/// A line of a configuration file.
public struct SettingPlace: Equatable, Sendable, CustomStringConvertible {
  /// The file as it was named.
  public let path: String
  /// The line, from 1; nil if it could not be found.
  public let line: Int?

  /// Names a line of a file.
  public init(path: String, line: Int?) {
    self.path = path
    self.line = line
  }

  /// `path:line`, as editors and compilers write it.
  public var description: String { line.map { "\(path):\($0)" } ?? path }
}

extension SettingsError: CustomStringConvertible {
  /// One line: subject: problem; next step.
  public var description: String {
    switch self {
    case .missingFile(let path):
      "\(path): no such configuration file; check the path"
    case .unreadable(let path, let reason):
      "\(path): cannot be read (\(reason)); make it a readable text file in UTF-8"
    case .syntax(let place, let problem):
      "\(place): \(problem); mend the JSON5 text there"
    case .unknownKey(let place, let key, let suggestion):
      "\(place): unknown key \(key); "
        + (suggestion.map { "did you mean \($0)?" } ?? "see restain.json5 for every key")
    case .duplicateKey(let place, let key, let firstLine):
      "\(place): \(key) stands twice, first in line \(firstLine); keep one of them"
    case .unusableValue(let place, let key, let found, let expected):
      "\(place): \(key) is \(found); give it \(expected)"
    case .missingKey(let key, let example):
      "\(key): not set in the configuration; add \(example)"
    }
  }
}
