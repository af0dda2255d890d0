/// Pieces of tissue that lie on the other section's glass: laid elsewhere when the sections were mounted.
struct StrayTissue {
  /// Of the fixed tissue that the moving slide shows, the share that lies in such pieces.
  let fixedShare: Double
  /// Of the moving tissue, the share that lies in such pieces or beyond the fixed slide.
  let movingShare: Double
  /// Of the fixed tissue, the share that the moving slide does not show.
  let fixedBeyond: Double
  /// Of the moving tissue, the share that lies beyond the fixed slide.
  let movingBeyond: Double

  /// What lies beyond the other slide on both sides.
  ///
  /// A section that is cut off lies beyond on one side alone; in a row of sections that is mapped one section off,
  /// a whole section does on either side.
  var beyondShare: Double { min(fixedBeyond, movingBeyond) }

  /// What both sections have elsewhere than the other.
  ///
  /// Tissue that one of them has lost is missing on one side alone.
  var share: Double { min(fixedShare, movingShare) }

  /// A piece of which less lies on the other section's tissue lies on its glass.
  private static let leastCover = 0.2

  /// Looks at the pieces of both sections, where both slides are known.
  ///
  /// - Parameters:
  ///   - fixed: The fixed section at a pixel size at which pieces hang together, about 16 µm.
  ///   - warped: The moving section in its grid.
  ///   - movingArea: The moving section's tissue in square microns of the fixed section.
  init(fixed: SectionLevel, warped: WarpedPlanes, movingArea: Double) {
    let (columns, rows) = (fixed.width, fixed.height)
    let known = (0..<columns * rows).map { warped.inside[$0] > 0.5 && fixed.valid[$0] > 0.5 }
    let here = known.indices.map { known[$0] && fixed.tissue[$0] > 0.5 }
    let there = known.indices.map { known[$0] && warped.tissue[$0] > 0.5 }
    let fixedCells = Self.cells(here, over: there, columns: columns, rows: rows)
    fixedShare = Double(fixedCells.stray) / Double(max(1, fixedCells.total))
    let movingCells = Self.cells(there, over: here, columns: columns, rows: rows)
    let whole = movingArea / (fixed.pixelSize * fixed.pixelSize)
    let beyond = max(0, whole - Double(movingCells.total))
    movingShare = (Double(movingCells.stray) + beyond) / max(1, whole)
    movingBeyond = beyond / max(1, whole)
    let fixedCount = known.indices.count { fixed.valid[$0] > 0.5 && fixed.tissue[$0] > 0.5 }
    fixedBeyond = Double(fixedCount - fixedCells.total) / Double(max(1, fixedCount))
  }

  private static func cells(
    _ cells: [Bool], over others: [Bool], columns: Int, rows: Int
  ) -> (stray: Int, total: Int) {
    let parts = ConnectedParts(cells, columns: columns, rows: rows)
    var covered = [Int](repeating: 0, count: parts.sizes.count)
    for index in cells.indices where cells[index] && others[index] {
      covered[parts.labels[index]] += 1
    }
    let stray = parts.sizes.indices.filter {
      Double(covered[$0]) < leastCover * Double(parts.sizes[$0])
    }.reduce(0) { $0 + parts.sizes[$1] }
    return (stray, parts.sizes.reduce(0, +))
  }
}
