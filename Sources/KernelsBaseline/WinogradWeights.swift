// The transforms of weights into a Winograd convolution and of their gradients out of it. Both are a small
// dense matrix on either side; the matrix comes from the caller.

/// `target[i, j] = Σ matrix[i, p] · matrix[j, q] · source[p, q]` for rows of numbers side by side.
///
/// - Parameters:
///   - matrix: `[outputSize, inputSize]`.
///   - inputSize: Rows and columns of the source.
///   - outputSize: Rows and columns of the target.
///   - source: The first number of source (0, 0).
///   - sourceStride: Elements from one place of the source to the next.
///   - count: Numbers at a place, a multiple of 16.
///   - scratch: Room for `16 · inputSize · outputSize` floats.
///   - target: The first number of target (0, 0).
///   - targetStride: Elements from one place of the target to the next.
///   - accumulates: Whether to add to what the target holds.
@inline(never)
public func transformBothAxes(
  matrix: UnsafePointer<Float>, inputSize: Int, outputSize: Int,
  source: UnsafePointer<Float>, sourceStride: Int, count: Int,
  scratch: UnsafeMutablePointer<Float>, target: UnsafeMutablePointer<Float>, targetStride: Int,
  accumulates: Bool
) {
  // The sizes in use, so that the compiler unrolls their loops.
  switch (inputSize, outputSize) {
  case (2, 5):
    transform(matrix, 2, 5, source, sourceStride, count, scratch, target, targetStride, accumulates)
  case (2, 3):
    transform(matrix, 2, 3, source, sourceStride, count, scratch, target, targetStride, accumulates)
  case (3, 6):
    transform(matrix, 3, 6, source, sourceStride, count, scratch, target, targetStride, accumulates)
  case (4, 6):
    transform(matrix, 4, 6, source, sourceStride, count, scratch, target, targetStride, accumulates)
  case (5, 2):
    transform(matrix, 5, 2, source, sourceStride, count, scratch, target, targetStride, accumulates)
  case (3, 2):
    transform(matrix, 3, 2, source, sourceStride, count, scratch, target, targetStride, accumulates)
  case (6, 3):
    transform(matrix, 6, 3, source, sourceStride, count, scratch, target, targetStride, accumulates)
  default:
    transform(
      matrix, inputSize, outputSize, source, sourceStride, count, scratch, target, targetStride,
      accumulates)
  }
}

@inline(__always)
private func transform(
  _ matrix: UnsafePointer<Float>, _ inputSize: Int, _ outputSize: Int,
  _ source: UnsafePointer<Float>, _ sourceStride: Int, _ count: Int,
  _ scratch: UnsafeMutablePointer<Float>, _ target: UnsafeMutablePointer<Float>,
  _ targetStride: Int, _ accumulates: Bool
) {
  let width = Vector.scalarCount
  var first = 0
  while first < count {
    var i = 0
    while i < outputSize {
      var q = 0
      while q < inputSize {
        var sum = Vector()
        var p = 0
        while p < inputSize {
          sum = multiplyAdd(
            sum, all(matrix[i * inputSize + p]),
            load(source + (p * inputSize + q) * sourceStride + first))
          p += 1
        }
        write(sum, scratch + (i * inputSize + q) * width)
        q += 1
      }
      i += 1
    }
    i = 0
    while i < outputSize {
      var j = 0
      while j < outputSize {
        let place = target + (i * outputSize + j) * targetStride + first
        var sum = Vector()
        if accumulates { sum = load(place) }
        var q = 0
        while q < inputSize {
          sum = multiplyAdd(
            sum, all(matrix[j * inputSize + q]), load(scratch + (i * inputSize + q) * width))
          q += 1
        }
        write(sum, place)
        j += 1
      }
      i += 1
    }
    first += width
  }
}
