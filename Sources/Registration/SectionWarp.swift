import Rasters

/// A moving section's planes in the fixed grid.
struct WarpedPlanes: Sendable {
  /// Density; 0 outside.
  let density: Plane
  /// 1 where the moving section is known.
  let inside: Plane
  /// 1 on the moving section's tissue.
  let tissue: Plane

  /// Warps a level by a map from fixed to moving microns.
  init(
    fixed: SectionLevel, moving: SectionLevel, affine: AffineMap, displacement: DisplacementGrid?,
    rows: RowLoop
  ) {
    let width = fixed.width
    let density = FloatBuffer(count: width * fixed.height)
    let inside = FloatBuffer(count: width * fixed.height)
    let tissue = FloatBuffer(count: width * fixed.height)
    let pixelSize = fixed.pixelSize
    rows.forEachBand(of: fixed.height) { @Sendable band in
      for row in band {
        for column in 0..<width {
          var x = (Double(column) + 0.5) * pixelSize
          var y = (Double(row) + 0.5) * pixelSize
          if let displacement {
            let shift = displacement.displacement(at: MicronPoint(x: x, y: y))
            x += shift.x
            y += shift.y
          }
          let place = affine(x: x, y: y)
          let movingX = place.x / moving.pixelSize
          let movingY = place.y / moving.pixelSize
          guard movingX >= 0, movingY >= 0, movingX < Double(moving.width),
            movingY < Double(moving.height)
          else { continue }
          let index = row * width + column
          let pixelX = Int(movingX)
          let pixelY = Int(movingY)
          density.pointer[index] = moving.density.sampledBilinear(x: movingX, y: movingY)
          inside.pointer[index] = moving.valid[pixelX, pixelY] > 0.5 ? 1 : 0
          tissue.pointer[index] = moving.tissue[pixelX, pixelY] > 0.5 ? 1 : 0
        }
      }
    }
    self.density = Plane(width: width, height: fixed.height, values: density.values)
    self.inside = Plane(width: width, height: fixed.height, values: inside.values)
    self.tissue = Plane(width: width, height: fixed.height, values: tissue.values)
  }

  /// Twice the shared tissue over the sum of both, where both sections are known.
  func dice(fixed: SectionLevel) -> Double {
    var both = 0.0
    var sum = 0.0
    for index in inside.values.indices where inside.values[index] > 0 {
      let here = fixed.tissue.values[index] > 0.5
      let there = tissue.values[index] > 0.5
      if here && there { both += 2 }
      sum += (here ? 1 : 0) + (there ? 1 : 0)
    }
    return sum > 0 ? both / sum : 0
  }
}

extension WarpedPlanes {
  /// The mean squared local correlation of the densities, over a window of nine pixels.
  ///
  /// - Parameters:
  ///   - fixed: The level whose grid this is.
  ///   - weights: One a pixel.
  ///   - rows: The threads.
  /// - Returns: 0…1; 0 where nothing counts.
  func similarity(fixed: SectionLevel, weights: [Float], rows: RowLoop) -> Double {
    let total = weights.reduce(0) { $0 + Double($1) }
    guard total > 0 else { return 0 }
    let metric = LocalCorrelationMetric(
      reference: FloatBuffer(fixed.density.values), width: fixed.width, height: fixed.height,
      radius: 4, rows: rows)
    let sum = metric.evaluate(
      warped: FloatBuffer(density.values), weights: FloatBuffer(weights),
      derivative: FloatBuffer(count: weights.count), rows: rows)
    return 1 - sum / total
  }
}
