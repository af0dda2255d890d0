public import Foundation

/// A folder of its own for one test, removed when the value goes away.
public final class TemporaryDirectory: Sendable {
  /// Where the folder is.
  public let url: URL

  /// Makes an empty folder under the system's temporary folder.
  public init() throws {
    url = FileManager.default.temporaryDirectory
      .appendingPathComponent("restain-test-\(UUID().uuidString)", isDirectory: true)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    // The folder may already be gone; nothing depends on its removal.
    try? FileManager.default.removeItem(at: url)
  }

  /// The path of a file of that name in the folder.
  public func path(_ name: String) -> String { url.appendingPathComponent(name).path }
}
