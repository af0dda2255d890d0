import Foundation
import Rasters

/// Bends a large section tile by tile, so that memory does not grow with the slide.
///
/// A tile is aligned together with a margin of two cells around it, and only the control points of its own
/// cells are kept: their support lies in tile and margin. Tiles follow one another, each beginning where
/// those before it ended, so the result is the same for any number of threads.
struct TiledBending<Failure: Error> {
  /// A section at one pixel size, read by the rectangle.
  struct Side {
    let width: Int
    let height: Int
    let read: (PixelRegion) throws(Failure) -> SectionLevel
  }

  let fixed: Side
  let moving: Side
  let pixelSize: Double
  /// Fixed to moving microns; stays as it is.
  let affine: AffineMap
  /// Pixels between knots.
  let knotPixels: Int
  /// The share of the fixed section that is tissue, which the stiffness was chosen for.
  let tissueShare: Double
  let metric: MetricKind
  /// What bending costs in square microns.
  let stiffness: Double
  let options: RegistrationOptions
  let rows: RowLoop

  /// Cells around a tile that take part and are not kept.
  private var margin: Int { 2 }
  /// Cells along the part of a tile that is kept.
  private var tileCells: Int { max(2, options.tilePixels / knotPixels) }
  /// How far beyond the mapped tile the moving section is read, in microns.
  private var reach: Double { max(150, 64 * pixelSize) }

  /// - Parameter start: Where to begin; its spacing is `knotPixels` of the pixels.
  /// - Returns: The better displacement.
  /// - Throws: What reading throws.
  func improved(_ start: DisplacementGrid) throws(Failure) -> DisplacementGrid {
    var grid = start
    let columns = start.columns - 3
    let cellRows = start.rows - 3
    for row in stride(from: 0, to: cellRows, by: tileCells) {
      for column in stride(from: 0, to: columns, by: tileCells) {
        try improve(
          &grid, columns: column..<min(columns, column + tileCells),
          rows: row..<min(cellRows, row + tileCells))
      }
    }
    return grid
  }

  private func improve(
    _ grid: inout DisplacementGrid, columns: Range<Int>, rows cellRows: Range<Int>
  ) throws(Failure) {
    let left = max(0, columns.lowerBound - margin)
    let right = min(grid.columns - 3, columns.upperBound + margin)
    let top = max(0, cellRows.lowerBound - margin)
    let bottom = min(grid.rows - 3, cellRows.upperBound + margin)
    let region = PixelRegion(
      x: left * knotPixels, y: top * knotPixels, width: (right - left) * knotPixels,
      height: (bottom - top) * knotPixels
    ).intersection(PixelRegion(x: 0, y: 0, width: fixed.width, height: fixed.height))
    guard !region.isEmpty, let target = target(of: region, grid) else { return }
    let reference = try fixed.read(region)
    let share = reference.tissue.mean
    guard share > 0.01 else { return }
    var local = affine
    let origin = affine(x: Double(region.x) * pixelSize, y: Double(region.y) * pixelSize)
    local.c = origin.x - Double(target.x) * pixelSize
    local.f = origin.y - Double(target.y) * pixelSize
    let alignment = FreeFormAlignment(
      problem: LevelProblem(
        fixed: reference, moving: try moving.read(target), metric: metric, rows: rows),
      affine: local, knotPixels: knotPixels,
      // The mean similarity is over tissue, the mean bending over everything.
      stiffness: stiffness * tissueShare / share, maxIterations: options.maxIterations)
    let part = alignment.improved(
      grid.part(columns: left..<right + 3, rows: top..<bottom + 3)
    ).grid
    // Control point i lies at knot i − 1; the outermost ones belong to the outermost tiles.
    let firstColumn = columns.lowerBound == 0 ? 0 : columns.lowerBound + 1
    let endColumn = columns.upperBound == grid.columns - 3 ? grid.columns : columns.upperBound + 1
    let firstRow = cellRows.lowerBound == 0 ? 0 : cellRows.lowerBound + 1
    let endRow = cellRows.upperBound == grid.rows - 3 ? grid.rows : cellRows.upperBound + 1
    for row in firstRow..<endRow {
      for column in firstColumn..<endColumn {
        let from = (row - top) * part.columns + column - left
        grid.x[row * grid.columns + column] = part.x[from]
        grid.y[row * grid.columns + column] = part.y[from]
      }
    }
  }

  /// The part of the moving section that a rectangle is mapped to, with ``reach`` around it.
  private func target(of region: PixelRegion, _ grid: DisplacementGrid) -> PixelRegion? {
    var low = SIMD2<Double>(repeating: .infinity)
    var high = SIMD2<Double>(repeating: -.infinity)
    for row in 0...8 {
      for column in 0...8 {
        let x = (Double(region.x) + Double(region.width * column) / 8) * pixelSize
        let y = (Double(region.y) + Double(region.height * row) / 8) * pixelSize
        let shift = grid.displacement(at: MicronPoint(x: x, y: y))
        let place = affine(x: x + shift.x, y: y + shift.y)
        low = pointwiseMin(low, SIMD2(place.x, place.y))
        high = pointwiseMax(high, SIMD2(place.x, place.y))
      }
    }
    let first = ((low - reach) / pixelSize).rounded(.down)
    let last = ((high + reach) / pixelSize).rounded(.up)
    let whole = PixelRegion(x: 0, y: 0, width: moving.width, height: moving.height)
    let part = PixelRegion(
      x: Int(first.x), y: Int(first.y), width: Int(last.x - first.x),
      height: Int(last.y - first.y)
    ).intersection(whole)
    // A metric needs room for its window.
    return part.width > 32 && part.height > 32 ? part : nil
  }
}

extension DisplacementGrid {
  /// The control points of a rectangle of cells.
  func part(columns wanted: Range<Int>, rows wantedRows: Range<Int>) -> DisplacementGrid {
    var result = DisplacementGrid(
      spacing: spacing, columns: wanted.count, rows: wantedRows.count)
    for (index, row) in wantedRows.enumerated() {
      let from = row * columns + wanted.lowerBound
      let to = index * wanted.count
      result.x.replaceSubrange(to..<to + wanted.count, with: x[from..<from + wanted.count])
      result.y.replaceSubrange(to..<to + wanted.count, with: y[from..<from + wanted.count])
    }
    return result
  }
}
