import Rasters
import Registration
import Testing

@Suite("Matching blocks before bending")
struct BlockMatchingTests {
  /// Costs of one node: lowest at one shift, and rising with the distance from it.
  private func fill(_ costs: FloatBuffer, node: Int, side: Int, x: Int, y: Int, depth: Float) {
    let padded = BeliefPropagation.paddedSide
    for row in 0..<padded {
      for column in 0..<padded {
        let isShift = row < side && column < side
        let distance = Float((row - y) * (row - y) + (column - x) * (column - x))
        costs.pointer[node * BeliefPropagation.stride + row * padded + column] =
          isShift ? depth * min(1, distance / 4) : BeliefPropagation.never
      }
    }
  }

  @Test("two nodes choose what trying every pair of shifts finds")
  func exact() throws {
    let side = 5
    let coupling: Float = 0.05
    let costs = FloatBuffer(count: 2 * BeliefPropagation.stride)
    fill(costs, node: 0, side: side, x: 0, y: 1, depth: 1)
    fill(costs, node: 1, side: side, x: 4, y: 3, depth: 0.3)
    let shifts = BeliefPropagation(
      columns: 2, rows: 1, side: side, coupling: coupling, loop: RowLoop(threadCount: 1)
    ).shifts(costs)
    let padded = BeliefPropagation.paddedSide
    let labels = (0..<side * side).map { $0 / side * padded + $0 % side }
    var best = (first: 0, second: 0, cost: Float.infinity)
    for first in labels {
      for second in labels {
        let (x, y) = (first % padded - second % padded, first / padded - second / padded)
        let cost =
          costs.pointer[first] + costs.pointer[BeliefPropagation.stride + second]
          + coupling * Float(x * x + y * y)
        if cost < best.cost { best = (first, second, cost) }
      }
    }
    #expect(shifts.labels == [best.first, best.second])
    // What each would choose alone is something else.
    #expect(best.second != 3 * padded + 4)
  }

  @Test("a node that knows nothing follows its neighbours; threads change nothing")
  func filled() {
    let side = 9
    let (columns, rows) = (5, 4)
    let costs = FloatBuffer(count: columns * rows * BeliefPropagation.stride)
    for node in 0..<columns * rows {
      fill(costs, node: node, side: side, x: 6, y: 2, depth: node == 7 ? 0 : 20)
    }
    func shifts(_ threads: Int) -> BeliefPropagation.Shifts {
      BeliefPropagation(
        columns: columns, rows: rows, side: side, coupling: 0.5,
        loop: RowLoop(threadCount: threads)
      ).shifts(costs)
    }
    let one = shifts(1)
    #expect(Set(one.labels) == [2 * BeliefPropagation.paddedSide + 6])
    #expect(one.x.allSatisfy { abs($0 - 6) < 0.01 } && one.y.allSatisfy { abs($0 - 2) < 0.01 })
    let three = shifts(3)
    #expect(one.labels == three.labels && one.x == three.x && one.y == three.y)
  }

  @Test("between shifts that do equally well lies their middle; the spread tells how far apart")
  func torn() {
    let side = 9
    let costs = FloatBuffer(count: 2 * BeliefPropagation.stride)
    // One node knows its shift; the other has two, six pixels apart, and no neighbour that it hears.
    fill(costs, node: 0, side: side, x: 3, y: 3, depth: 40)
    fill(costs, node: 1, side: side, x: 1, y: 4, depth: 40)
    let second = costs.pointer + BeliefPropagation.stride
    second[4 * BeliefPropagation.paddedSide + 7] = 0
    let shifts = BeliefPropagation(
      columns: 2, rows: 1, side: side, coupling: 0, loop: RowLoop(threadCount: 1)
    ).shifts(costs)
    #expect(abs(shifts.x[0] - 3) < 0.01 && abs(shifts.y[0] - 3) < 0.01 && shifts.spread[0] < 0.01)
    #expect(abs(shifts.x[1] - 4) < 0.01 && abs(shifts.y[1] - 4) < 0.01)
    #expect(abs(shifts.spread[1] - 9) < 0.1)
  }

  @Test("the spline through matches keeps a straight displacement where half of them weigh nothing")
  func smoothed() {
    var grid = DisplacementGrid(spacing: 100, columns: 9, rows: 8)
    var weights = [Double](repeating: 0, count: 72)
    for row in 1..<7 {
      for column in 1..<8 {
        let index = row * 9 + column
        let isMatch = (row + column) % 2 == 0
        weights[index] = isMatch ? 1 : 0
        grid.x[index] = isMatch ? Float(20 * (column - 1)) : 1000
        grid.y[index] = isMatch ? Float(5 - 10 * (row - 1)) : -1000
      }
    }
    let smooth = grid.smoothed(weights: weights, smoothness: 0.02)
    for (x, y) in [(100.0, 100.0), (250, 330), (500, 410)] {
      let shift = smooth.displacement(at: MicronPoint(x: x, y: y))
      #expect(abs(shift.x - 0.2 * x) < 1 && abs(shift.y - (5 - 0.1 * y)) < 1)
    }
  }

  @Test("the straight map fitted to points is the one that made them; points on a line have none")
  func fitting() throws {
    let map = AffineMap(a: 0.9, b: -0.3, c: 120, d: 0.25, e: 1.1, f: -40)
    func pairs(_ points: [(Double, Double)]) -> [(MicronPoint, MicronPoint)] {
      points.map { point in
        let place = map(x: point.0, y: point.1)
        return (MicronPoint(x: point.0, y: point.1), MicronPoint(x: place.x, y: place.y))
      }
    }
    let found = try #require(
      AffineMap(fitting: pairs([(0, 0), (900, 10), (30, 700), (400, 420)])))
    for (one, other) in [
      (found.a, map.a), (found.b, map.b), (found.c, map.c), (found.d, map.d), (found.e, map.e),
      (found.f, map.f),
    ] {
      #expect(abs(one - other) < 1e-9)
    }
    #expect(AffineMap(fitting: pairs([(0, 0), (1, 1), (2, 2), (3, 3)])) == nil)
  }
}
