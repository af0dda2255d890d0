/// A slide as it lies in the inbox at one moment, with the files that belong to it.
public struct SlideSighting: Sendable, Equatable {
  /// The file that is opened.
  public let path: String
  /// The subfolder of the inbox that it lies in; nil directly in the inbox.
  public let folder: String?
  /// What must stay the same while the slide settles.
  public let signature: Signature

  /// Sizes and times of a slide and the files that belong to it.
  public struct Signature: Sendable, Equatable, Codable {
    /// The sum of the sizes, in bytes.
    public let byteCount: Int64
    /// The latest time of modification, in nanoseconds since 1970.
    public let modifiedNanoseconds: Int64
    /// How many files there are.
    public let fileCount: Int

    /// Describes a slide's files.
    public init(byteCount: Int64, modifiedNanoseconds: Int64, fileCount: Int) {
      self.byteCount = byteCount
      self.modifiedNanoseconds = modifiedNanoseconds
      self.fileCount = fileCount
    }

    private enum CodingKeys: String, CodingKey {
      case byteCount = "byte_count"
      case modifiedNanoseconds = "modified_nanoseconds"
      case fileCount = "file_count"
    }
  }

  /// Describes a sighting.
  public init(path: String, folder: String?, signature: Signature) {
    self.path = path
    self.folder = folder
    self.signature = signature
  }

  /// The file's name without folder and extension.
  public var stem: String {
    let name = path.split(separator: "/").last ?? ""
    return String(name.lastIndex(of: ".").map { name[..<$0] } ?? name)
  }
}
