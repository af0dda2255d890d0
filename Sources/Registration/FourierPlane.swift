import Foundation

/// A square complex field of a power of two, for correlations over all translations at once.
final class FourierPlane {
  let size: Int
  let real: UnsafeMutablePointer<Float>
  let imaginary: UnsafeMutablePointer<Float>

  init(size: Int) {
    self.size = size
    real = .allocate(capacity: size * size)
    imaginary = .allocate(capacity: size * size)
    clear()
  }

  deinit {
    real.deallocate()
    imaginary.deallocate()
  }

  func clear() {
    real.initialize(repeating: 0, count: size * size)
    imaginary.initialize(repeating: 0, count: size * size)
  }
}

/// The discrete Fourier transform of square fields; the spectrum is left transposed, which products do not
/// see and the way back undoes.
///
/// Every butterfly works on two whole rows, so that the inner loop is contiguous; transposing in between
/// makes rows of columns. Reference: Cooley and Tukey 1965, Math. Comp. 19(90).
struct FourierTransform: Sendable {
  let size: Int
  private let cosines: [Float]
  private let sines: [Float]
  private let reversed: [Int]

  init(size: Int) {
    precondition(size > 1 && size & (size - 1) == 0, "a Fourier transform of \(size) values")
    self.size = size
    cosines = (0..<size / 2).map { Float(cos(-2 * Double.pi * Double($0) / Double(size))) }
    sines = (0..<size / 2).map { Float(sin(-2 * Double.pi * Double($0) / Double(size))) }
    let bits = size.trailingZeroBitCount
    reversed = (0..<size).map { index in
      (0..<bits).reduce(0) { $0 | ((index >> $1) & 1) << (bits - 1 - $1) }
    }
  }

  /// Transforms in place; `occupiedRows` says how many rows from the first hold anything.
  func forward(_ plane: FourierPlane) {
    transformRows(plane.real, plane.imaginary)
    transpose(plane)
    transformRows(plane.real, plane.imaginary)
  }

  /// The way back, without the factor 1 / size².
  func backward(_ plane: FourierPlane) {
    // Swapping real and imaginary parts turns a forward transform into a backward one.
    transformRows(plane.imaginary, plane.real)
    transpose(plane)
    transformRows(plane.imaginary, plane.real)
  }

  private func transformRows(
    _ real: UnsafeMutablePointer<Float>, _ imaginary: UnsafeMutablePointer<Float>
  ) {
    for row in 0..<size where reversed[row] > row {
      swapRows(real, row, reversed[row])
      swapRows(imaginary, row, reversed[row])
    }
    var half = 1
    while half < size {
      let stride = size / (2 * half)
      var start = 0
      while start < size {
        for index in 0..<half {
          butterfly(
            real, imaginary, (start + index) * size, (start + index + half) * size,
            cosines[index * stride], sines[index * stride])
        }
        start += 2 * half
      }
      half *= 2
    }
  }

  @inline(__always)
  private func butterfly(
    _ real: UnsafeMutablePointer<Float>, _ imaginary: UnsafeMutablePointer<Float>, _ upper: Int,
    _ lower: Int, _ cosine: Float, _ sine: Float
  ) {
    let upperReal = real + upper
    let upperImaginary = imaginary + upper
    let lowerReal = real + lower
    let lowerImaginary = imaginary + lower
    for index in 0..<size {
      let turnedReal = cosine * lowerReal[index] - sine * lowerImaginary[index]
      let turnedImaginary = cosine * lowerImaginary[index] + sine * lowerReal[index]
      lowerReal[index] = upperReal[index] - turnedReal
      lowerImaginary[index] = upperImaginary[index] - turnedImaginary
      upperReal[index] += turnedReal
      upperImaginary[index] += turnedImaginary
    }
  }

  private func swapRows(_ values: UnsafeMutablePointer<Float>, _ first: Int, _ second: Int) {
    let upper = values + first * size
    let lower = values + second * size
    for index in 0..<size {
      let kept = upper[index]
      upper[index] = lower[index]
      lower[index] = kept
    }
  }

  private func transpose(_ plane: FourierPlane) {
    transpose(plane.real)
    transpose(plane.imaginary)
  }

  private func transpose(_ values: UnsafeMutablePointer<Float>) {
    let block = 16
    for top in stride(from: 0, to: size, by: block) {
      for left in stride(from: top, to: size, by: block) {
        for y in top..<min(size, top + block) {
          for x in max(left, y + 1)..<max(max(left, y + 1), min(size, left + block)) {
            let kept = values[y * size + x]
            values[y * size + x] = values[x * size + y]
            values[x * size + y] = kept
          }
        }
      }
    }
  }
}
