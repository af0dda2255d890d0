import CommandLineKit
import Foundation
import Glibc
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

  /// Throws if output is there already and may not be replaced, or is no file, which never may.
  static func requireFree(_ path: String, force: Bool) throws(CommandError) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw .unwritable(path: path, reason: "it is no regular file")
    }
    guard force else { throw .outputExists(path: path) }
  }

  /// Throws if the output, or what it grows in, is an input: that is never replaced, not even with
  /// `--force`.
  ///
  /// - Parameters:
  ///   - inputs: Files that are read; those that are not there yet are not compared.
  ///   - output: A file to be written.
  ///   - option: The option that names the output.
  /// - Throws: `UsageError.conflict`.
  static func requireOther(
    _ inputs: String..., output: String, option: String = "--output"
  ) throws(UsageError) {
    for input in inputs {
      for ending in unfinishedEndings where isSame(input, output + ending) {
        throw .conflict(
          subject: option, problem: "\(output + ending) is the input",
          advice: "name another file")
      }
    }
  }

  /// What stands behind a file's name while it is written, and where work is taken up again.
  private static let unfinishedEndings = ["", ".partial", ".progress", ".progress.partial"]

  /// Whether two names lead to one file, be it by links.
  private static func isSame(_ first: String, _ second: String) -> Bool {
    var (one, other) = (stat(), stat())
    return stat(first, &one) == 0 && stat(second, &other) == 0 && one.st_dev == other.st_dev
      && one.st_ino == other.st_ino
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
