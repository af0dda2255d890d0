public import Foundation
public import Rasters

/// A CSV file of points: a header that names `x` and `y`, a point a line, other columns kept as they are.
///
/// Cells stand between commas, semicolons or tabs, as in the header.
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
  private let separator: Unicode.Scalar
  private let columnX: Int
  private let columnY: Int

  /// Reads a table.
  ///
  /// - Parameters:
  ///   - data: The file's bytes, UTF-8 or with the byte order mark of UTF-16.
  ///   - name: What messages call the file.
  /// - Throws: ``RegistrationError/malformedTable(name:line:reason:)``.
  public init(data: Data, name: String) throws(RegistrationError) {
    try self.init(text: DelimitedText.text(data), name: name)
  }

  /// Reads a table.
  ///
  /// - Parameters:
  ///   - text: The file's text.
  ///   - name: What messages call the file.
  /// - Throws: ``RegistrationError/malformedTable(name:line:reason:)``.
  public init(text: String, name: String) throws(RegistrationError) {
    guard let head = Self.separators.lazy.compactMap({ Self.head(text, $0) }).first else {
      let line = DelimitedText(text, separator: ",", rowLimit: 1).rows.first?.line ?? 1
      throw .malformedTable(name: name, line: line, reason: "no columns x and y")
    }
    self.name = name
    (header, separator, columnX, columnY) = head
    lines = []
    points = []
    var lineNumbers: [Int] = []
    let table = DelimitedText(text, separator: separator)
    if let line = table.unclosedLine {
      throw .malformedTable(name: name, line: line, reason: "a quotation mark is not closed")
    }
    for row in table.rows.dropFirst() {
      let cells = row.cells
      guard cells.count == header.count else {
        throw .malformedTable(
          name: name, line: row.line, reason: "\(cells.count) cells under \(header.count) names")
      }
      guard let x = Self.number(cells[columnX]), let y = Self.number(cells[columnY]) else {
        throw .malformedTable(name: name, line: row.line, reason: "x or y is no number")
      }
      lines.append(cells)
      points.append(Level0Point(x: x, y: y))
      lineNumbers.append(row.line)
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
    ([header] + lines).map { $0.joined(separator: String(separator)) + "\n" }.joined()
  }

  static let ornaments = CharacterSet(charactersIn: "\"\u{FEFF}").union(.whitespaces)

  private static func number(_ cell: String) -> Double? {
    Double(cell.trimmingCharacters(in: ornaments))
      .flatMap { Level0Point.isPossible($0) ? $0 : nil }
  }

  private static func text(_ value: Double) -> String { String(format: "%.4f", value) }

  /// What may stand between cells.
  private static let separators: [Unicode.Scalar] = [",", ";", "\t"]

  /// The header, if it names x and y between such separators.
  private static func head(
    _ text: String, _ separator: Unicode.Scalar
  ) -> (header: [String], separator: Unicode.Scalar, columnX: Int, columnY: Int)? {
    let first = DelimitedText(text, separator: separator, rowLimit: 1).rows.first
    guard let header = first?.cells else { return nil }
    let names = header.map { $0.trimmingCharacters(in: ornaments).lowercased() }
    guard let columnX = names.firstIndex(of: "x"), let columnY = names.firstIndex(of: "y") else {
      return nil
    }
    return (header, separator, columnX, columnY)
  }
}
