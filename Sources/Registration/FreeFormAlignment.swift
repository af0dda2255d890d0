import Rasters

/// Bends the fixed frame so that the moving section fits, at one pixel size.
struct FreeFormAlignment {
  let problem: LevelProblem
  /// Fixed to moving microns; stays as it is.
  let affine: AffineMap
  /// Pixels between knots.
  let knotPixels: Int
  /// What bending costs, in square microns: the weight of the mean squared second derivative (1/µm²).
  let stiffness: Double
  var foldWeight = 10.0
  var maxIterations = 60

  /// - Parameter start: Where to begin; its spacing is `knotPixels` of the problem's pixels.
  /// - Returns: The better displacement and its mean dissimilarity over the fixed tissue.
  func improved(_ start: DisplacementGrid) -> (grid: DisplacementGrid, value: Double) {
    let scale = 1 / problem.pixelSize
    let half = start.columns * start.rows
    let bending = BendingEnergy(
      columns: start.columns, rows: start.rows, spacing: Double(knotPixels))
    let folds = FoldPenalty(
      columns: start.columns, rows: start.rows, spacing: Double(knotPixels))
    let field = SplineField(
      width: problem.width, height: problem.height, columns: start.columns, rows: start.rows,
      knotPixels: knotPixels)
    // Second derivatives in pixels are those in microns times the pixel size.
    let weight = stiffness / (problem.pixelSize * problem.pixelSize)
    var minimizer = LimitedMemoryMinimizer()
    minimizer.maxIterations = maxIterations
    let first = start.x.map { Double($0) * scale } + start.y.map { Double($0) * scale }
    var similarity = 0.0
    let result = minimizer.minimum(from: first) { numbers in
      field.fill(numbers, affine: affine, problem: problem)
      similarity = problem.evaluate().value
      var gradient = field.gradient(affine: affine, problem: problem)
      var value = similarity
      value +=
        weight
        * (bending.value(of: numbers[..<half], weight: weight, addingGradientTo: &gradient)
          + bending.value(of: numbers[half...], weight: weight, addingGradientTo: &gradient))
      value +=
        foldWeight * folds.value(of: numbers, weight: foldWeight, addingGradientTo: &gradient)
      return (value, gradient)
    }
    var grid = start
    for index in 0..<half {
      grid.x[index] = Float(result.point[index] * problem.pixelSize)
      grid.y[index] = Float(result.point[half + index] * problem.pixelSize)
    }
    return (grid, result.value)
  }
}

/// A B-spline displacement on a pixel grid whose knots lie whole pixels apart, and its adjoint.
struct SplineField {
  let width: Int
  let height: Int
  let columns: Int
  let rows: Int
  let knotPixels: Int
  /// `[knotPixels]`: the four weights at each pixel centre of a cell.
  private let weights: [SIMD4<Float>]

  init(width: Int, height: Int, columns: Int, rows: Int, knotPixels: Int) {
    self.width = width
    self.height = height
    self.columns = columns
    self.rows = rows
    self.knotPixels = knotPixels
    weights = (0..<knotPixels).map { pixel in
      SIMD4<Float>(CubicSpline.values((Double(pixel) + 0.5) / Double(knotPixels)))
    }
    precondition(
      (columns - 3) * knotPixels >= width && (rows - 3) * knotPixels >= height,
      "a grid of \(columns) × \(rows) knots is too small for \(width) × \(height) pixels")
  }

  /// Fills the problem's places with `A(x + u(x))`; numbers are pixels, x first.
  func fill(_ numbers: [Double], affine: AffineMap, problem: LevelProblem) {
    let half = columns * rows
    let coefficients = FloatBuffer(numbers.map { Float($0) })
    let (placeX, placeY) = (problem.placeX, problem.placeY)
    let shiftX = affine.c / problem.pixelSize
    let shiftY = affine.f / problem.pixelSize
    let (a, b, d, e) = (Float(affine.a), Float(affine.b), Float(affine.d), Float(affine.e))
    let field = self
    problem.rows.forEachBand(of: height) { @Sendable band in
      let lineX = FloatBuffer(count: field.columns)
      let lineY = FloatBuffer(count: field.columns)
      for row in band {
        let vertical = field.weights[row % field.knotPixels]
        let start = row / field.knotPixels * field.columns
        for column in 0..<field.columns {
          var sumX: Float = 0
          var sumY: Float = 0
          for m in 0..<4 {
            let index = start + m * field.columns + column
            sumX += vertical[m] * coefficients.pointer[index]
            sumY += vertical[m] * coefficients.pointer[half + index]
          }
          lineX.pointer[column] = sumX
          lineY.pointer[column] = sumY
        }
        let baseX = affine.b * (Double(row) + 0.5) + shiftX
        let baseY = affine.e * (Double(row) + 0.5) + shiftY
        let targetX = placeX.pointer + row * field.width
        let targetY = placeY.pointer + row * field.width
        for cell in 0..<(field.columns - 3) {
          let knotX = SIMD4(
            lineX.pointer[cell], lineX.pointer[cell + 1], lineX.pointer[cell + 2],
            lineX.pointer[cell + 3])
          let knotY = SIMD4(
            lineY.pointer[cell], lineY.pointer[cell + 1], lineY.pointer[cell + 2],
            lineY.pointer[cell + 3])
          let first = cell * field.knotPixels
          for column in first..<max(first, min(field.width, first + field.knotPixels)) {
            let horizontal = field.weights[column - first]
            let ux = (horizontal * knotX).sum()
            let uy = (horizontal * knotY).sum()
            let x = Double(column) + 0.5
            targetX[column] = Float(affine.a * x + baseX) + a * ux + b * uy
            targetY[column] = Float(affine.d * x + baseY) + d * ux + e * uy
          }
        }
      }
    }
  }

  /// From the change by each place, left in the problem, to the change by each number.
  func gradient(affine: AffineMap, problem: LevelProblem) -> [Double] {
    let (changeX, changeY) = (problem.placeX, problem.placeY)
    let table = FloatBuffer(count: height * columns * 2)
    let field = self
    problem.rows.forEachBand(of: height) { @Sendable band in
      for row in band {
        let line = table.pointer + row * field.columns * 2
        let fromX = changeX.pointer + row * field.width
        let fromY = changeY.pointer + row * field.width
        for cell in 0..<(field.columns - 3) {
          var sumX = SIMD4<Float>(repeating: 0)
          var sumY = sumX
          let first = cell * field.knotPixels
          for column in first..<max(first, min(field.width, first + field.knotPixels)) {
            let horizontal = field.weights[column - first]
            sumX += horizontal * fromX[column]
            sumY += horizontal * fromY[column]
          }
          for l in 0..<4 {
            line[cell + l] += sumX[l]
            line[field.columns + cell + l] += sumY[l]
          }
        }
      }
    }
    let half = columns * rows
    var result = [Double](repeating: 0, count: 2 * half)
    for row in 0..<height {
      let vertical = weights[row % knotPixels]
      let start = row / knotPixels * columns
      let line = table.pointer + row * columns * 2
      for m in 0..<4 {
        let weight = Double(vertical[m])
        for column in 0..<columns {
          let byX = Double(line[column])
          let byY = Double(line[columns + column])
          result[start + m * columns + column] += weight * (affine.a * byX + affine.d * byY)
          result[half + start + m * columns + column] += weight * (affine.b * byX + affine.e * byY)
        }
      }
    }
    return result
  }
}
