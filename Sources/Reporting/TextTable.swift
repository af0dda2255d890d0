/// Rows in columns as wide as their widest cell; the last column is not padded.
public struct TextTable: Sendable {
  /// The heading and the rows, without line ends.
  public let lines: [String]

  /// Lays out rows, each with as many cells as the heading; a cell stays on its line.
  public init(_ heading: [String], _ rows: [[String]]) {
    let all = ([heading] + rows).map { $0.map(OneLine.of) }
    let widths = heading.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    lines = all.map { row in
      let cells = zip(row, widths).map { cell, width in
        cell + String(repeating: " ", count: width - cell.count)
      }
      var line = cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
