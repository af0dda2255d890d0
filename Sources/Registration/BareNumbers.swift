import Foundation

/// The words for numbers that JSON does not have and that some writers put into it all the same.
///
/// QuPath wrote measurements so (qupath/qupath#1296), and Python's `json.dump` does.
enum BareNumbers {
  private static let words = ["NaN", "Infinity", "-Infinity"].map { Array($0.utf8) }
  private static let quotationMark = UInt8(ascii: "\"")
  private static let backslash = UInt8(ascii: "\\")

  /// The same text with those words in quotation marks where they stand outside of strings.
  ///
  /// - Parameter data: JSON in UTF-8; in another encoding there is nothing to find.
  /// - Returns: `data` itself where there is none of the words.
  /// - Complexity: One pass.
  static func quoted(_ data: Data) -> Data {
    let places = data.withUnsafeBytes { bytes in Self.places(bytes) }
    guard !places.isEmpty else { return data }
    var result = Data(capacity: data.count + 2 * places.count)
    var end = data.startIndex
    for place in places {
      let range = data.startIndex + place.lowerBound..<data.startIndex + place.upperBound
      result.append(data[end..<range.lowerBound])
      result.append(quotationMark)
      result.append(data[range])
      result.append(quotationMark)
      end = range.upperBound
    }
    result.append(data[end...])
    return result
  }

  private static func places(_ bytes: UnsafeRawBufferPointer) -> [Range<Int>] {
    var places: [Range<Int>] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == quotationMark {
        index = endOfString(bytes, from: index)
      } else if isOfWord(bytes[index]) {
        let start = index
        while index < bytes.count, isOfWord(bytes[index]) { index += 1 }
        if words.contains(where: { $0.elementsEqual(bytes[start..<index]) }) {
          places.append(start..<index)
        }
      } else {
        index += 1
      }
    }
    return places
  }

  /// The place after the string that begins at `start`.
  private static func endOfString(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var index = start + 1
    while index < bytes.count, bytes[index] != quotationMark {
      index += bytes[index] == backslash ? 2 : 1
    }
    return min(index + 1, bytes.count)
  }

  /// Whether a byte may belong to a number or a word, so that `NaNs` and `1-Infinity` are none of the words.
  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"),
      UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
