public import Foundation

/// Values as JSON text, the same bytes for the same value.
public enum JSONText {
  /// One line with sorted keys and its end; dates are RFC 3339.
  ///
  /// - Parameter value: Encodes as an object; numbers are finite.
  /// - Returns: The line.
  /// - Throws: `EncodingError` if a number is not finite.
  public static func line(_ value: some Encodable) throws -> String {
    String(decoding: try encoder([]).encode(value), as: UTF8.self) + "\n"
  }

  /// Several indented lines with sorted keys, for files that people read.
  public static func document(_ value: some Encodable) throws -> Data {
    try encoder(.prettyPrinted).encode(value) + Data("\n".utf8)
  }

  private static func encoder(_ more: JSONEncoder.OutputFormatting) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = more.union([.sortedKeys, .withoutEscapingSlashes])
    encoder.dateEncodingStrategy = .iso8601
    return encoder
  }
}
