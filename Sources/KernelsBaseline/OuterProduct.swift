/// Sums the products of gathered rows and a packed panel over pixels: a weight gradient.
///
/// `output[k · outputStride + j] += Σᵢ rows[i][rowOffset + k] · panel[i][j]` for `k` below
/// `rowElementCount`. The pixels are summed from 0 in registers and then added to the output, so
/// that a caller who passes blocks of pixels gets a two-level sum.
/// The first block may replace what is there.
///
/// - Parameters:
///   - pixelCount: How many rows there are; one panel row each.
///   - rows: Where each pixel's input window starts.
///   - rowOffset: Elements added to every row's start.
///   - rowElementCount: How many consecutive elements of a row take part.
///   - panel: The first pixel's output gradients, one vector for up to one vector of columns, else two;
///     unused columns are 0.
///   - panelStride: Elements from one pixel's output gradients to the next's.
///   - columnCount: Columns in use, at most two vectors.
///   - accumulates: Whether to add to what the output holds.
///   - output: The first element of the result.
///   - outputStride: Elements from one row of the result to the next.
@inline(never)
public func addOuterProducts(
  pixelCount: Int, rows: UnsafePointer<UnsafePointer<Float>>, rowOffset: Int, rowElementCount: Int,
  panel: UnsafePointer<Float>, panelStride: Int, columnCount: Int,
  accumulates: Bool, output: UnsafeMutablePointer<Float>, outputStride: Int
) {
  var k = 0
  if columnCount > Vector.scalarCount {
    while k + 6 <= rowElementCount {
      addSixByTwo(
        pixelCount, rows, rowOffset + k, panel, panelStride, columnCount, accumulates,
        output + k * outputStride, outputStride)
      k += 6
    }
    while k + 4 <= rowElementCount {
      addFourByTwo(
        pixelCount, rows, rowOffset + k, panel, panelStride, columnCount, accumulates,
        output + k * outputStride, outputStride)
      k += 4
    }
    while k < rowElementCount {
      addOneByTwo(
        pixelCount, rows, rowOffset + k, panel, panelStride, columnCount, accumulates,
        output + k * outputStride)
      k += 1
    }
  } else {
    while k + 4 <= rowElementCount {
      addFourByOne(
        pixelCount, rows, rowOffset + k, panel, panelStride, columnCount, accumulates,
        output + k * outputStride, outputStride)
      k += 4
    }
    while k < rowElementCount {
      addOneByOne(
        pixelCount, rows, rowOffset + k, panel, panelStride, columnCount, accumulates,
        output + k * outputStride)
      k += 1
    }
  }
}

/// Writes the first `count` lanes, or adds them to what is there.
@inline(__always)
private func write(
  _ value: Vector, to target: UnsafeMutablePointer<Float>, first count: Int, _ accumulates: Bool
) {
  store(accumulates ? load(target, first: count) + value : value, target, first: count)
}

/// Six elements of a row by two vectors of columns.
@inline(never)
private func addSixByTwo(
  _ pixelCount: Int, _ rows: UnsafePointer<UnsafePointer<Float>>, _ rowOffset: Int,
  _ panel: UnsafePointer<Float>, _ panelStride: Int, _ columnCount: Int,
  _ accumulates: Bool, _ output: UnsafeMutablePointer<Float>, _ outputStride: Int
) {
  let width = Vector.scalarCount
  var sum0 = Vector(), tail0 = Vector()
  var sum1 = Vector(), tail1 = Vector()
  var sum2 = Vector(), tail2 = Vector()
  var sum3 = Vector(), tail3 = Vector()
  var sum4 = Vector(), tail4 = Vector()
  var sum5 = Vector(), tail5 = Vector()
  var column = UnsafeRawPointer(panel)
  var pixel = 0
  while pixel < pixelCount {
    let row = rows[pixel] + rowOffset
    let left = column.load(as: Vector.self)
    let right = column.load(fromByteOffset: 4 * width, as: Vector.self)
    column += 4 * panelStride
    let factor0 = Vector(repeating: row[0])
    sum0 = multiplyAdd(sum0, factor0, left)
    tail0 = multiplyAdd(tail0, factor0, right)
    let factor1 = Vector(repeating: row[1])
    sum1 = multiplyAdd(sum1, factor1, left)
    tail1 = multiplyAdd(tail1, factor1, right)
    let factor2 = Vector(repeating: row[2])
    sum2 = multiplyAdd(sum2, factor2, left)
    tail2 = multiplyAdd(tail2, factor2, right)
    let factor3 = Vector(repeating: row[3])
    sum3 = multiplyAdd(sum3, factor3, left)
    tail3 = multiplyAdd(tail3, factor3, right)
    let factor4 = Vector(repeating: row[4])
    sum4 = multiplyAdd(sum4, factor4, left)
    tail4 = multiplyAdd(tail4, factor4, right)
    let factor5 = Vector(repeating: row[5])
    sum5 = multiplyAdd(sum5, factor5, left)
    tail5 = multiplyAdd(tail5, factor5, right)
    pixel += 1
  }
  let rest = columnCount - width
  write(sum0, to: output, first: width, accumulates)
  write(tail0, to: output + width, first: rest, accumulates)
  write(sum1, to: output + outputStride, first: width, accumulates)
  write(tail1, to: output + outputStride + width, first: rest, accumulates)
  write(sum2, to: output + 2 * outputStride, first: width, accumulates)
  write(tail2, to: output + 2 * outputStride + width, first: rest, accumulates)
  write(sum3, to: output + 3 * outputStride, first: width, accumulates)
  write(tail3, to: output + 3 * outputStride + width, first: rest, accumulates)
  write(sum4, to: output + 4 * outputStride, first: width, accumulates)
  write(tail4, to: output + 4 * outputStride + width, first: rest, accumulates)
  write(sum5, to: output + 5 * outputStride, first: width, accumulates)
  write(tail5, to: output + 5 * outputStride + width, first: rest, accumulates)
}

/// Four elements of a row by two vectors of columns.
@inline(never)
private func addFourByTwo(
  _ pixelCount: Int, _ rows: UnsafePointer<UnsafePointer<Float>>, _ rowOffset: Int,
  _ panel: UnsafePointer<Float>, _ panelStride: Int, _ columnCount: Int,
  _ accumulates: Bool, _ output: UnsafeMutablePointer<Float>,
  _ outputStride: Int
) {
  let width = Vector.scalarCount
  var sum0 = Vector(), tail0 = Vector()
  var sum1 = Vector(), tail1 = Vector()
  var sum2 = Vector(), tail2 = Vector()
  var sum3 = Vector(), tail3 = Vector()
  var column = UnsafeRawPointer(panel)
  var pixel = 0
  while pixel < pixelCount {
    let row = rows[pixel] + rowOffset
    let left = column.load(as: Vector.self)
    let right = column.load(fromByteOffset: 4 * width, as: Vector.self)
    column += 4 * panelStride
    let factor0 = Vector(repeating: row[0])
    sum0 = multiplyAdd(sum0, factor0, left)
    tail0 = multiplyAdd(tail0, factor0, right)
    let factor1 = Vector(repeating: row[1])
    sum1 = multiplyAdd(sum1, factor1, left)
    tail1 = multiplyAdd(tail1, factor1, right)
    let factor2 = Vector(repeating: row[2])
    sum2 = multiplyAdd(sum2, factor2, left)
    tail2 = multiplyAdd(tail2, factor2, right)
    let factor3 = Vector(repeating: row[3])
    sum3 = multiplyAdd(sum3, factor3, left)
    tail3 = multiplyAdd(tail3, factor3, right)
    pixel += 1
  }
  write(sum0, to: output, first: width, accumulates)
  write(tail0, to: output + width, first: columnCount - width, accumulates)
  write(sum1, to: output + outputStride, first: width, accumulates)
  write(tail1, to: output + outputStride + width, first: columnCount - width, accumulates)
  write(sum2, to: output + 2 * outputStride, first: width, accumulates)
  write(tail2, to: output + 2 * outputStride + width, first: columnCount - width, accumulates)
  write(sum3, to: output + 3 * outputStride, first: width, accumulates)
  write(tail3, to: output + 3 * outputStride + width, first: columnCount - width, accumulates)
}

/// One element of a row by two vectors of columns.
@inline(never)
private func addOneByTwo(
  _ pixelCount: Int, _ rows: UnsafePointer<UnsafePointer<Float>>, _ rowOffset: Int,
  _ panel: UnsafePointer<Float>, _ panelStride: Int, _ columnCount: Int,
  _ accumulates: Bool, _ output: UnsafeMutablePointer<Float>
) {
  let width = Vector.scalarCount
  var sum0 = Vector(), tail0 = Vector()
  var column = UnsafeRawPointer(panel)
  var pixel = 0
  while pixel < pixelCount {
    let row = rows[pixel] + rowOffset
    let left = column.load(as: Vector.self)
    let right = column.load(fromByteOffset: 4 * width, as: Vector.self)
    column += 4 * panelStride
    let factor0 = Vector(repeating: row[0])
    sum0 = multiplyAdd(sum0, factor0, left)
    tail0 = multiplyAdd(tail0, factor0, right)
    pixel += 1
  }
  write(sum0, to: output, first: width, accumulates)
  write(tail0, to: output + width, first: columnCount - width, accumulates)
}

/// Four elements of a row by one vector; even and odd pixels have their own sums against latency.
@inline(never)
private func addFourByOne(
  _ pixelCount: Int, _ rows: UnsafePointer<UnsafePointer<Float>>, _ rowOffset: Int,
  _ panel: UnsafePointer<Float>, _ panelStride: Int, _ columnCount: Int,
  _ accumulates: Bool, _ output: UnsafeMutablePointer<Float>,
  _ outputStride: Int
) {
  var sum0 = Vector(), odd0 = Vector()
  var sum1 = Vector(), odd1 = Vector()
  var sum2 = Vector(), odd2 = Vector()
  var sum3 = Vector(), odd3 = Vector()
  var column = UnsafeRawPointer(panel)
  var pixel = 0
  while pixel + 2 <= pixelCount {
    let row = rows[pixel] + rowOffset
    let next = rows[pixel + 1] + rowOffset
    let left = column.load(as: Vector.self)
    let right = column.load(fromByteOffset: 4 * panelStride, as: Vector.self)
    column += 8 * panelStride
    sum0 = multiplyAdd(sum0, Vector(repeating: row[0]), left)
    odd0 = multiplyAdd(odd0, Vector(repeating: next[0]), right)
    sum1 = multiplyAdd(sum1, Vector(repeating: row[1]), left)
    odd1 = multiplyAdd(odd1, Vector(repeating: next[1]), right)
    sum2 = multiplyAdd(sum2, Vector(repeating: row[2]), left)
    odd2 = multiplyAdd(odd2, Vector(repeating: next[2]), right)
    sum3 = multiplyAdd(sum3, Vector(repeating: row[3]), left)
    odd3 = multiplyAdd(odd3, Vector(repeating: next[3]), right)
    pixel += 2
  }
  while pixel < pixelCount {
    let row = rows[pixel] + rowOffset
    let left = column.load(as: Vector.self)
    column += 4 * panelStride
    sum0 = multiplyAdd(sum0, Vector(repeating: row[0]), left)
    sum1 = multiplyAdd(sum1, Vector(repeating: row[1]), left)
    sum2 = multiplyAdd(sum2, Vector(repeating: row[2]), left)
    sum3 = multiplyAdd(sum3, Vector(repeating: row[3]), left)
    pixel += 1
  }
  write(sum0 + odd0, to: output, first: columnCount, accumulates)
  write(sum1 + odd1, to: output + outputStride, first: columnCount, accumulates)
  write(sum2 + odd2, to: output + 2 * outputStride, first: columnCount, accumulates)
  write(sum3 + odd3, to: output + 3 * outputStride, first: columnCount, accumulates)
}

/// One element of a row by one vector of columns.
@inline(never)
private func addOneByOne(
  _ pixelCount: Int, _ rows: UnsafePointer<UnsafePointer<Float>>, _ rowOffset: Int,
  _ panel: UnsafePointer<Float>, _ panelStride: Int, _ columnCount: Int,
  _ accumulates: Bool, _ output: UnsafeMutablePointer<Float>
) {
  var sum0 = Vector(), odd0 = Vector()
  var column = UnsafeRawPointer(panel)
  var pixel = 0
  while pixel + 2 <= pixelCount {
    let row = rows[pixel] + rowOffset
    let next = rows[pixel + 1] + rowOffset
    let left = column.load(as: Vector.self)
    let right = column.load(fromByteOffset: 4 * panelStride, as: Vector.self)
    column += 8 * panelStride
    sum0 = multiplyAdd(sum0, Vector(repeating: row[0]), left)
    odd0 = multiplyAdd(odd0, Vector(repeating: next[0]), right)
    pixel += 2
  }
  while pixel < pixelCount {
    let row = rows[pixel] + rowOffset
    let left = column.load(as: Vector.self)
    column += 4 * panelStride
    sum0 = multiplyAdd(sum0, Vector(repeating: row[0]), left)
    pixel += 1
  }
  write(sum0 + odd0, to: output, first: columnCount, accumulates)
}
