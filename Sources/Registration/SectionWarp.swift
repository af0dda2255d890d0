import Rasters

/// A moving section's planes in the fixed grid.
struct WarpedPlanes: Sendable {
  /// Density in red light; 0 outside.
  let density: Plane
  /// 1 where the moving section is known.
  let inside: MaskPlane
  /// 1 on the moving section's tissue.
  let tissue: MaskPlane

  /// Warps a level by a map from fixed to moving microns.
  ///
  /// Where `region` is given, `fixed` is that part of the fixed grid, in its pixels.
  init(
    fixed: SectionLevel, moving: SectionLevel, affine: AffineMap, displacement: DisplacementGrid?,
    rows: RowLoop, region: PixelRegion? = nil
  ) {
    let (width, height) = (fixed.width, fixed.height)
    let (left, top) = (region?.x ?? 0, region?.y ?? 0)
    let pixelSize = fixed.pixelSize
    var values = [Float](repeating: 0, count: width * height)
    var known = MaskPlane(width: width, height: height)
    var shown = known
    values.withUnsafeMutableBufferPointer { density in
      known.withParts { inside in
        shown.withParts { tissue in
          // Every band writes to rows of its own.
          nonisolated(unsafe) let (density, inside, tissue) = (density, inside, tissue)
          rows.forEachBand(of: height) { @Sendable band in
            for row in band {
              for column in 0..<width {
                var x = (Double(column + left) + 0.5) * pixelSize
                var y = (Double(row + top) + 0.5) * pixelSize
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
                density[index] = moving.density.sampledBilinear(x: movingX, y: movingY)
                inside[index] = moving.valid[pixelX, pixelY] > 0.5 ? MaskPlane.one : 0
                tissue[index] = moving.tissue[pixelX, pixelY] > 0.5 ? MaskPlane.one : 0
              }
            }
          }
        }
      }
    }
    density = Plane(width: width, height: height, values: values)
    inside = known
    tissue = shown
  }

  /// Twice the shared tissue over the sum of both, where both sections are known.
  func dice(fixed: SectionLevel) -> Double {
    var both = 0.0
    var sum = 0.0
    for index in inside.parts.indices where inside[index] > 0 {
      let here = fixed.tissue[index] > 0.5
      let there = tissue[index] > 0.5
      if here && there { both += 2 }
      sum += (here ? 1 : 0) + (there ? 1 : 0)
    }
    return sum > 0 ? both / sum : 0
  }
}

extension WarpedPlanes {
  /// How well two sections agree, 0…1: the mean squared local correlation over fixed tissue that the moving
  /// section covers, times the root of the masks' Dice coefficient, which keeps small overlaps low.
  func agreement(fixed: SectionLevel, rows: RowLoop) -> Double {
    similarity(fixed: fixed, rows: rows) * dice(fixed: fixed).squareRoot()
  }

  /// The mean squared local correlation over fixed tissue that the moving section covers, 0…1.
  func similarity(fixed: SectionLevel, rows: RowLoop) -> Double {
    similarity(fixed: fixed, weights: fixed.tissue.products(with: inside), rows: rows)
  }

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
    // Strip by strip, each with the rows its windows reach into, so that memory stays bounded.
    let radius = 4
    var sum = 0.0
    for top in stride(from: 0, to: fixed.height, by: Self.stripHeight) {
      let bottom = min(fixed.height, top + Self.stripHeight)
      let first = max(0, top - radius)
      let last = min(fixed.height, bottom + radius)
      func strip(_ values: [Float]) -> [Float] {
        Array(values[first * fixed.width..<last * fixed.width])
      }
      var counted = strip(weights)
      for row in first..<last where row < top || row >= bottom {
        for index in (row - first) * fixed.width..<(row - first + 1) * fixed.width {
          counted[index] = 0
        }
      }
      let metric = LocalCorrelationMetric(
        reference: FloatBuffer(strip(fixed.density.values)), width: fixed.width,
        height: last - first, radius: radius, rows: rows)
      sum += metric.evaluate(
        warped: FloatBuffer(strip(density.values)), weights: FloatBuffer(counted),
        derivative: FloatBuffer(count: counted.count), rows: rows)
    }
    return 1 - sum / total
  }

  private static let stripHeight = 1024
}
