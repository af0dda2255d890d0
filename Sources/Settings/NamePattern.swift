/// How a file's name tells the tissue block and the stain.
public struct NamePattern: Sendable, Equatable {
  /// What a name tells.
  public struct Parts: Sendable, Equatable {
    /// The tissue block, which sections of one case share.
    public let block: String
    /// The stain as written in the name.
    public let stain: String

    /// Names a block and a stain.
    public init(block: String, stain: String) {
      self.block = block
      self.stain = stain
    }
  }

  /// The regular expression with the groups `block` and `stain`.
  public let text: String

  /// Takes a regular expression; nil if it does not compile or lacks one of the groups.
  public init?(_ text: String) {
    // Why it does not compile is of no use in one line; the caller says what is expected.
    guard (try? Regex(text)) != nil, text.contains("(?<block>"), text.contains("(?<stain>") else {
      return nil
    }
    self.text = text
  }

  /// What a file's stem tells; nil if the whole stem does not match.
  public func parts(ofStem stem: String) -> Parts? {
    // The text compiled in the initialiser; a regular expression is not Sendable and is not kept.
    guard let match = try? Regex(text).wholeMatch(in: stem),
      let block = match["block"]?.substring, let stain = match["stain"]?.substring
    else { return nil }
    return Parts(block: String(block), stain: String(stain))
  }
}
