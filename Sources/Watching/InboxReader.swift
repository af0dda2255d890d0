#if canImport(Glibc)
import Glibc
#endif
import Reporting

/// Lists the slides of the inbox; only looks, never writes.
///
/// Slides lie in the inbox itself or in a subfolder, which is a case. Files that are being written
/// elsewhere show by their names (`.x`, `~x`, `x.part`, `x.partial`, `x.tmp`) and are left alone. A
/// slide of several files, such as `.mrxs`, changes when one of them does.
public struct InboxReader: Sendable {
  /// The watched folder.
  public let inbox: String
  private let extensions: Set<String>

  /// Makes a reader.
  ///
  /// - Parameters:
  ///   - inbox: The watched folder.
  ///   - extensions: The extensions of slides, in any case of letters, with or without the dot.
  public init(inbox: String, extensions: [String]) {
    self.inbox = inbox
    self.extensions = Set(
      extensions.map { ($0.hasPrefix(".") ? String($0.dropFirst()) : $0).lowercased() })
  }

  /// What the inbox holds at one moment.
  public struct Contents: Sendable {
    /// Every slide, sorted by path.
    public var slides: [SlideSighting] = []
    /// The folders of cases that cannot be read; what they hold is not known.
    public var unreadableFolders: [String] = []
    /// What keeps slides from being found, one line each: `subject: problem; next step`.
    public var problems: [String] = []
  }

  /// What the inbox holds now.
  ///
  /// - Throws: ``WatchError/unreadableInbox(path:reason:)`` if the inbox itself cannot be read.
  public func contents() throws(WatchError) -> Contents {
    guard let listing = Self.names(in: inbox) else {
      throw .unreadableInbox(path: inbox, reason: String(cString: strerror(errno)))
    }
    var contents = Contents()
    contents.add(slides(listing.names, in: inbox, folder: nil), listing, in: inbox)
    for folder in subfolders(listing.names) {
      let path = "\(inbox)/\(folder)"
      if let listing = Self.names(in: path) {
        contents.add(slides(listing.names, in: path, folder: folder), listing, in: path)
      } else if errno != ENOENT {
        contents.unreadableFolders.append(path)
        contents.problems.append(
          "\(path): cannot be read (\(String(cString: strerror(errno)))); "
            + "give the service the right to read it")
      }
    }
    contents.slides.sort { $0.path < $1.path }
    return contents
  }

  /// The folders whose changes matter: the inbox and the cases in it.
  public func folders() -> [String] {
    [inbox] + subfolders(Self.names(in: inbox)?.names ?? []).map { "\(inbox)/\($0)" }
  }

  /// Whether a name says that the file is not whole or not meant for us.
  public static func isIgnored(_ name: String) -> Bool {
    let lower = name.lowercased()
    return name.hasPrefix(".") || name.hasPrefix("~")
      || [".part", ".partial", ".tmp"].contains { lower.hasSuffix($0) }
  }

  private func subfolders(_ names: [String]) -> [String] {
    let companions = Set(
      names.filter { $0.lowercased().hasSuffix(".mrxs") }.map { String($0.dropLast(5)) })
    return names.filter { name in
      !Self.isIgnored(name) && !companions.contains(name)
        && Self.status("\(inbox)/\(name)").map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    }
  }

  private func slides(_ names: [String], in directory: String, folder: String?) -> [SlideSighting] {
    names.compactMap { name in
      guard !Self.isIgnored(name), let dot = name.lastIndex(of: "."), dot != name.startIndex,
        extensions.contains(name[name.index(after: dot)...].lowercased())
      else { return nil }
      let path = "\(directory)/\(name)"
      return Self.signature(ofSlide: path).map {
        SlideSighting(path: path, folder: folder, signature: $0)
      }
    }
  }

  /// Sizes and times of a slide as they are now; nil if there is no such file.
  static func signature(ofSlide path: String) -> SlideSighting.Signature? {
    guard let status = status(path), status.st_mode & S_IFMT == S_IFREG else { return nil }
    return signature([status] + SlideFiles.companions(of: path).compactMap(Self.status))
  }

  private static func signature(_ statuses: [stat]) -> SlideSighting.Signature {
    SlideSighting.Signature(
      byteCount: statuses.reduce(0) { $0 + Int64($1.st_size) },
      modifiedNanoseconds: statuses.map {
        Int64($0.st_mtim.tv_sec) * 1_000_000_000 + Int64($0.st_mtim.tv_nsec)
      }.max() ?? 0,
      fileCount: statuses.count)
  }

  private static func status(_ path: String) -> stat? {
    var status = stat()
    return stat(path, &status) == 0 ? status : nil
  }

  /// The names in a folder, sorted; nil with `errno` set if it cannot be read.
  private static func names(in folder: String) -> Listing? {
    guard let directory = opendir(folder) else { return nil }
    defer { closedir(directory) }
    var listing = Listing()
    while let entry = readdir(directory) {
      withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { name in
          if let name = String(validatingCString: name) {
            if name != ".", name != ".." { listing.names.append(name) }
          } else {
            listing.undecodable.append(String(cString: name))
          }
        }
      }
    }
    listing.names.sort()
    return listing
  }

  /// The names in a folder.
  fileprivate struct Listing {
    var names: [String] = []
    /// Names that are not UTF-8, with marks in place of what cannot be read.
    var undecodable: [String] = []
  }
}

extension InboxReader.Contents {
  /// Takes what one folder holds.
  fileprivate mutating func add(
    _ found: [SlideSighting], _ listing: InboxReader.Listing, in folder: String
  ) {
    slides += found
    problems += listing.undecodable.filter { !InboxReader.isIgnored($0) }
      .map { "\(folder)/\($0): its name is not UTF-8, so it is left alone; rename it" }
  }
}
