/// The name of a tile's picture: `<case>_<x>_<y>.png`.
public struct TileName: Hashable, Sendable {
  /// The case.
  public let caseName: String
  /// First column in the fixed frame, in pixels of the data set.
  public let x: Int
  /// First row.
  public let y: Int

  /// Makes a name.
  public init(caseName: String, x: Int, y: Int) {
    self.caseName = caseName
    self.x = x
    self.y = y
  }

  /// Reads a name; nothing where the text is none.
  public init?(_ text: String) {
    guard text.hasSuffix(".png") else { return nil }
    let parts = text.dropLast(4).split(separator: "_", omittingEmptySubsequences: false)
    guard parts.count >= 3, let x = Int(parts[parts.count - 2]), let y = Int(parts[parts.count - 1])
    else { return nil }
    self.init(caseName: parts.dropLast(2).joined(separator: "_"), x: x, y: y)
  }

  /// The file's name.
  public var text: String { "\(caseName)_\(x)_\(y).png" }
}
