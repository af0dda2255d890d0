public import Foundation

/// Real slides and sections beside the checkout, used when present and never committed.
public enum SharedData {
  /// The folder `../shared/data` beside the package, or the one named by `RESTAIN_TEST_DATA`.
  public static let folder: URL = {
    if let path = ProcessInfo.processInfo.environment["RESTAIN_TEST_DATA"] {
      return URL(fileURLWithPath: path, isDirectory: true)
    }
    return packageFolder.deletingLastPathComponent()
      .appendingPathComponent("shared/data", isDirectory: true)
  }()

  /// The root of the package, found from this file's own path.
  public static let packageFolder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The model that the demo runs with.
  public static let demoModel: String =
    packageFolder.appendingPathComponent("watch-config/models/ihc2he-phantom.safetensors").path

  /// Whether the real data lies beside the checkout; the condition of tests that need it.
  public static var isPresent: Bool { FileManager.default.fileExists(atPath: folder.path) }

  /// What a skipped test says.
  public static let absence: String =
    "no real data at ../shared/data (or RESTAIN_TEST_DATA); this test needs it"

  /// The file at a path relative to the data folder, such as `slides/CMU-1-Small-Region.svs`.
  public static func url(_ path: String) -> URL { folder.appendingPathComponent(path) }
}
