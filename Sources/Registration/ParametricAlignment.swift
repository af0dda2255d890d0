import Foundation
import Rasters

/// Improves a straight map between two sections at one pixel size.
struct ParametricAlignment {
  /// Which numbers may change.
  enum Freedom: Sendable {
    /// Turn and shift.
    case rigid
    /// All six numbers.
    case affine
  }

  let problem: LevelProblem
  let freedom: Freedom
  var maxIterations = 40

  /// - Parameter start: Fixed to moving microns.
  /// - Returns: The better map, its mean dissimilarity over the fixed tissue, and the covered share of that.
  func improved(_ start: AffineMap) -> (map: AffineMap, value: Double, overlap: Double) {
    let centre = tissueCentre()
    let reach = max(1, 0.35 * Double(max(problem.width, problem.height)))
    let count = freedom == .rigid ? 3 : 6
    var minimizer = LimitedMemoryMinimizer()
    minimizer.maxIterations = maxIterations
    let result = minimizer.minimum(from: [Double](repeating: 0, count: count)) { numbers in
      evaluate(numbers, start: start, centre: centre, reach: reach)
    }
    let map = self.map(result.point, start: start, centre: centre, reach: reach)
    fill(map)
    return (map, result.value, problem.evaluate().overlap)
  }

  /// The map that a change of the start makes; numbers are pixels of shift at `reach` from the centre.
  private func map(
    _ numbers: [Double], start: AffineMap, centre: MicronPoint, reach: Double
  ) -> AffineMap {
    var linear = AffineMap.identity
    if freedom == .rigid {
      let angle = numbers[2] / reach
      linear = AffineMap(a: cos(angle), b: -sin(angle), c: 0, d: sin(angle), e: cos(angle), f: 0)
    } else {
      linear = AffineMap(
        a: 1 + numbers[2] / reach, b: numbers[3] / reach, c: 0, d: numbers[4] / reach,
        e: 1 + numbers[5] / reach, f: 0)
    }
    linear.c = centre.x - linear.a * centre.x - linear.b * centre.y + numbers[0] * problem.pixelSize
    linear.f = centre.y - linear.d * centre.x - linear.e * centre.y + numbers[1] * problem.pixelSize
    return linear.followed(by: start)
  }

  private func fill(_ map: AffineMap) {
    let width = problem.width
    let (placeX, placeY) = (problem.placeX, problem.placeY)
    // In pixels of both levels, whose pixel sizes are equal.
    let shiftX = map.c / problem.pixelSize
    let shiftY = map.f / problem.pixelSize
    problem.rows.forEachBand(of: problem.height) { @Sendable band in
      for row in band {
        let y = Double(row) + 0.5
        for column in 0..<width {
          let x = Double(column) + 0.5
          placeX.pointer[row * width + column] = Float(map.a * x + map.b * y + shiftX)
          placeY.pointer[row * width + column] = Float(map.d * x + map.e * y + shiftY)
        }
      }
    }
  }

  private func evaluate(
    _ numbers: [Double], start: AffineMap, centre: MicronPoint, reach: Double
  ) -> (value: Double, gradient: [Double]) {
    fill(map(numbers, start: start, centre: centre, reach: reach))
    let value = problem.evaluate().value
    // Sums of the change by x and by y: alone, times x and times y, about the centre.
    let width = problem.width
    let height = problem.height
    let (changeX, changeY) = (problem.placeX, problem.placeY)
    let centreX = Float(centre.x / problem.pixelSize)
    let centreY = Float(centre.y / problem.pixelSize)
    let table = DoubleBuffer(count: height * 6)
    problem.rows.forEachBand(of: height) { @Sendable band in
      for row in band {
        var sums = SIMD8<Float>(repeating: 0)
        let y = Float(row) + 0.5 - centreY
        for column in 0..<width {
          let x = Float(column) + 0.5 - centreX
          let byX = changeX.pointer[row * width + column]
          let byY = changeY.pointer[row * width + column]
          sums += SIMD8(byX, byY, byX * x, byX * y, byY * x, byY * y, 0, 0)
        }
        for index in 0..<6 { table.pointer[row * 6 + index] = Double(sums[index]) }
      }
    }
    var sums = [Double](repeating: 0, count: 6)
    for row in 0..<height {
      for index in 0..<6 { sums[index] += table.pointer[row * 6 + index] }
    }
    return (value, gradient(sums, numbers: numbers, start: start, reach: reach))
  }

  /// From changes by the moving place to changes by the numbers: through `start`'s linear part first.
  private func gradient(
    _ sums: [Double], numbers: [Double], start: AffineMap, reach: Double
  ) -> [Double] {
    let x = start.a * sums[0] + start.d * sums[1]
    let y = start.b * sums[0] + start.e * sums[1]
    let xx = start.a * sums[2] + start.d * sums[4]
    let xy = start.a * sums[3] + start.d * sums[5]
    let yx = start.b * sums[2] + start.e * sums[4]
    let yy = start.b * sums[3] + start.e * sums[5]
    guard freedom == .rigid else {
      return [x, y, xx / reach, xy / reach, yx / reach, yy / reach]
    }
    let angle = numbers[2] / reach
    let turn = -sin(angle) * (xx + yy) + cos(angle) * (yx - xy)
    return [x, y, turn / reach]
  }

  private func tissueCentre() -> MicronPoint {
    var sumX = 0.0
    var sumY = 0.0
    for row in 0..<problem.height {
      for column in 0..<problem.width {
        let weight = Double(problem.weights.pointer[row * problem.width + column])
        sumX += weight * (Double(column) + 0.5)
        sumY += weight * (Double(row) + 0.5)
      }
    }
    let scale = problem.pixelSize / problem.totalWeight
    return MicronPoint(x: sumX * scale, y: sumY * scale)
  }
}
