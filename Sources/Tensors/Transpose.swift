/// Writes `[rows, sourceStride]` as `[columns, targetStride]`, in blocks of four by four.
///
/// Eight columns at a time, so that what is written stays in few cache lines.
func transpose(
  _ source: UnsafePointer<Float>, rows: Int, columns: Int, sourceStride: Int,
  to target: UnsafeMutablePointer<Float>, targetStride: Int
) {
  let (wholeRows, wholeColumns) = (rows & ~3, columns & ~3)
  for first in stride(from: 0, to: wholeColumns, by: 8) {
    for row in stride(from: 0, to: wholeRows, by: 4) {
      for column in stride(from: first, to: min(wholeColumns, first + 8), by: 4) {
        transposeFourByFour(
          source + row * sourceStride + column, sourceStride,
          to: target + column * targetStride + row, targetStride)
      }
    }
  }
  for row in 0..<rows {
    for column in (row < wholeRows ? wholeColumns : 0)..<columns {
      target[column * targetStride + row] = source[row * sourceStride + column]
    }
  }
}

/// Four rows of four.
@inline(__always)
private func transposeFourByFour(
  _ source: UnsafePointer<Float>, _ sourceStride: Int, to target: UnsafeMutablePointer<Float>,
  _ targetStride: Int
) {
  func row(_ index: Int) -> SIMD4<Float> {
    UnsafeRawPointer(source + index * sourceStride).loadUnaligned(as: SIMD4<Float>.self)
  }
  func write(_ values: SIMD4<Float>, _ index: Int) {
    UnsafeMutableRawPointer(target + index * targetStride)
      .storeBytes(of: values, as: SIMD4<Float>.self)
  }
  let upper = SIMD8(lowHalf: row(0), highHalf: row(1))
  let lower = SIMD8(lowHalf: row(2), highHalf: row(3))
  let even = SIMD8(lowHalf: upper.evenHalf, highHalf: lower.evenHalf)
  let odd = SIMD8(lowHalf: upper.oddHalf, highHalf: lower.oddHalf)
  write(even.evenHalf, 0)
  write(odd.evenHalf, 1)
  write(even.oddHalf, 2)
  write(odd.oddHalf, 3)
}
