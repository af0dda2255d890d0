/// The parts of a lattice's chosen cells that hang together by their sides.
struct ConnectedParts {
  /// `[rows, columns]`: the part of each cell, −1 where the cell is not chosen.
  let labels: [Int]
  /// How many cells each part has.
  let sizes: [Int]

  /// Parts are counted from left to right and top to bottom, by their first cell.
  init(_ cells: [Bool], columns: Int, rows: Int) {
    var labels = [Int](repeating: -1, count: cells.count)
    var sizes: [Int] = []
    var stack: [Int] = []
    for start in cells.indices where cells[start] && labels[start] < 0 {
      labels[start] = sizes.count
      stack.append(start)
      var size = 0
      while let index = stack.popLast() {
        size += 1
        let column = index % columns
        let row = index / columns
        for (nextColumn, nextRow) in [
          (column - 1, row), (column + 1, row), (column, row - 1), (column, row + 1),
        ] where nextColumn >= 0 && nextRow >= 0 && nextColumn < columns && nextRow < rows {
          let next = nextRow * columns + nextColumn
          if cells[next] && labels[next] < 0 {
            labels[next] = sizes.count
            stack.append(next)
          }
        }
      }
      sizes.append(size)
    }
    self.labels = labels
    self.sizes = sizes
  }
}
