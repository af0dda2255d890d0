import Foundation

/// Lines of cells, as spreadsheets export them.
///
/// A line ends with LF, CRLF or CR. A cell that begins with a quotation mark may hold separators, line ends
/// and doubled quotation marks. Cells stand as they do in the file, with their quotation marks.
///
/// Reference: RFC 4180, section 2; CR alone and other separators go beyond it.
struct DelimitedText {
  /// A line with something in it.
  struct Row {
    /// The line of the file that it begins on, from 1.
    let line: Int
    /// What stands between the separators.
    var cells: [String]
  }

  /// The lines that are not blank, from top to bottom.
  private(set) var rows: [Row] = []
  /// The line on which a row begins whose quotation mark is never closed.
  private(set) var unclosedLine: Int?
  private var row = Row(line: 1, cells: [])
  // Scalars: a character may be a separator with an accent on it, or a whole CRLF.
  private var cell = String.UnicodeScalarView()
  private var isQuoted = false
  /// Whether the scalar before closed a quotation: another mark makes it a doubled one.
  private var wasClosed = false

  /// Takes a text apart.
  ///
  /// - Parameters:
  ///   - text: The whole file.
  ///   - separator: What stands between cells.
  ///   - rowLimit: After so many rows nothing more is read.
  init(_ text: String, separator: Unicode.Scalar, rowLimit: Int = .max) {
    var line = 1
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      let isSecondHalf = scalar == "\n" && previous == "\r"
      let endsLine = scalar == "\r" || (scalar == "\n" && !isSecondHalf)
      previous = scalar
      if endsLine { line += 1 }
      if isQuoted || !(endsLine || isSecondHalf || scalar == separator) {
        take(scalar)
      } else if scalar == separator {
        finishCell()
      } else if endsLine {
        finishRow(nextLine: line)
        if rows.count == rowLimit { return }
      }
    }
    if isQuoted { unclosedLine = row.line }
    finishRow(nextLine: line)
  }

  /// Adds to the cell; a quotation mark within one, as in 5″ of tissue, is a mark like any other.
  private mutating func take(_ scalar: Unicode.Scalar) {
    let wasQuoted = isQuoted
    if scalar == "\"" { isQuoted = !isQuoted && (wasClosed || cell.allSatisfy(Self.isBlank)) }
    wasClosed = wasQuoted && !isQuoted
    cell.append(scalar)
  }

  private mutating func finishCell() {
    row.cells.append(String(cell))
    cell = String.UnicodeScalarView()
    wasClosed = false
  }

  private mutating func finishRow(nextLine: Int) {
    let isBlank = row.cells.isEmpty && cell.allSatisfy(Self.isBlank)
    finishCell()
    if !isBlank { rows.append(row) }
    row = Row(line: nextLine, cells: [])
  }

  /// The text of a file: UTF-16 where it begins with that byte order mark, else UTF-8.
  ///
  /// - Returns: The text with its mark; bytes that are no text become replacement characters.
  static func text(_ data: Data) -> String {
    let isLittle = data.starts(with: [0xFF, 0xFE])
    guard isLittle || data.starts(with: [0xFE, 0xFF]) else {
      return String(decoding: data, as: UTF8.self)
    }
    let bytes = [UInt8](data)
    let units = stride(from: 0, to: bytes.count - 1, by: 2).map { index in
      let (first, second) = (UInt16(bytes[index]), UInt16(bytes[index + 1]))
      return isLittle ? second << 8 | first : first << 8 | second
    }
    return String(decoding: units, as: UTF16.self)
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "\u{FEFF}" || scalar.properties.isWhitespace
  }
}
