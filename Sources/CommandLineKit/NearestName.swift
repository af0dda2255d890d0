/// "Did you mean": the known name that is nearest to a mistyped one.
public enum NearestName {
  /// Edits beyond which a suggestion would be a guess.
  public static let greatestDistance = 3

  /// The known name at the smallest edit distance, the first of several equally near ones.
  ///
  /// A name is suggested when at most ``greatestDistance`` edits lead to it and more than a third of
  /// it is right, so that two-letter names do not match everything.
  ///
  /// - Parameters:
  ///   - name: What was typed.
  ///   - known: What could have been meant.
  /// - Returns: The suggestion, nil if nothing is near.
  public static func suggestion(for name: String, among known: [String]) -> String? {
    var best: (name: String, distance: Int)?
    for candidate in known {
      let distance = distance(name.lowercased(), candidate.lowercased())
      guard distance <= greatestDistance, distance * 3 < max(name.count, candidate.count) * 2
      else { continue }
      if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
  ///
  /// Reference: Damerau 1964, in the restricted form (optimal string alignment).
  ///
  /// - Complexity: The product of the lengths; keeps three rows.
  static func distance(_ first: String, _ second: String) -> Int {
    let rows = Array(first)
    let columns = Array(second)
    var beforeLast = [Int](repeating: 0, count: columns.count + 1)
    var last = Array(0...columns.count)
    for row in 0..<rows.count {
      var current = [row + 1]
      for column in 0..<columns.count {
        let replaced = last[column] + (rows[row] == columns[column] ? 0 : 1)
        var least = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, rows[row] == columns[column - 1], rows[row - 1] == columns[column] {
          least = min(least, beforeLast[column - 1] + 1)
        }
        current.append(least)
      }
      beforeLast = last
      last = current
    }
    return last[columns.count]
  }
}
