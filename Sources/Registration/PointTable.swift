import Foundation
public import Rasters

/// A CSV file of points: a header that names `x` and `y`, a point a line, other columns kept as they are.
public struct PointTable: Sendable, Hashable {
  /// The column names.
  public let header: [String]
  /// The cells of each line as they stand in the file.
  public private(set) var lines: [[String]]
  /// The points in level-0 pixels, one a line.
  public private(set) var points: [Level0Point]
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
    header = first
    self.columnX = columnX
    self.columnY = columnY
    lines = []
    points = []
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
    }
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

  /// The points by the column `id`, or by the first column where its name is empty, or by the line's place.
  public var pointsByName: [String: Level0Point] {
    let names = header.map { $0.trimmingCharacters(in: Self.ornaments).lowercased() }
    let column = names.firstIndex(of: "id") ?? (names.first == "" ? 0 : nil)
    var result: [String: Level0Point] = [:]
    for (index, point) in points.enumerated() {
      let name = column.map { lines[index][$0].trimmingCharacters(in: Self.ornaments) }
      result[name ?? String(index)] = point
    }
    return result
  }

  private static let ornaments = CharacterSet(charactersIn: "\"\u{FEFF}").union(.whitespaces)

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
