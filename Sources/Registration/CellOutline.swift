import Foundation

/// The edges between cells that are meant and others, and how straight they run.
struct CellOutline {
  private let cells: [Bool]
  private let columns: Int
  private let rows: Int

  /// Cells over which an edge has to follow a row or column: 256 µm, which tissue hardly does.
  private static let axisRun = 8
  /// Of all edges, those that have to follow rows and columns: outlines of tissue have up to 0.4, filling after JPEG 0.74
  /// and more.
  private static let leastAlongAxes = 0.6
  /// Of all edges, those that have to follow long lines: outlines of tissue and pen have up to 0.6, turned pictures 0.99.
  private static let leastAlongLines = 0.9
  /// Cells over which an edge has to follow a line in any direction: 1 mm, as those of a turned picture do.
  private static let lineRun = 32.0
  /// A line that is half as wide on each side takes an edge of cells in, in cells.
  private static let lineWidth = 2.0
  /// Edges of a turned picture of 60 × 60 mm are shorter.
  private static let mostPoints = 8_000

  /// - Parameters:
  ///   - cells: Whether each cell is meant, row by row.
  ///   - columns: Cells in a row.
  ///   - rows: Cells in a column.
  init(of cells: [Bool], columns: Int, rows: Int) {
    self.cells = cells
    self.columns = columns
    self.rows = rows
  }

  /// Whether the edges run straight, along the axes or, as those of a turned picture, along long lines in any direction.
  var isStraight: Bool {
    axisShare >= Self.leastAlongAxes || lineShare >= Self.leastAlongLines
  }

  /// The share of the edges that belongs to runs along rows and columns.
  private var axisShare: Double {
    var straight = 0
    var total = 0
    /// Follows one line between two rows or columns of cells.
    func follow(count: Int, _ pair: (Int) -> (Bool, Bool)) {
      var run = 0
      var side = false
      for place in 0...count {
        let (before, after) = place < count ? pair(place) : (false, false)
        if run > 0, before == after || before != side {
          total += run
          if run >= Self.axisRun { straight += run }
          run = 0
        }
        if before != after {
          side = before
          run += 1
        }
      }
    }
    for row in 0..<max(0, rows - 1) {
      follow(count: columns) { (cells[row * columns + $0], cells[(row + 1) * columns + $0]) }
    }
    for column in 0..<max(0, columns - 1) {
      follow(count: rows) { (cells[$0 * columns + column], cells[$0 * columns + column + 1]) }
    }
    return total > 0 ? Double(straight) / Double(total) : 0
  }

  /// The share of the edges that belongs to long lines.
  private var lineShare: Double {
    let points = middles
    guard !points.isEmpty, points.count <= Self.mostPoints else { return 0 }
    var isStraight = [Bool](repeating: false, count: points.count)
    for degrees in 0..<180 {
      let angle = Double(degrees) * .pi / 180
      let (cosine, sine) = (cos(angle), sin(angle))
      // Every line lies well inside one of two strips that overlap by half.
      for offset in [0, 0.5] {
        let numbers = points.map { point in
          let distance = (point.x * cosine + point.y * sine) / Self.lineWidth + offset
          return Int(distance.rounded(.down))
        }
        for strip in Self.groups(numbers, ofAtLeast: Int(Self.lineRun)) {
          let places = strip.map { (index: $0, along: points[$0].y * cosine - points[$0].x * sine) }
            .sorted { $0.along < $1.along }
          var first = 0
          for next in 1...places.count
          where next == places.count || places[next].along - places[next - 1].along > 2 {
            if places[next - 1].along - places[first].along >= Self.lineRun {
              for place in places[first..<next] { isStraight[place.index] = true }
            }
            first = next
          }
        }
      }
    }
    return Double(isStraight.count { $0 }) / Double(points.count)
  }

  /// The places at which each number stands that stands at enough of them.
  private static func groups(_ numbers: [Int], ofAtLeast least: Int) -> [[Int]] {
    guard let lowest = numbers.min(), let highest = numbers.max() else { return [] }
    var counts = [Int](repeating: 0, count: highest - lowest + 1)
    for number in numbers { counts[number - lowest] += 1 }
    var groups: [[Int]] = []
    let group = counts.map { count -> Int? in
      guard count >= least else { return nil }
      groups.append([])
      return groups.count - 1
    }
    for (place, number) in numbers.enumerated() {
      if let index = group[number - lowest] { groups[index].append(place) }
    }
    return groups
  }

  /// The middle of every edge, in cells.
  private var middles: [(x: Double, y: Double)] {
    var points: [(x: Double, y: Double)] = []
    for row in 0..<rows {
      for column in 0..<columns {
        let cell = cells[row * columns + column]
        if column + 1 < columns, cell != cells[row * columns + column + 1] {
          points.append((Double(column) + 1, Double(row) + 0.5))
        }
        if row + 1 < rows, cell != cells[(row + 1) * columns + column] {
          points.append((Double(column) + 0.5, Double(row) + 1))
        }
      }
    }
    return points
  }
}
