import Foundation

extension BlockTest {
  /// Of the blocks that can be judged, those whose five by five neighbourhood has far fewer near matches than the
  /// section has where it fits.
  ///
  /// Of a piece of tissue too small for that (at least four blocks) the whole piece counts instead. A near match is
  /// a clear one within ``supportMicrons``, times the scale. What the section has where it fits is the ninth
  /// decile of its neighbourhoods, or what its best piece has at least: the mean would fall with the very places that do
  /// not fit, and of twelve pieces one may be all that fits. A neighbourhood is unsupported when it has less
  /// than a quarter of that and chance (a binomial draw) would leave it so few once in a hundred times at most.
  ///
  /// - Parameters:
  ///   - values: Row by row, microns divided by the scale; −1 without a clear match, −2 without tissue.
  ///   - columns: Blocks in a row.
  ///   - rows: Rows of blocks.
  /// - Returns: A share of the blocks that can be judged; 0 where none can.
  package static func unsupportedShare(
    _ values: [Float], columns: Int, rows: Int
  ) -> Double {
    let pieces = ConnectedParts(values.map { $0 > -1.5 }, columns: columns, rows: rows)
    var nearOfPiece = [Int](repeating: 0, count: pieces.sizes.count)
    for (index, value) in values.enumerated() where value >= 0 && value <= supportMicrons {
      nearOfPiece[pieces.labels[index]] += 1
    }
    var places: [(count: Int, near: Int)] = []
    for row in 0..<rows {
      for column in 0..<columns where values[row * columns + column] > -1.5 {
        var place = (count: 0, near: 0)
        for y in max(0, row - 2)...min(rows - 1, row + 2) {
          for x in max(0, column - 2)...min(columns - 1, column + 2) {
            let value = values[y * columns + x]
            if value > -1.5 { place.count += 1 }
            if value >= 0, value <= supportMicrons { place.near += 1 }
          }
        }
        // Fewer than twelve blocks say nothing about a place, four about a piece.
        if place.count >= 12 {
          places.append(place)
        } else {
          let piece = pieces.labels[row * columns + column]
          if pieces.sizes[piece] >= 4 { places.append((pieces.sizes[piece], nearOfPiece[piece])) }
        }
      }
    }
    guard !places.isEmpty else { return 0 }
    let shares = places.map { Double($0.near) / Double($0.count) }.sorted()
    let best =
      pieces.sizes.indices.map { leastShare(nearOfPiece[$0], of: pieces.sizes[$0]) }.max() ?? 0
    let usual = min(0.99, max(shares[shares.count * 9 / 10], best))
    let unsupported = places.count { place in
      Double(place.near) < 0.25 * usual * Double(place.count)
        && lowerTail(place.near, of: place.count, share: usual) < 0.01
    }
    return Double(unsupported) / Double(places.count)
  }

  /// The share of which chance would leave `near` of `count` or more once in a hundred times: what a piece has
  /// at least, however few its blocks are.
  ///
  /// Reference: Clopper and Pearson 1934, Biometrika 26:404, the lower limit.
  private static func leastShare(_ near: Int, of count: Int) -> Double {
    guard near > 0 else { return 0 }
    var range = 0.0...(Double(near) / Double(count))
    for _ in 0..<30 {
      let middle = (range.lowerBound + range.upperBound) / 2
      if 1 - lowerTail(near - 1, of: count, share: middle) < 0.01 {
        range = middle...range.upperBound
      } else {
        range = range.lowerBound...middle
      }
    }
    return range.lowerBound
  }

  /// The probability of at most `near` of `count` where each comes with a probability.
  private static func lowerTail(_ near: Int, of count: Int, share: Double) -> Double {
    var term = pow(1 - share, Double(count))
    var sum = term
    for step in 0..<near {
      term *= Double(count - step) / Double(step + 1) * share / (1 - share)
      sum += term
    }
    return sum
  }
}
