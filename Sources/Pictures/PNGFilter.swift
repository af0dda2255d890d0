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
    // One loop a filter: with the choice inside, the loop would not become vector code.
    switch filter {
    case 0: difference(row, above, pixelByteCount, &result) { _, _, _ in 0 }
    case 1: difference(row, above, pixelByteCount, &result) { left, _, _ in left }
    case 2: difference(row, above, pixelByteCount, &result) { _, up, _ in up }
    case 3: difference(row, above, pixelByteCount, &result) { left, up, _ in mean(left, up) }
    default: difference(row, above, pixelByteCount, &result, paeth)
    }
  }

  @inline(__always)
  private static func difference(
    _ row: [UInt8], _ above: [UInt8], _ pixelByteCount: Int, _ result: inout [UInt8],
    _ prediction: (_ left: UInt8, _ up: UInt8, _ corner: UInt8) -> UInt8
  ) -> Int {
    var sum: Int32 = 0
    result.withUnsafeMutableBufferPointer { result in
      row.withUnsafeBufferPointer { row in
        above.withUnsafeBufferPointer { above in
          for place in 0..<result.count {
            let guess = prediction(row[place], above[place &+ pixelByteCount], above[place])
            let difference = row[place &+ pixelByteCount] &- guess
            result[place] = difference
            sum &+= Int32(Int8(bitPattern: difference).magnitude)
          }
        }
      }
    }
    return Int(sum)
  }

  @inline(__always)
  private static func prediction(
    _ filter: UInt8, left: UInt8, up: UInt8, corner: UInt8
  ) -> UInt8 {
    switch filter {
    case 0: 0
    case 1: left
    case 2: up
    case 3: mean(left, up)
    default: paeth(left, up, corner)
    }
  }

  /// The mean of two neighbours, rounded down.
  @inline(__always)
  private static func mean(_ left: UInt8, _ up: UInt8) -> UInt8 {
    UInt8(truncatingIfNeeded: (UInt16(left) &+ UInt16(up)) >> 1)
  }

  /// The neighbour nearest to left + up − corner; ties go left, then up.
  @inline(__always)
  private static func paeth(_ left: UInt8, _ up: UInt8, _ corner: UInt8) -> UInt8 {
    let upStep = Int16(up) &- Int16(corner)
    let leftStep = Int16(left) &- Int16(corner)
    let bothSteps = upStep &+ leftStep
    let toLeft = upStep < 0 ? 0 &- upStep : upStep
    let toUp = leftStep < 0 ? 0 &- leftStep : leftStep
    let toCorner = bothSteps < 0 ? 0 &- bothSteps : bothSteps
    let nearer = toUp <= toCorner ? up : corner
    return toLeft <= toUp && toLeft <= toCorner ? left : nearer
  }
}
