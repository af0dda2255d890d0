import Foundation

/// The files that a slide consists of.
public enum SlideFiles {
  /// The files beside the one that a slide is called by.
  ///
  /// An `.mrxs` slide keeps its pixels in the folder of the same name, a `.vms` or `.vmu` slide in the files that it
  /// names.
  ///
  /// - Parameter path: The slide.
  /// - Returns: Their paths, sorted, also of files that are named and not there; nothing for a slide of one file.
  public static func companions(of path: String) -> [String] {
    let url = URL(fileURLWithPath: path)
    switch url.pathExtension.lowercased() {
    case "mrxs":
      let folder = url.deletingPathExtension().path
      // A folder that cannot be read holds no file that could be.
      let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
      return names.sorted().map { "\(folder)/\($0)" }
    case "vms", "vmu":
      let folder = url.deletingLastPathComponent().path
      return named(inFile: path).sorted().map { "\(folder)/\($0)" }
    default: return []
    }
  }

  /// The names of files in a file of `key=value` lines.
  private static func named(inFile path: String) -> Set<String> {
    // What cannot be read names nothing.
    guard let file = FileHandle(forReadingAtPath: path),
      let data = try? file.read(upToCount: longestIndex)
    else { return [] }
    var names: Set<String> = []
    for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, fileKeys.contains(where: { parts[0].hasPrefix($0) }) else { continue }
      let name = parts[1].trimmingCharacters(in: .whitespaces)
      if !name.isEmpty, name != ".", name != "..", !name.contains("/") { names.insert(name) }
    }
    return names
  }

  /// How the keys begin whose values are files, as OpenSlide reads them.
  private static let fileKeys = ["ImageFile", "MapFile", "MacroImage", "OptimisationFile"]
  private static let longestIndex = 1 << 20

  /// The hash by which a slide is known: sizes, first and last MiB of its files, and what they are called beside
  /// the first.
  ///
  /// - Parameter path: The slide.
  /// - Returns: 64 hexadecimal digits.
  /// - Throws: What Foundation throws when the slide's own file cannot be read.
  public static func hash(of path: String) throws -> String {
    let own = try ContentHash.hexadecimal(ofFile: path, endsOnly: true)
    let companions = companions(of: path)
    guard !companions.isEmpty else { return own }
    let lines = companions.map { companion in
      // One that cannot be read is none; the slide then does not open either.
      let hash = (try? ContentHash.hexadecimal(ofFile: companion, endsOnly: true)) ?? "-"
      return "\(hash) \(URL(fileURLWithPath: companion).lastPathComponent)"
    }
    return ContentHash.hexadecimal(of: ([own] + lines).joined(separator: "\n").utf8)
  }
}
