import Rasters

/// Two sections at one pixel size: warps the moving one onto the fixed grid and says how unlike they are.
final class LevelProblem {
  let width: Int
  let height: Int
  let pixelSize: Double
  let rows: RowLoop
  /// For every fixed pixel its place in pixels of the moving level; after an evaluation, how the
  /// dissimilarity changes with that place.
  let placeX: FloatBuffer
  let placeY: FloatBuffer
  /// What each fixed pixel counts.
  let weights: FloatBuffer
  let totalWeight: Double
  private let moving: FloatBuffer
  private let movingWidth: Int
  private let movingHeight: Int
  private let metric: any SimilarityMetric
  private let warped: FloatBuffer
  private let slopeX: FloatBuffer
  private let slopeY: FloatBuffer
  private let inside: FloatBuffer
  private let derivative: FloatBuffer
  /// 1 where the fixed section is known; nothing where it is everywhere.
  private let fixedKnown: FloatBuffer?
  /// 1 where the moving section is known as far around as the metric reaches; nothing where it is everywhere.
  private let movingKnown: FloatBuffer?

  init(fixed: SectionLevel, moving level: SectionLevel, metric kind: MetricKind, rows: RowLoop) {
    width = fixed.width
    height = fixed.height
    pixelSize = fixed.pixelSize
    self.rows = rows
    let count = width * height
    placeX = FloatBuffer(count: count)
    placeY = FloatBuffer(count: count)
    warped = FloatBuffer(count: count)
    slopeX = FloatBuffer(count: count)
    slopeY = FloatBuffer(count: count)
    inside = FloatBuffer(count: count)
    derivative = FloatBuffer(count: count)
    moving = FloatBuffer(kind.values(of: level))
    movingWidth = level.width
    movingHeight = level.height
    weights = FloatBuffer(
      (0..<count).map { fixed.valid[$0] > 0.99 ? fixed.tissue[$0] : 0 })
    let (weights, width) = (weights, width)
    totalWeight = max(
      1,
      rows.sum(overBandsOf: height) { @Sendable band in
        var sum = 0.0
        for index in band.lowerBound * width..<band.upperBound * width {
          sum += Double(weights.pointer[index])
        }
        return sum
      })
    metric = kind.metric(
      for: FloatBuffer(kind.values(of: fixed)), width: width, height: height, weights: weights,
      rows: rows)
    fixedKnown = fixed.knownPixels(reach: 0).map { FloatBuffer($0.values) }
    movingKnown = level.knownPixels(reach: metric.reach).map { FloatBuffer($0.values) }
  }

  /// The mean dissimilarity over the fixed tissue for the places filled in.
  ///
  /// Tissue that falls outside the moving section counts as wholly unlike. Afterwards the places hold the
  /// derivative.
  ///
  /// - Returns: The mean, and the share of the tissue that lies inside the moving section.
  func evaluate() -> (value: Double, overlap: Double) {
    warp()
    let sum = metric.evaluate(warped: warped, weights: inside, derivative: derivative, rows: rows)
    let (width, inside) = (width, inside)
    let covered = rows.sum(overBandsOf: height) { @Sendable band in
      var sum = 0.0
      for index in band.lowerBound * width..<band.upperBound * width {
        sum += Double(inside.pointer[index])
      }
      return sum
    }
    let (placeX, placeY, slopeX, slopeY, derivative) = (placeX, placeY, slopeX, slopeY, derivative)
    let scale = Float(1 / totalWeight)
    rows.forEachBand(of: height) { @Sendable band in
      for index in band.lowerBound * width..<band.upperBound * width {
        let change = derivative.pointer[index] * scale
        placeX.pointer[index] = change * slopeX.pointer[index]
        placeY.pointer[index] = change * slopeY.pointer[index]
      }
    }
    return ((sum + totalWeight - covered) / totalWeight, covered / totalWeight)
  }

  /// 1.5 · 2²³: added to a float of less than 2²² it leaves the nearest integer in the lowest bits.
  private static let roundingOffset: Float = 12_582_912

  /// The largest integer that is not larger, for less than 2²² either way.
  ///
  /// Neither calls the C library, as `rounded` does on the least of x86 processors, nor checks a conversion; for
  /// no number gives one beyond any picture.
  @inline(__always)
  private static func floor(_ value: Float) -> (integer: Int, float: Float) {
    let shifted = value + roundingOffset
    let nearest = shifted - roundingOffset
    let integer = Int(Int32(bitPattern: shifted.bitPattern &- roundingOffset.bitPattern))
    // Not a branch: half of all places would take it, and no processor could tell which.
    let floor = integer &- (nearest > value ? 1 : 0)
    return (floor, Float(floor))
  }

  /// Samples the moving picture and its slope bilinearly; a pixel counts when its metric's reach is inside and known.
  ///
  /// Where the fixed section is unknown both are 0, as they are beyond its edges.
  private func warp() {
    let (width, movingWidth, movingHeight) = (width, movingWidth, movingHeight)
    let (placeX, placeY, warped, slopeX, slopeY) = (placeX, placeY, warped, slopeX, slopeY)
    let (inside, weights, source) = (inside, weights, moving)
    let (fixedKnown, movingKnown) = (fixedKnown, movingKnown)
    let reach = Float(metric.reach) + 0.5
    let right = Float(movingWidth) - reach
    let bottom = Float(movingHeight) - reach
    rows.forEachBand(of: height) { @Sendable band in
      let (placeX, placeY) = (placeX.pointer, placeY.pointer)
      let (warped, slopeX, slopeY) = (warped.pointer, slopeX.pointer, slopeY.pointer)
      let (inside, weights, source) = (inside.pointer, weights.pointer, source.pointer)
      let (fixedKnown, movingKnown) = (fixedKnown?.pointer, movingKnown?.pointer)
      for index in band.lowerBound * width..<band.upperBound * width {
        let placedX = placeX[index]
        let placedY = placeY[index]
        let isInside = placedX >= reach && placedY >= reach && placedX <= right && placedY <= bottom
        inside[index] = isInside ? weights[index] : 0
        let x = min(max(placedX - 0.5, -2), Float(movingWidth) + 1)
        let y = min(max(placedY - 0.5, -2), Float(movingHeight) + 1)
        let (left, leftX) = Self.floor(x)
        let (top, topY) = Self.floor(y)
        guard left >= 0, top >= 0, left < movingWidth - 1, top < movingHeight - 1 else {
          let isNear =
            left >= -1 && top >= -1 && left < movingWidth && top < movingHeight
          warped[index] =
            isNear
            ? source[
              min(max(top, 0), movingHeight - 1) * movingWidth + min(max(left, 0), movingWidth - 1)]
            : 0
          slopeX[index] = 0
          slopeY[index] = 0
          continue
        }
        let across = x - leftX
        let down = y - topY
        let corner = source + (top &* movingWidth &+ left)
        let upperLeft = corner[0]
        let upperRight = corner[1]
        let lowerLeft = corner[movingWidth]
        let lowerRight = corner[movingWidth + 1]
        let upper = upperLeft + across * (upperRight - upperLeft)
        let lower = lowerLeft + across * (lowerRight - lowerLeft)
        if let movingKnown, movingKnown[Int(placedY) * movingWidth + Int(placedX)] == 0 {
          inside[index] = 0
        }
        if let fixedKnown, fixedKnown[index] == 0 {
          warped[index] = 0
          slopeX[index] = 0
          slopeY[index] = 0
          continue
        }
        warped[index] = upper + down * (lower - upper)
        slopeX[index] =
          (1 - down) * (upperRight - upperLeft) + down * (lowerRight - lowerLeft)
        slopeY[index] = lower - upper
      }
    }
  }
}
