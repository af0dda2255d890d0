import Foundation

/// A program of the system that tests use as an independent witness, when it is installed.
public struct Tool: Sendable {
  /// The program's name.
  public let name: String

  /// Names a program on the path.
  public init(_ name: String) { self.name = name }

  /// libvips' command line (Debian: libvips-tools).
  public static let vips = Tool("vips")

  /// libtiff's listing of directories (Debian: libtiff-tools).
  public static let tiffinfo = Tool("tiffinfo")
  /// libtiff's listing of fields (Debian: libtiff-tools).
  public static let tiffdump = Tool("tiffdump")
  /// OpenSlide's listing of properties (Debian: openslide-tools).
  public static let openslideProperties = Tool("openslide-show-properties")

  /// What a failed run left.
  public struct Failure: Error {
    /// The command and what it printed.
    public let message: String
  }

  /// Where the program is, if it is installed.
  public var path: String? {
    let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
    return folders.map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Whether the program is installed.
  public var isPresent: Bool { path != nil }

  /// What a skipped test says.
  public var absence: String { "\(name) is not installed; this test needs it" }

  /// Runs the program to its end.
  ///
  /// - Returns: What it printed on its output and on its error output.
  /// - Throws: ``Failure`` where it ends with another status than 0.
  @discardableResult
  public func run(_ arguments: [String]) throws -> (output: String, diagnostics: String) {
    guard let path else { throw Failure(message: absence) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let folder = try TemporaryDirectory()
    // Files in place of pipes: no output is too long for them, and none can block the program.
    let names = ["output", "diagnostics"]
    for name in names {
      _ = FileManager.default.createFile(atPath: folder.path(name), contents: nil)
    }
    process.standardOutput = try FileHandle(
      forWritingTo: folder.url.appendingPathComponent(names[0]))
    process.standardError = try FileHandle(
      forWritingTo: folder.url.appendingPathComponent(names[1]))
    try process.run()
    process.waitUntilExit()
    let texts = try names.map {
      String(decoding: try Data(contentsOf: folder.url.appendingPathComponent($0)), as: UTF8.self)
    }
    guard process.terminationStatus == 0 else {
      throw Failure(message: "\(name) \(arguments.joined(separator: " ")): \(texts[0])\(texts[1])")
    }
    return (texts[0], texts[1])
  }
}
