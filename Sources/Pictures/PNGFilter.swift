/// The five row filters of PNG, which turn pixels into differences that compress better.
///
/// Reference: W3C PNG, third edition (2025), section 9; the choice is the minimum sum of absolute
/// differences of section 12.7.
enum PNGFilter {
  /// Filters every row with the filter whose differences are smallest.
  ///
  /// - Returns: A filter byte and `rowByteCount` bytes a row.
  static func apply(to values: [UInt8], rowByteCount: Int, pixelByteCount: Int) -> [UInt8] {
    let rowCount = values.count / rowByteCount
    var result = [UInt8](repeating: 0, count: (rowByteCount + 1) * rowCount)
    var candidate = [UInt8](repeating: 0, count: rowByteCount)
    // A row of zeros stands above the first; `pixelByteCount` zeros stand left of each row.
    var above = [UInt8](repeating: 0, count: rowByteCount + pixelByteCount)
    var row = above
    for index in 0..<rowCount {
      row.replaceSubrange(
        pixelByteCount..., with: values[(index * rowByteCount)..<((index + 1) * rowByteCount)])
      let start = index * (rowByteCount + 1)
      var best = Int.max
      for filter in UInt8(0)...4 {
        let sum = difference(filter, row, above, pixelByteCount, into: &candidate)
        guard sum < best else { continue }
        best = sum
        result[start] = filter
        result.replaceSubrange((start + 1)..<(start + 1 + rowByteCount), with: candidate)
      }
      swap(&row, &above)
    }
    return result
  }

  /// Restores the pixels; nil where a row names a filter that does not exist.
  static func undo(_ rows: [UInt8], rowByteCount: Int, pixelByteCount: Int) -> [UInt8]? {
    let rowCount = rows.count / (rowByteCount + 1)
    var values = [UInt8](repeating: 0, count: rowCount * rowByteCount)
    var above = [UInt8](repeating: 0, count: rowByteCount + pixelByteCount)
    var row = above
    for index in 0..<rowCount {
      let start = index * (rowByteCount + 1)
      let filter = rows[start]
      guard filter <= 4 else { return nil }
      rows.withUnsafeBufferPointer { rows in
        row.withUnsafeMutableBufferPointer { row in
          above.withUnsafeBufferPointer { above in
            for place in 0..<rowByteCount {
              let guess = prediction(
                filter, left: row[place], up: above[place + pixelByteCount], corner: above[place])
              row[place + pixelByteCount] = rows[start + 1 + place] &+ guess
            }
          }
        }
      }
      values.replaceSubrange(
        (index * rowByteCount)..<((index + 1) * rowByteCount), with: row[pixelByteCount...])
      swap(&row, &above)
    }
    return values
  }

  /// Writes a row's differences and returns the sum of their sizes, as signed bytes.
  private static func difference(
    _ filter: UInt8, _ row: [UInt8], _ above: [UInt8], _ pixelByteCount: Int,
    into result: inout [UInt8]
  ) -> Int {
    var sum = 0
    result.withUnsafeMutableBufferPointer { result in
      row.withUnsafeBufferPointer { row in
        above.withUnsafeBufferPointer { above in
          for place in 0..<result.count {
            let guess = prediction(
              filter, left: row[place], up: above[place + pixelByteCount], corner: above[place])
            let difference = row[place + pixelByteCount] &- guess
            result[place] = difference
            sum &+= Int(Int8(bitPattern: difference).magnitude)
          }
        }
      }
    }
    return sum
  }

  @inline(__always)
  private static func prediction(
    _ filter: UInt8, left: UInt8, up: UInt8, corner: UInt8
  ) -> UInt8 {
    switch filter {
    case 0: return 0
    case 1: return left
    case 2: return up
    case 3: return UInt8((UInt16(left) + UInt16(up)) / 2)
    default:
      // Paeth: the neighbour nearest to left + up − corner; ties go left, then up.
      let (left16, up16, corner16) = (Int16(left), Int16(up), Int16(corner))
      let toLeft = abs(up16 - corner16)
      let toUp = abs(left16 - corner16)
      let toCorner = abs(left16 + up16 - 2 * corner16)
      return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner
    }
  }
}
