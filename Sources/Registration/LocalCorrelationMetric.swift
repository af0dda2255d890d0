/// One minus the squared correlation in a square window around every pixel.
///
/// `1 − c² / (v_R v_T + ε)` with the window's covariance and variances. Squared, so that stains of opposite
/// contrast agree as well. Reference: Avants et al. 2008, Medical Image Analysis 12(1), equation 5.
package struct LocalCorrelationMetric: SimilarityMetric {
  private let reference: FloatBuffer
  private let mean: FloatBuffer
  private let variance: FloatBuffer
  private let width: Int
  private let height: Int
  private let radius: Int
  private let scratch: [FloatBuffer]

  /// Densities are 0…1: a deviation of 0.05 against 0.05, below which nothing is structure.
  private static let floor: Float = 6e-6

  package var reach: Int { radius }

  init(reference: FloatBuffer, width: Int, height: Int, radius: Int, rows: RowLoop) {
    self.reference = reference
    self.width = width
    self.height = height
    self.radius = radius
    let count = width * height
    mean = FloatBuffer(count: count)
    variance = FloatBuffer(count: count)
    scratch = (0..<5).map { _ in FloatBuffer(count: count) }
    let squares = scratch[0]
    for index in 0..<count {
      squares.pointer[index] = reference.pointer[index] * reference.pointer[index]
    }
    BoxMean.apply(
      reference, into: mean, through: scratch[4], width: width, height: height, radius: radius,
      rows: rows)
    BoxMean.apply(
      squares, into: variance, through: scratch[4], width: width, height: height, radius: radius,
      rows: rows)
    for index in 0..<count {
      let value = mean.pointer[index]
      variance.pointer[index] = max(0, variance.pointer[index] - value * value)
    }
  }

  package func evaluate(
    warped: FloatBuffer, weights: FloatBuffer, derivative: FloatBuffer, rows: RowLoop
  ) -> Double {
    let (width, height) = (width, height)
    let (reference, mean, variance) = (reference, mean, variance)
    let (warpedMean, warpedSquare, product) = (scratch[0], scratch[1], scratch[2])
    let (buffer, through) = (scratch[3], scratch[4])
    rows.forEachBand(of: height) { @Sendable band in
      for index in band.lowerBound * width..<band.upperBound * width {
        let value = warped.pointer[index]
        warpedSquare.pointer[index] = value * value
        product.pointer[index] = value * reference.pointer[index]
      }
    }
    func box(_ source: FloatBuffer, _ target: FloatBuffer) {
      BoxMean.apply(
        source, into: target, through: through, width: width, height: height, radius: radius,
        rows: rows)
    }
    box(warped, warpedMean)
    box(warpedSquare, buffer)
    box(product, warpedSquare)
    let total = rows.sum(overBandsOf: height) { @Sendable band in
      var sum = 0.0
      for row in band {
        var line: Float = 0
        for index in row * width..<(row + 1) * width {
          let fixedMean = mean.pointer[index]
          let movingMean = warpedMean.pointer[index]
          let fixedVariance = variance.pointer[index]
          let movingVariance = max(0, buffer.pointer[index] - movingMean * movingMean)
          let covariance = warpedSquare.pointer[index] - fixedMean * movingMean
          let weight = weights.pointer[index]
          let inverse = 1 / (fixedVariance * movingVariance + Self.floor)
          let square = covariance * covariance * inverse
          line += weight * (1 - square)
          // Of −c² / d: by the covariance and by the moving variance.
          let alpha = -2 * weight * covariance * inverse
          let beta = 2 * weight * square * inverse * fixedVariance
          product.pointer[index] = alpha
          buffer.pointer[index] = beta
          warpedSquare.pointer[index] = alpha * fixedMean + beta * movingMean
        }
        sum += Double(line)
      }
      return sum
    }
    // Every pixel takes part in the windows around it: the adjoint of a mean is a mean, edges aside.
    box(product, warpedMean)
    box(buffer, product)
    box(warpedSquare, buffer)
    rows.forEachBand(of: height) { @Sendable band in
      for index in band.lowerBound * width..<band.upperBound * width {
        derivative.pointer[index] =
          reference.pointer[index] * warpedMean.pointer[index] + warped.pointer[index]
          * product.pointer[index] - buffer.pointer[index]
      }
    }
    return total
  }
}

/// The sum over a square window over the window's full area; zero beyond the edge, so that it is its own
/// adjoint.
enum BoxMean {
  static func apply(
    _ source: FloatBuffer, into target: FloatBuffer, through: FloatBuffer, width: Int, height: Int,
    radius: Int, rows: RowLoop
  ) {
    let scale = 1 / Float((2 * radius + 1) * (2 * radius + 1))
    // Bands are the same for any number of threads; each begins with a sum of its own.
    rows.forEachBand(of: height) { @Sendable band in
      for y in band {
        let line = through.pointer + y * width
        if y == band.lowerBound {
          let first = max(0, y - radius)
          sum(
            of: min(height - 1, y + radius) - first + 1,
            from: UnsafePointer(source.pointer + first * width), step: width, count: width,
            scale: 1, into: line)
        } else {
          follow(
            UnsafePointer(line - width), count: width,
            adding: y + radius < height
              ? UnsafePointer(source.pointer + (y + radius) * width) : nil,
            taking: y > radius
              ? UnsafePointer(source.pointer + (y - radius - 1) * width) : nil, into: line)
        }
        let result = target.pointer + y * width
        func sumAtEdge(_ x: Int) {
          var sum: Float = 0
          for near in max(0, x - radius)...min(width - 1, x + radius) { sum += line[near] }
          result[x] = sum * scale
        }
        for x in 0..<min(radius, width) { sumAtEdge(x) }
        for x in max(radius, width - radius)..<max(radius, width) { sumAtEdge(x) }
        guard width > 2 * radius else { continue }
        sum(
          of: 2 * radius + 1, from: line, step: 1, count: width - 2 * radius, scale: scale,
          into: result + radius)
      }
    }
  }

  /// The sums of the next row: the row that comes into the window is added, the one that leaves it taken away.
  private static func follow(
    _ sums: UnsafePointer<Float>, count: Int, adding entering: UnsafePointer<Float>?,
    taking leaving: UnsafePointer<Float>?, into target: UnsafeMutablePointer<Float>
  ) {
    switch (entering, leaving) {
    case (let entering?, let leaving?):
      for x in 0..<count { target[x] = sums[x] + (entering[x] - leaving[x]) }
    case (let entering?, nil):
      for x in 0..<count { target[x] = sums[x] + entering[x] }
    case (nil, let leaving?):
      for x in 0..<count { target[x] = sums[x] - leaving[x] }
    case (nil, nil):
      target.update(from: sums, count: count)
    }
  }

  /// Adds `terms` numbers that lie `step` apart for each of `count` places, in registers.
  private static func sum(
    of terms: Int, from source: UnsafePointer<Float>, step: Int, count: Int, scale: Float,
    into target: UnsafeMutablePointer<Float>
  ) {
    var x = 0
    while x + 16 <= count {
      var sum = SIMD16<Float>(repeating: 0)
      for term in 0..<terms {
        sum += UnsafeRawPointer(source + x + term * step).loadUnaligned(as: SIMD16<Float>.self)
      }
      UnsafeMutableRawPointer(target + x).storeBytes(of: sum * scale, as: SIMD16<Float>.self)
      x += 16
    }
    while x < count {
      var sum: Float = 0
      for term in 0..<terms { sum += source[x + term * step] }
      target[x] = sum * scale
      x += 1
    }
  }
}
