public import Rasters

/// How far blocks of tissue still lie from each other, on a lattice over the fixed section.
public struct ResidualMap: Hashable, Codable, Sendable {
  /// Microns between block centres; the first lies half a spacing from the origin.
  public let spacing: Double
  /// Blocks from left to right.
  public let columns: Int
  /// Blocks from top to bottom.
  public let rows: Int
  /// `[rows, columns]`, microns; −1 where there is no tissue or no clear match.
  public let microns: [Float]

  /// Makes a map from its values.
  ///
  /// - Precondition: `microns` holds `columns · rows` numbers.
  public init(spacing: Double, columns: Int, rows: Int, microns: [Float]) {
    precondition(microns.count == columns * rows, "a residual map with wrong counts")
    self.spacing = spacing
    self.columns = columns
    self.rows = rows
    self.microns = microns
  }

  /// Whether the numbers can be a map.
  public var isWellFormed: Bool {
    spacing > 0 && columns >= 0 && rows >= 0 && columns < 1 << 20 && rows < 1 << 20
      && microns.count == columns * rows
  }

  /// The middle residual over all blocks with a clear match, in microns; nothing where there is none.
  public var median: Double? { Self.median(microns.filter { $0 >= 0 }) }

  /// The residual at a rectangle of the fixed frame: the median over its blocks and their neighbours.
  ///
  /// The search widens from one block to four around the rectangle until three blocks with a clear match
  /// are found.
  ///
  /// - Parameters:
  ///   - origin: The rectangle's first corner, in microns of the fixed frame.
  ///   - size: Its size in microns.
  /// - Returns: Microns; nothing where no block near it has a clear match, which a gate has to count as bad.
  public func residual(origin: MicronPoint, size: MicronPoint) -> Double? {
    let left = Int((origin.x / spacing).rounded(.down))
    let right = Int(((origin.x + size.x) / spacing).rounded(.down))
    let top = Int((origin.y / spacing).rounded(.down))
    let bottom = Int(((origin.y + size.y) / spacing).rounded(.down))
    for margin in 1...4 {
      var found: [Float] = []
      for row in max(0, top - margin)..<max(0, min(rows, bottom + margin + 1)) {
        for column in max(0, left - margin)..<max(0, min(columns, right + margin + 1)) {
          let value = microns[row * columns + column]
          if value >= 0 { found.append(value) }
        }
      }
      if found.count >= 3 { return Self.median(found) }
    }
    return nil
  }

  /// Whether the block at a point of the fixed frame has a clear match that near.
  func agrees(at point: MicronPoint, within limit: Double) -> Bool {
    let column = Int((point.x / spacing).rounded(.down))
    let row = Int((point.y / spacing).rounded(.down))
    guard (0..<columns).contains(column), (0..<rows).contains(row) else { return false }
    let value = microns[row * columns + column]
    return value >= 0 && Double(value) <= limit
  }

  private static func median(_ values: [Float]) -> Double? {
    guard !values.isEmpty else { return nil }
    return Double(values.sorted()[values.count / 2])
  }

  private enum CodingKeys: String, CodingKey {
    case spacing = "spacing_um"
    case columns
    case rows
    case microns = "um"
  }
}
