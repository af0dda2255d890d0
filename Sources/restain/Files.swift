import Foundation

/// What every command checks about paths before it starts work.
enum Files {
  /// Throws unless a file or folder is there.
  static func requireInput(_ path: String) throws(CommandError) {
    guard FileManager.default.fileExists(atPath: path) else { throw .missingInput(path: path) }
  }

  /// Throws if output is there already and may not be replaced.
  static func requireFree(_ path: String, force: Bool) throws(CommandError) {
    guard force || !FileManager.default.fileExists(atPath: path) else {
      throw .outputExists(path: path)
    }
  }

  /// Makes a folder with those above it, unless it is there.
  static func makeFolder(_ path: String) throws(CommandError) {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(path: path, reason: ErrorMapping.message(error))
    }
  }
}
