import CommandLineKit
import Foundation
import Reporting

/// What every command checks about paths before it starts work.
enum Files {
  /// Throws unless a file or folder is there.
  static func requireInput(_ path: String) throws(CommandError) {
    guard FileManager.default.fileExists(atPath: path) else { throw .missingInput(path: path) }
  }

  /// The bytes of a file.
  static func data(_ path: String) throws(CommandError) -> Data {
    try requireInput(path)
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      throw .unreadable(path: path, reason: error.systemReason)
    }
  }

  /// Throws if output is there already and may not be replaced.
  static func requireFree(_ path: String, force: Bool) throws(CommandError) {
    guard force || !FileManager.default.fileExists(atPath: path) else {
      throw .outputExists(path: path)
    }
  }

  /// Throws if the output is the input: that is never replaced, not even with `--force`.
  static func requireOther(_ input: String, _ output: String) throws(UsageError) {
    let paths = [input, output].map {
      URL(fileURLWithPath: $0).resolvingSymlinksInPath().standardizedFileURL.path
    }
    guard paths[0] != paths[1] else {
      throw .conflict(
        subject: "--output", problem: "\(output) is the input", advice: "name another file")
    }
  }

  /// Makes a folder with those above it, unless it is there.
  static func makeFolder(_ path: String) throws(CommandError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(path: path, reason: error.systemReason)
    }
  }
}
