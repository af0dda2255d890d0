import Foundation
public import Rasters

/// A CSV file of points: a header that names `x` and `y`, a point a line, other columns kept as they are.
public struct PointTable: Sendable, Hashable {
  /// What messages call the file.
  public let name: String
  /// The column names.
  public let header: [String]
  /// The cells of each line as they stand in the file.
  public private(set) var lines: [[String]]
  /// The points in level-0 pixels, one a line.
  public private(set) var points: [Level0Point]
  /// The line of the file that each point stands in, counted from 1.
  let lineNumbers: [Int]
  private let columnX: Int
  private let columnY: Int

  /// Reads a table.
  ///
  /// - Parameters:
  ///   - text: The file's text.
  ///   - name: What messages call the file.
  /// - Throws: ``RegistrationError/malformedTable(name:line:reason:)``.
  public init(text: String, name: String) throws(RegistrationError) {
    let rows = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    let first = rows.first.map { Self.cells(String($0)) } ?? []
    let names = first.map {
      $0.trimmingCharacters(in: Self.ornaments).lowercased()
    }
    guard let columnX = names.firstIndex(of: "x"), let columnY = names.firstIndex(of: "y") else {
      throw .malformedTable(name: name, line: 1, reason: "no columns x and y")
    }
    self.name = name
    header = first
    self.columnX = columnX
    self.columnY = columnY
    lines = []
    points = []
    var lineNumbers: [Int] = []
    for (index, row) in rows.enumerated().dropFirst()
    where row.contains(where: { !$0.isWhitespace }) {
      let cells = Self.cells(String(row))
      guard cells.count == header.count else {
        throw .malformedTable(
          name: name, line: index + 1, reason: "\(cells.count) cells under \(header.count) names")
      }
      guard let x = Self.number(cells[columnX]), let y = Self.number(cells[columnY]) else {
        throw .malformedTable(name: name, line: index + 1, reason: "x or y is no number")
      }
      lines.append(cells)
      points.append(Level0Point(x: x, y: y))
      lineNumbers.append(index + 1)
    }
    self.lineNumbers = lineNumbers
  }

  /// Moves every point; the other columns stay.
  public func mapped(_ map: (Level0Point) -> Level0Point) -> PointTable {
    var result = self
    for index in points.indices {
      let point = map(points[index])
      result.points[index] = point
      result.lines[index][columnX] = Self.text(point.x)
      result.lines[index][columnY] = Self.text(point.y)
    }
    return result
  }

  /// The file's text.
  public var text: String {
    ([header] + lines).map { $0.joined(separator: ",") + "\n" }.joined()
  }

  static let ornaments = CharacterSet(charactersIn: "\"\u{FEFF}").union(.whitespaces)

  private static func number(_ cell: String) -> Double? {
    Double(cell.trimmingCharacters(in: ornaments)).flatMap { $0.isFinite ? $0 : nil }
  }

  private static func text(_ value: Double) -> String { String(format: "%.4f", value) }

  /// Cells between commas that are not quoted.
  private static func cells(_ line: String) -> [String] {
    var cells = [""]
    var isQuoted = false
    for character in line {
      if character == "\"" { isQuoted.toggle() }
      if character == "," && !isQuoted {
        cells.append("")
      } else {
        cells[cells.count - 1].append(character)
      }
    }
    return cells
  }
}
