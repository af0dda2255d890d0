/// The settings as a file.
extension Configuration {
  /// The settings that are not the defaults as JSON5, each with a comment that says where it came from.
  ///
  /// What is read from it is what this configuration says; models are absolute paths.
  ///
  /// - Parameter keys: Paths of settings to leave out.
  /// - Returns: An object over several lines.
  public func text(omitting keys: Set<String> = []) -> String {
    var lines = ["{"]
    var group: Substring = ""
    for setting in settings where setting.origin != .builtIn && !keys.contains(setting.path) {
      let dot = setting.path.lastIndex(of: ".")
      let (own, name) =
        dot.map { (setting.path[..<$0], setting.path[setting.path.index(after: $0)...]) }
        ?? ("", setting.path[...])
      if own != group {
        if !group.isEmpty { lines.append("  },") }
        if !own.isEmpty { lines.append("  \(own): {") }
        group = own
      }
      // A comment ends with its line.
      let origin = setting.origin.description.replacing("\n", with: " ")
      let margin = own.isEmpty ? "  " : "    "
      lines.append("\(margin)\(name): \(setting.value),  // \(origin)")
    }
    if !group.isEmpty { lines.append("  },") }
    return (lines + ["}", ""]).joined(separator: "\n")
  }
}
