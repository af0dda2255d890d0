#if canImport(Glibc)
import Glibc
#endif

/// What the settings say about one slide.
extension Configuration {
  /// The kind of the section that stays where it is.
  public static let fixedKind = "he"

  /// How names tell block and stain.
  public var namePattern: NamePattern? { NamePattern(self[SettingTable.pattern]) }

  /// The kind of a stain: the entry of that name in any case of letters, else that of `*`.
  ///
  /// - Parameter stain: The stain as a file's name writes it.
  /// - Returns: `he`, `ihc`, `unstained` or another word of the configuration; nil if there is
  ///   neither the name nor `*`.
  public func kind(ofStain stain: String) -> String? {
    let stains = self[SettingTable.stains]
    let name = stain.lowercased()
    // Two spellings of one name are read in a fixed order.
    let match = stains.keys.sorted().first { $0.lowercased() == name }
    return match.flatMap { stains[$0] } ?? stains["*"]
  }

  /// The model that converts a kind, as an absolute path or relative to the working folder.
  public func modelPath(ofKind kind: String) -> String? { self[SettingTable.models][kind] }

  /// The pixel size in micrometres that the configuration gives a slide without one.
  ///
  /// - Parameter path: The slide; patterns such as `*.tif` match its name without the folder, and
  ///   patterns with a slash its whole path. The longest pattern that matches counts.
  /// - Returns: Nil if no pattern matches.
  public func pixelSize(ofSlide path: String) -> Double? {
    let sizes = self[SettingTable.pixelSizes]
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return sizes.keys.filter { fnmatch($0, $0.contains("/") ? path : name, 0) == 0 }
      .max { ($0.count, $0) < ($1.count, $1) }
      .flatMap { sizes[$0] }
  }
}
