/// One vector read from memory of any alignment.
@inline(__always)
func load(_ source: UnsafePointer<Float>) -> Vector {
  UnsafeRawPointer(source).loadUnaligned(as: Vector.self)
}

/// The first `count` lanes read from memory, the rest 0; `count` above the width reads all.
@inline(__always)
func load(_ source: UnsafePointer<Float>, first count: Int) -> Vector {
  if count >= Vector.scalarCount { return load(source) }
  var result = Vector()
  var lane = 0
  while lane < count {
    result[lane] = source[lane]
    lane += 1
  }
  return result
}

/// Writes the first `count` lanes; `count` above the width writes all.
@inline(__always)
func store(_ value: Vector, _ target: UnsafeMutablePointer<Float>, first count: Int) {
  if count >= Vector.scalarCount {
    UnsafeMutableRawPointer(target).storeBytes(of: value, as: Vector.self)
    return
  }
  var lane = 0
  while lane < count {
    target[lane] = value[lane]
    lane += 1
  }
}

/// Multiplies rows gathered by pointer with one packed panel of columns.
///
/// `outputs[i][outputOffset + j] = start[j] + Σₛ Σₖ rows[i][rowOffset + s · segmentStride + k] ·
/// panel[s · segmentLength + k][j]`, where the start is the value already in the output when
/// `accumulates`, else `initial`, else 0. Terms are added in the order of `s`, then `k`, whatever the
/// position of the row, so a row's result does not depend on its neighbours.
///
/// - Parameters:
///   - rowCount: How many rows and outputs there are.
///   - rows: Where each row of the left factor starts; rows may overlap.
///   - rowOffset: Elements added to every row's start.
///   - segmentCount: How many contiguous pieces a row has.
///   - segmentLength: Elements in a piece.
///   - segmentStride: Elements from the start of a piece to the start of the next.
///   - panel: `[segmentCount · segmentLength, width]`; the width is one vector for up to one vector
///     of columns, else two; unused columns are 0.
///   - columnCount: Columns in use, at most two vectors.
///   - initial: `[width]`, such as the bias; nil for 0.
///   - accumulates: Whether to add to what the outputs hold.
///   - outputs: Where each row of the result starts.
///   - outputOffset: Elements added to every output's start.
@inline(never)
public func multiplyPanel(
  rowCount: Int, rows: UnsafePointer<UnsafePointer<Float>>, rowOffset: Int,
  segmentCount: Int, segmentLength: Int, segmentStride: Int,
  panel: UnsafePointer<Float>, columnCount: Int,
  initial: UnsafePointer<Float>?, accumulates: Bool,
  outputs: UnsafePointer<UnsafeMutablePointer<Float>>, outputOffset: Int
) {
  if columnCount > Vector.scalarCount {
    multiplyWidePanel(
      rowCount, rows, rowOffset, segmentCount, segmentLength, segmentStride, panel, columnCount,
      initial, accumulates, outputs, outputOffset)
  } else {
    multiplyNarrowPanel(
      rowCount, rows, rowOffset, segmentCount, segmentLength, segmentStride, panel, columnCount,
      initial, accumulates, outputs, outputOffset)
  }
}

/// Six rows by two vectors: twelve sums hide the latency of the multiply-add.
@inline(never)
private func multiplyWidePanel(
  _ rowCount: Int, _ rows: UnsafePointer<UnsafePointer<Float>>, _ rowOffset: Int,
  _ segmentCount: Int, _ segmentLength: Int, _ segmentStride: Int,
  _ panel: UnsafePointer<Float>, _ columnCount: Int,
  _ initial: UnsafePointer<Float>?, _ accumulates: Bool,
  _ outputs: UnsafePointer<UnsafeMutablePointer<Float>>, _ outputOffset: Int
) {
  let width = Vector.scalarCount
  let rest = columnCount - width
  let last = rowCount - 1
  var first = 0
  while first < rowCount {
    // Rows past the end repeat the last one: the same value is written twice.
    let output0 = outputs[first] + outputOffset
    let output1 = outputs[min(first + 1, last)] + outputOffset
    let output2 = outputs[min(first + 2, last)] + outputOffset
    let output3 = outputs[min(first + 3, last)] + outputOffset
    let output4 = outputs[min(first + 4, last)] + outputOffset
    let output5 = outputs[min(first + 5, last)] + outputOffset
    var sum0 = Vector(), tail0 = Vector()
    var sum1 = Vector(), tail1 = Vector()
    var sum2 = Vector(), tail2 = Vector()
    var sum3 = Vector(), tail3 = Vector()
    var sum4 = Vector(), tail4 = Vector()
    var sum5 = Vector(), tail5 = Vector()
    if accumulates {
      sum0 = load(output0)
      tail0 = load(output0 + width, first: rest)
      sum1 = load(output1)
      tail1 = load(output1 + width, first: rest)
      sum2 = load(output2)
      tail2 = load(output2 + width, first: rest)
      sum3 = load(output3)
      tail3 = load(output3 + width, first: rest)
      sum4 = load(output4)
      tail4 = load(output4 + width, first: rest)
      sum5 = load(output5)
      tail5 = load(output5 + width, first: rest)
    } else if let initial {
      let start = load(initial), startTail = load(initial + width)
      sum0 = start
      tail0 = startTail
      sum1 = start
      tail1 = startTail
      sum2 = start
      tail2 = startTail
      sum3 = start
      tail3 = startTail
      sum4 = start
      tail4 = startTail
      sum5 = start
      tail5 = startTail
    }
    var row0 = rows[first] + rowOffset
    var row1 = rows[min(first + 1, last)] + rowOffset
    var row2 = rows[min(first + 2, last)] + rowOffset
    var row3 = rows[min(first + 3, last)] + rowOffset
    var row4 = rows[min(first + 4, last)] + rowOffset
    var row5 = rows[min(first + 5, last)] + rowOffset
    var column = UnsafeRawPointer(panel)
    var segment = 0
    while segment < segmentCount {
      var k = 0
      while k < segmentLength {
        let left = column.load(as: Vector.self)
        let right = column.load(fromByteOffset: 4 * width, as: Vector.self)
        column += 8 * width
        let factor0 = Vector(repeating: row0[k])
        sum0 = multiplyAdd(sum0, factor0, left)
        tail0 = multiplyAdd(tail0, factor0, right)
        let factor1 = Vector(repeating: row1[k])
        sum1 = multiplyAdd(sum1, factor1, left)
        tail1 = multiplyAdd(tail1, factor1, right)
        let factor2 = Vector(repeating: row2[k])
        sum2 = multiplyAdd(sum2, factor2, left)
        tail2 = multiplyAdd(tail2, factor2, right)
        let factor3 = Vector(repeating: row3[k])
        sum3 = multiplyAdd(sum3, factor3, left)
        tail3 = multiplyAdd(tail3, factor3, right)
        let factor4 = Vector(repeating: row4[k])
        sum4 = multiplyAdd(sum4, factor4, left)
        tail4 = multiplyAdd(tail4, factor4, right)
        let factor5 = Vector(repeating: row5[k])
        sum5 = multiplyAdd(sum5, factor5, left)
        tail5 = multiplyAdd(tail5, factor5, right)
        k += 1
      }
      row0 += segmentStride
      row1 += segmentStride
      row2 += segmentStride
      row3 += segmentStride
      row4 += segmentStride
      row5 += segmentStride
      segment += 1
    }
    store(sum0, output0, first: width)
    store(tail0, output0 + width, first: rest)
    store(sum1, output1, first: width)
    store(tail1, output1 + width, first: rest)
    store(sum2, output2, first: width)
    store(tail2, output2 + width, first: rest)
    store(sum3, output3, first: width)
    store(tail3, output3 + width, first: rest)
    store(sum4, output4, first: width)
    store(tail4, output4 + width, first: rest)
    store(sum5, output5, first: width)
    store(tail5, output5 + width, first: rest)
    first += 6
  }
}

/// Eight rows by one vector, for layers with few channels.
@inline(never)
private func multiplyNarrowPanel(
  _ rowCount: Int, _ rows: UnsafePointer<UnsafePointer<Float>>, _ rowOffset: Int,
  _ segmentCount: Int, _ segmentLength: Int, _ segmentStride: Int,
  _ panel: UnsafePointer<Float>, _ columnCount: Int,
  _ initial: UnsafePointer<Float>?, _ accumulates: Bool,
  _ outputs: UnsafePointer<UnsafeMutablePointer<Float>>, _ outputOffset: Int
) {
  let width = Vector.scalarCount
  let last = rowCount - 1
  var first = 0
  while first < rowCount {
    // Rows past the end repeat the last one: the same value is written twice.
    let output0 = outputs[first] + outputOffset
    let output1 = outputs[min(first + 1, last)] + outputOffset
    let output2 = outputs[min(first + 2, last)] + outputOffset
    let output3 = outputs[min(first + 3, last)] + outputOffset
    let output4 = outputs[min(first + 4, last)] + outputOffset
    let output5 = outputs[min(first + 5, last)] + outputOffset
    let output6 = outputs[min(first + 6, last)] + outputOffset
    let output7 = outputs[min(first + 7, last)] + outputOffset
    var sum0 = Vector()
    var sum1 = Vector()
    var sum2 = Vector()
    var sum3 = Vector()
    var sum4 = Vector()
    var sum5 = Vector()
    var sum6 = Vector()
    var sum7 = Vector()
    if accumulates {
      sum0 = load(output0, first: columnCount)
      sum1 = load(output1, first: columnCount)
      sum2 = load(output2, first: columnCount)
      sum3 = load(output3, first: columnCount)
      sum4 = load(output4, first: columnCount)
      sum5 = load(output5, first: columnCount)
      sum6 = load(output6, first: columnCount)
      sum7 = load(output7, first: columnCount)
    } else if let initial {
      let start = load(initial)
      sum0 = start
      sum1 = start
      sum2 = start
      sum3 = start
      sum4 = start
      sum5 = start
      sum6 = start
      sum7 = start
    }
    var row0 = rows[first] + rowOffset
    var row1 = rows[min(first + 1, last)] + rowOffset
    var row2 = rows[min(first + 2, last)] + rowOffset
    var row3 = rows[min(first + 3, last)] + rowOffset
    var row4 = rows[min(first + 4, last)] + rowOffset
    var row5 = rows[min(first + 5, last)] + rowOffset
    var row6 = rows[min(first + 6, last)] + rowOffset
    var row7 = rows[min(first + 7, last)] + rowOffset
    var column = UnsafeRawPointer(panel)
    var segment = 0
    while segment < segmentCount {
      var k = 0
      while k < segmentLength {
        let left = column.load(as: Vector.self)
        column += 4 * width
        let factor0 = Vector(repeating: row0[k])
        sum0 = multiplyAdd(sum0, factor0, left)
        let factor1 = Vector(repeating: row1[k])
        sum1 = multiplyAdd(sum1, factor1, left)
        let factor2 = Vector(repeating: row2[k])
        sum2 = multiplyAdd(sum2, factor2, left)
        let factor3 = Vector(repeating: row3[k])
        sum3 = multiplyAdd(sum3, factor3, left)
        let factor4 = Vector(repeating: row4[k])
        sum4 = multiplyAdd(sum4, factor4, left)
        let factor5 = Vector(repeating: row5[k])
        sum5 = multiplyAdd(sum5, factor5, left)
        let factor6 = Vector(repeating: row6[k])
        sum6 = multiplyAdd(sum6, factor6, left)
        let factor7 = Vector(repeating: row7[k])
        sum7 = multiplyAdd(sum7, factor7, left)
        k += 1
      }
      row0 += segmentStride
      row1 += segmentStride
      row2 += segmentStride
      row3 += segmentStride
      row4 += segmentStride
      row5 += segmentStride
      row6 += segmentStride
      row7 += segmentStride
      segment += 1
    }
    store(sum0, output0, first: columnCount)
    store(sum1, output1, first: columnCount)
    store(sum2, output2, first: columnCount)
    store(sum3, output3, first: columnCount)
    store(sum4, output4, first: columnCount)
    store(sum5, output5, first: columnCount)
    store(sum6, output6, first: columnCount)
    store(sum7, output7, first: columnCount)
    first += 8
  }
}
