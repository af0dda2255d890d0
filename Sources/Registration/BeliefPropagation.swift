/// One shift for each node of a lattice such that costs are low and neighbours agree: min-sum loopy belief
/// propagation with quadratic disagreement.
///
/// Reference: Felzenszwalb and Huttenlocher 2006, IJCV 70(1), section 4.
struct BeliefPropagation {
  /// Nodes from left to right and from top to bottom.
  let columns: Int
  let rows: Int
  /// The side of the square of shifts, in pixels; at most ``paddedSide``.
  let side: Int
  /// What a pixel of disagreement costs, times its square.
  let coupling: Float
  let loop: RowLoop

  /// The rows of a square of shifts are that long.
  static let paddedSide = 24
  /// The cost of what may not be.
  static let never: Float = 1e6
  private static let rounds = 16

  struct Shifts {
    /// The chosen one's place in a node's costs.
    var labels: [Int]
    /// The lowest place of the parabola through it and its neighbours, in pixels from the square's corner.
    var x: [Float]
    var y: [Float]
  }

  /// The numbers that one node's costs take.
  static let stride = paddedSide * paddedSide

  /// - Parameter costs: `[node, 24, 24]`; ``never`` beyond the square.
  /// - Returns: One shift a node.
  func shifts(_ costs: FloatBuffer) -> Shifts {
    let stride = Self.stride
    let count = columns * rows
    // Messages to a node from its left, right, upper and lower neighbour.
    let messages = FloatBuffer(count: count * 4 * stride)
    let disagreement = (0..<Self.paddedSide).map { coupling * Float($0 * $0) }
    let (columns, rows) = (columns, rows)
    for round in 0..<2 * Self.rounds {
      // The nodes of one colour of a chessboard speak, those of the other listen.
      loop.forEach(count: count) { @Sendable node in
        let (column, row) = (node % columns, node / columns)
        guard (column + row) % 2 == round % 2 else { return }
        let scratch = Scratch()
        let own = costs.pointer + node * stride
        let incoming = messages.pointer + node * 4 * stride
        for index in 0..<stride {
          scratch.belief[index] =
            own[index] + incoming[index] + incoming[stride + index] + incoming[2 * stride + index]
            + incoming[3 * stride + index]
        }
        // To the right neighbour, who hears it from its left, and so on.
        for (dx, dy, from, slot) in [(1, 0, 1, 0), (-1, 0, 0, 1), (0, 1, 3, 2), (0, -1, 2, 3)] {
          guard (0..<columns).contains(column + dx), (0..<rows).contains(row + dy) else { continue }
          let neighbour = (row + dy) * columns + column + dx
          for index in 0..<stride {
            scratch.first[index] = scratch.belief[index] - incoming[from * stride + index]
          }
          Self.spread(scratch, disagreement)
          let target = messages.pointer + (neighbour * 4 + slot) * stride
          var least = Float.infinity
          for index in 0..<stride { least = min(least, scratch.first[index]) }
          for index in 0..<stride { target[index] = scratch.first[index] - least }
        }
      }
    }
    return chosen(costs, messages)
  }

  private func chosen(_ costs: FloatBuffer, _ messages: FloatBuffer) -> Shifts {
    let stride = Self.stride
    let padded = Self.paddedSide
    var result = Shifts(labels: [], x: [], y: [])
    for node in 0..<columns * rows {
      let incoming = messages.pointer + node * 4 * stride
      func belief(_ row: Int, _ column: Int) -> Float {
        let index = row * padded + column
        return costs.pointer[node * stride + index] + incoming[index] + incoming[stride + index]
          + incoming[2 * stride + index] + incoming[3 * stride + index]
      }
      var best = (row: 0, column: 0, value: Float.infinity)
      for row in 0..<side {
        for column in 0..<side where belief(row, column) < best.value {
          best = (row, column, belief(row, column))
        }
      }
      func vertex(_ before: Float, _ after: Float) -> Float {
        let bend = before - 2 * best.value + after
        return bend > 0 ? max(-0.5, min(0.5, 0.5 * (before - after) / bend)) : 0
      }
      let isInside =
        best.row > 0 && best.column > 0 && best.row < side - 1 && best.column < side - 1
      result.labels.append(best.row * padded + best.column)
      result.x.append(
        Float(best.column)
          + (isInside
            ? vertex(belief(best.row, best.column - 1), belief(best.row, best.column + 1)) : 0))
      result.y.append(
        Float(best.row)
          + (isInside
            ? vertex(belief(best.row - 1, best.column), belief(best.row + 1, best.column)) : 0))
    }
    return result
  }

  /// Leaves `min over d of first(d) + disagreement(d − d′)` in `first`, an axis after the other.
  private static func spread(_ scratch: Scratch, _ disagreement: [Float]) {
    disagreement.withUnsafeBufferPointer { disagreement in
      for _ in 0..<2 {
        for target in 0..<paddedSide {
          for block in 0..<paddedSide / 8 {
            var least = SIMD8<Float>(repeating: never)
            for source in 0..<paddedSide {
              let values = UnsafeRawPointer(scratch.first + source * paddedSide + block * 8)
                .loadUnaligned(as: SIMD8<Float>.self)
              let candidate = values + disagreement[abs(source - target)]
              least = least.replacing(with: candidate, where: candidate .< least)
            }
            // Written turned about the diagonal, so that the second turn works on the other axis.
            for lane in 0..<8 {
              scratch.second[(block * 8 + lane) * paddedSide + target] = least[lane]
            }
          }
        }
        swap(&scratch.first, &scratch.second)
      }
    }
  }

  private final class Scratch {
    let belief: UnsafeMutablePointer<Float>
    var first: UnsafeMutablePointer<Float>
    var second: UnsafeMutablePointer<Float>

    init() {
      let count = paddedSide * paddedSide
      belief = .allocate(capacity: 3 * count)
      first = belief + count
      second = belief + 2 * count
    }

    deinit { belief.deallocate() }
  }
}
