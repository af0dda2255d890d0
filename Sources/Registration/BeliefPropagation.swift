import Foundation

/// One shift for each node of a lattice such that costs are low and neighbours agree: min-sum loopy belief
/// propagation with quadratic disagreement.
///
/// Of the beliefs that come out, the mean over all shifts is taken with weights `exp(−b / t)`, and not the lowest:
/// where several shifts do about as well, their middle is off by less on average, and how far they are spread
/// says how little the node knows.
///
/// Reference: Felzenszwalb and Huttenlocher 2006, IJCV 70(1), section 4.
package struct BeliefPropagation {
  private let columns: Int
  private let rows: Int
  private let side: Int
  private let coupling: Float
  private let loop: RowLoop

  /// The rows of a square of shifts are that long.
  package static let paddedSide = 24
  /// The cost of what may not be.
  package static let never: Float = 1e6
  private static let rounds = 16
  /// The difference of cost that makes a shift e times as likely: a fifth of a block without any likeness.
  private static let temperature: Float = 0.2

  /// - Parameters:
  ///   - columns: Nodes from left to right.
  ///   - rows: Nodes from top to bottom.
  ///   - side: The side of the square of shifts, in pixels; at most ``paddedSide``.
  ///   - coupling: What a pixel of disagreement costs, times its square.
  ///   - loop: The threads.
  package init(columns: Int, rows: Int, side: Int, coupling: Float, loop: RowLoop) {
    self.columns = columns
    self.rows = rows
    self.side = side
    self.coupling = coupling
    self.loop = loop
  }

  package struct Shifts {
    /// The chosen one's place in a node's costs.
    package var labels: [Int]
    /// The mean shift, in pixels from the square's corner.
    package var x: [Float]
    package var y: [Float]
    /// The mean squared distance of the shifts from it, in square pixels.
    package var spread: [Float]
  }

  /// The numbers that one node's costs take.
  package static let stride = paddedSide * paddedSide

  /// - Parameter costs: `[node, 24, 24]`; ``never`` beyond the square.
  /// - Returns: One shift a node.
  package func shifts(_ costs: FloatBuffer) -> Shifts {
    let stride = Self.stride
    let count = columns * rows
    // Messages to a node from its left, right, upper and lower neighbour.
    let messages = FloatBuffer(count: count * 4 * stride)
    let disagreement = Self.disagreements(coupling)
    let (columns, rows, side) = (columns, rows, side)
    for round in 0..<2 * Self.rounds {
      // The nodes of one colour of a chessboard speak, those of the other listen.
      loop.forEach(count: count) { @Sendable node in
        let (column, row) = (node % columns, node / columns)
        guard (column + row) % 2 == round % 2 else { return }
        let scratch = Scratch()
        Self.add(costs, messages, of: node, to: scratch.belief)
        let incoming = messages.pointer + node * 4 * stride
        // To the right neighbour, who hears it from its left, and so on.
        for (dx, dy, from, slot) in [(1, 0, 1, 0), (-1, 0, 0, 1), (0, 1, 3, 2), (0, -1, 2, 3)] {
          guard (0..<columns).contains(column + dx), (0..<rows).contains(row + dy) else { continue }
          let neighbour = (row + dy) * columns + column + dx
          let told = incoming + from * stride
          for index in 0..<stride { scratch.first[index] = scratch.belief[index] - told[index] }
          Self.spread(scratch, disagreement, side: side)
          let target = messages.pointer + (neighbour * 4 + slot) * stride
          let least = Self.least(scratch.first)
          for index in 0..<stride { target[index] = scratch.first[index] - least }
        }
      }
    }
    return chosen(costs, messages)
  }

  /// The least of a node's numbers.
  private static func least(_ values: UnsafePointer<Float>) -> Float {
    var least = SIMD8<Float>(repeating: .infinity)
    for index in Swift.stride(from: 0, to: stride, by: 8) {
      let next = UnsafeRawPointer(values + index).loadUnaligned(as: SIMD8<Float>.self)
      least.replace(with: next, where: next .< least)
    }
    return least.min()
  }

  /// Leaves a node's costs and all it was told in `belief`.
  private static func add(
    _ costs: FloatBuffer, _ messages: FloatBuffer, of node: Int,
    to belief: UnsafeMutablePointer<Float>
  ) {
    let own = costs.pointer + node * stride
    let incoming = messages.pointer + node * 4 * stride
    for index in 0..<stride {
      belief[index] =
        own[index] + incoming[index] + incoming[stride + index] + incoming[2 * stride + index]
        + incoming[3 * stride + index]
    }
  }

  private func chosen(_ costs: FloatBuffer, _ messages: FloatBuffer) -> Shifts {
    let padded = Self.paddedSide
    var result = Shifts(labels: [], x: [], y: [], spread: [])
    let scratch = Scratch()
    for node in 0..<columns * rows {
      Self.add(costs, messages, of: node, to: scratch.belief)
      let belief = scratch.belief
      var label = 0
      for row in 0..<side {
        for index in row * padded..<row * padded + side where belief[index] < belief[label] {
          label = index
        }
      }
      let mean = Self.mean(belief, least: belief[label], side: side)
      result.labels.append(label)
      result.x.append(mean.x)
      result.y.append(mean.y)
      result.spread.append(mean.spread)
    }
    return result
  }

  /// The middle of the shifts and their mean squared distance from it, each counted by its belief.
  private static func mean(
    _ belief: UnsafeMutablePointer<Float>, least: Float, side: Int
  ) -> (x: Float, y: Float, spread: Float) {
    var sum: Float = 0
    var first = SIMD2<Float>()
    var second: Float = 0
    for row in 0..<side {
      for column in 0..<side {
        let weight = exp(-(belief[row * paddedSide + column] - least) / temperature)
        let shift = SIMD2(Float(column), Float(row))
        sum += weight
        first += weight * shift
        second += weight * (shift * shift).sum()
      }
    }
    first /= sum
    return (first.x, first.y, max(0, second / sum - (first * first).sum()))
  }

  /// What the shifts cost their neighbours along one axis, for every distance from `1 − paddedSide` on, four
  /// times the same.
  private static func disagreements(_ coupling: Float) -> [SIMD4<Float>] {
    (1 - paddedSide..<paddedSide).map { SIMD4(repeating: coupling * Float($0 * $0)) }
  }

  /// Leaves `min over d of first(d) + disagreement(d − d′)` in `first`, an axis after the other.
  ///
  /// - Parameters:
  ///   - scratch: Its `first` is read and written.
  ///   - disagreement: Of ``disagreements(_:)``.
  ///   - side: Shifts beyond are not worth a look: they cost ``never``.
  private static func spread(_ scratch: Scratch, _ disagreement: [SIMD4<Float>], side: Int) {
    disagreement.withUnsafeBufferPointer { disagreement in
      guard let farthest = disagreement.baseAddress else { return }
      for _ in 0..<2 {
        for target in Swift.stride(from: 0, to: paddedSide, by: 8) {
          for lanes in Swift.stride(from: 0, to: paddedSide, by: 4) {
            let best = Lowest8(
              from: scratch.first + lanes, count: side, farthest + (target + paddedSide - 1))
            // Written turned about the diagonal, so that the second turn works on the other axis.
            best.writeTurned(to: scratch.second + (lanes * paddedSide + target))
          }
        }
        swap(&scratch.first, &scratch.second)
      }
    }
  }

  /// The least of `source + disagreement` for four columns and eight targets.
  private struct Lowest8 {
    private var values0 = SIMD4<Float>(repeating: never)
    private var values1 = SIMD4<Float>(repeating: never)
    private var values2 = SIMD4<Float>(repeating: never)
    private var values3 = SIMD4<Float>(repeating: never)
    private var values4 = SIMD4<Float>(repeating: never)
    private var values5 = SIMD4<Float>(repeating: never)
    private var values6 = SIMD4<Float>(repeating: never)
    private var values7 = SIMD4<Float>(repeating: never)

    /// - Parameters:
    ///   - source: The first row's four columns.
    ///   - count: Rows.
    ///   - disagreement: From the first row to the first target; those to the next ones follow, those from the
    ///     next rows lie before.
    @inline(__always)
    init(
      from source: UnsafePointer<Float>, count: Int, _ disagreement: UnsafePointer<SIMD4<Float>>
    ) {
      for row in 0..<count {
        let values = UnsafeRawPointer(source + row * paddedSide)
          .loadUnaligned(as: SIMD4<Float>.self)
        let cost = disagreement - row
        Self.lower(&values0, values + cost[0])
        Self.lower(&values1, values + cost[1])
        Self.lower(&values2, values + cost[2])
        Self.lower(&values3, values + cost[3])
        Self.lower(&values4, values + cost[4])
        Self.lower(&values5, values + cost[5])
        Self.lower(&values6, values + cost[6])
        Self.lower(&values7, values + cost[7])
      }
    }

    @inline(__always)
    private static func lower(_ least: inout SIMD4<Float>, _ candidate: SIMD4<Float>) {
      least.replace(with: candidate, where: candidate .< least)
    }

    /// Writes a row of eight targets for each column.
    @inline(__always)
    func writeTurned(to target: UnsafeMutablePointer<Float>) {
      for column in 0..<4 {
        UnsafeMutableRawPointer(target + column * paddedSide).storeBytes(
          of: SIMD8(
            values0[column], values1[column], values2[column], values3[column], values4[column],
            values5[column], values6[column], values7[column]), as: SIMD8<Float>.self)
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
