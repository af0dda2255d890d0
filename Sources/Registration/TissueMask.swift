public import Rasters

/// Where a section has tissue, stained or not.
public enum TissueMask {
  /// 1 on tissue, 0 on glass, for a picture at a working pixel size.
  ///
  /// - Parameters:
  ///   - image: The section.
  ///   - pixelSize: Microns a pixel.
  /// - Returns: A plane of the picture's size.
  public static func tissue(of image: RGBImage, pixelSize: Double) -> Plane {
    let valid = ForeignMatter.validPixels(image, pixelSize: pixelSize)
    let white = WhitePoint(image, where: valid)
    let density = OpticalDensity.mean(of: image, white: (white.red, white.green, white.blue))
    return tissue(density: density, valid: valid, pixelSize: pixelSize)
  }

  /// 1 on tissue, 0 on glass.
  ///
  /// A cell of 16 µm is tissue when, smoothed over 24 µm, its density or the density's deviation (what an
  /// unstained section shows: edges) exceeds what glass has; the limits fall with the section's own contrast.
  /// Gaps narrower than about 50 µm close; parts under 2 % of the largest are dust.
  static func tissue(density: Plane, valid: Plane, pixelSize: Double) -> Plane {
    let cell = max(1, Int((16 / pixelSize).rounded()))
    let columns = (density.width + cell - 1) / cell
    let rows = (density.height + cell - 1) / cell
    var means = Plane(width: columns, height: rows)
    var deviations = means
    for row in 0..<rows {
      for column in 0..<columns {
        var sum: Float = 0
        var squares: Float = 0
        var count: Float = 0
        for y in row * cell..<min(density.height, (row + 1) * cell) {
          for x in column * cell..<min(density.width, (column + 1) * cell)
          where valid[x, y] > 0 {
            let value = density[x, y]
            sum += value
            squares += value * value
            count += 1
          }
        }
        guard count > 0 else { continue }
        means[column, row] = sum / count
        deviations[column, row] =
          max(0, squares / count - (sum / count) * (sum / count)).squareRoot()
      }
    }
    means = means.blurred(deviation: 1.5)
    deviations = deviations.blurred(deviation: 1.5)
    let densityLimit = Limit.density.value(means.values)
    let deviationLimit = Limit.deviation.value(deviations.values)
    var cells = means.values.indices.map { index in
      means.values[index] > densityLimit || deviations.values[index] > deviationLimit
    }
    cells = closed(cells, columns: columns, rows: rows, radius: 2)
    dropSmallParts(&cells, columns: columns, rows: rows)
    var result = Plane(width: density.width, height: density.height)
    for y in 0..<density.height {
      for x in 0..<density.width where valid[x, y] > 0 && cells[(y / cell) * columns + x / cell] {
        result[x, y] = 1
      }
    }
    return result
  }

  /// What a cell has to exceed to be tissue: a share of the section's highest, at least what glass shows
  /// and at most what every stain exceeds.
  private struct Limit {
    let share: Float
    let noise: Float
    let range: ClosedRange<Float>

    /// Uneven light leaves up to 0.006 on glass; pale stains start at 0.04, unstained tissue at 0.012.
    static let density = Limit(share: 0.35, noise: 0, range: 0.006...0.03)
    /// JPEG and camera noise on glass: 0.0003 to 0.008 (2 levels of 255 are 0.0035), the lowest tenth of
    /// cells tells; unstained tissue has 0.002 and more.
    static let deviation = Limit(share: 0.1, noise: 3, range: 0.001...0.012)

    func value(_ values: [Float]) -> Float {
      let sorted = values.sorted()
      guard let first = sorted.first else { return range.upperBound }
      let low = sorted.count > 10 ? sorted[sorted.count / 10] : first
      let high = sorted[sorted.count * 98 / 100]
      return min(max(high * share, low * noise, range.lowerBound), range.upperBound)
    }
  }

  /// Fills gaps narrower than twice the radius.
  static func closed(_ cells: [Bool], columns: Int, rows: Int, radius: Int) -> [Bool] {
    let grown = spread(cells, columns: columns, rows: rows, radius: radius, value: true)
    return spread(grown, columns: columns, rows: rows, radius: radius, value: false)
  }

  /// Gives `value` to every cell that has a cell of that value within a square of that radius.
  package static func spread(
    _ cells: [Bool], columns: Int, rows: Int, radius: Int, value: Bool
  ) -> [Bool] {
    var across = cells
    for row in 0..<rows {
      for column in 0..<columns {
        let span = max(0, column - radius)...min(columns - 1, column + radius)
        if span.contains(where: { cells[row * columns + $0] == value }) {
          across[row * columns + column] = value
        }
      }
    }
    var result = across
    for row in 0..<rows {
      let span = max(0, row - radius)...min(rows - 1, row + radius)
      for column in 0..<columns
      where span.contains(where: { across[$0 * columns + column] == value }) {
        result[row * columns + column] = value
      }
    }
    return result
  }

  /// Drops connected cells that are fewer than a fiftieth of the largest part.
  static func dropSmallParts(_ cells: inout [Bool], columns: Int, rows: Int) {
    let parts = ConnectedParts(cells, columns: columns, rows: rows)
    let largest = parts.sizes.max() ?? 0
    for index in cells.indices
    where cells[index] && parts.sizes[parts.labels[index]] * 50 < largest {
      cells[index] = false
    }
  }
}
