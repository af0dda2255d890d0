import Foundation
import Rasters
import Registration
import TestSupport
import Testing

@Suite("Seeking every block of a picture in another")
struct BlockMatchesTests {
  private let size = 192
  /// Knots that cover the pictures, both edges included.
  private let knots = 192 / BlockMatches.knotPixels + 1

  /// Smooth noise: structures of about five pixels.
  private func texture(seed: UInt64) -> Plane {
    var random = SeededGenerator(seed: seed)
    var plane = Plane(width: size, height: size)
    for index in plane.values.indices { plane.values[index] = .random(in: 0...1, using: &random) }
    return plane.blurred(deviation: 1.5)
  }

  /// A shift of up to seven pixels that changes by a tenth of a pixel from one to the next.
  private func shift(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    (3 + 4 * sin(2 * .pi * y / 240), -2 + 4 * cos(2 * .pi * x / 240))
  }

  /// The texture drawn so that what lies at a place lies at the place and its shift in the texture itself.
  private func shifted(_ texture: Plane) -> Plane {
    var plane = texture
    for row in 0..<size {
      for column in 0..<size {
        let (x, y) = (Double(column) + 0.5, Double(row) + 0.5)
        let move = shift(x, y)
        plane[column, row] = texture.sampledBilinear(x: x + move.x, y: y + move.y)
      }
    }
    return plane
  }

  private func matches(
    _ fixed: Plane, tissue: Plane? = nil, moving: Plane, inside: Plane? = nil, threads: Int = 2
  ) -> BlockMatches {
    BlockMatches(
      fixed: fixed, tissue: tissue ?? Plane(width: size, height: size, filledWith: 1),
      moving: moving, inside: inside ?? Plane(width: size, height: size, filledWith: 1),
      columns: knots,
      rows: knots, loop: RowLoop(threadCount: threads))
  }

  @Test("a block beyond what the moving section shows counts for nothing")
  func beyond() {
    let moving = texture(seed: 6)
    var inside = Plane(width: size, height: size, filledWith: 1)
    for row in 0..<size { for column in size / 2..<size { inside[column, row] = 0 } }
    let found = matches(shifted(moving), moving: moving, inside: inside)
    let edge = size / 2 / BlockMatches.knotPixels
    for row in 3..<knots - 3 {
      #expect(found.weights[row * knots + edge - 2] > 0.25)
      #expect(found.weights[row * knots + edge + 1] == 0)
    }
  }

  @Test("a planted displacement is found within half a pixel")
  func planted() {
    let moving = texture(seed: 5)
    let found = matches(shifted(moving), moving: moving)
    // Blocks whose match reaches over the edge (half a block and the largest shift: two knots) find glass, and
    // pull at those next to them.
    for row in 3..<knots - 3 {
      for column in 3..<knots - 3 {
        let truth = shift(
          Double(column * BlockMatches.knotPixels), Double(row * BlockMatches.knotPixels))
        let knot = row * knots + column
        let error = hypot(found.x[knot] - truth.x, found.y[knot] - truth.y)
        #expect(error < 0.5, "knot \(column), \(row)")
        #expect(found.weights[knot] > 0.25)
      }
    }
  }

  @Test("a block without texture or without tissue is not trusted, and follows its neighbours")
  func untrusted() {
    let moving = texture(seed: 6)
    var fixed = shifted(moving)
    var tissue = Plane(width: size, height: size, filledWith: 1)
    // One flat square and one of glass, each of them wider than a block around their middle knot.
    for row in 0..<24 {
      for column in 0..<24 {
        fixed[52 + column, 52 + row] = 0.5
        tissue[116 + column, 116 + row] = 0
      }
    }
    let found = matches(fixed, tissue: tissue, moving: moving)
    for middle in [8, 16] {
      let knot = middle * knots + middle
      #expect(found.weights[knot] == 0)
      let place = Double(middle * BlockMatches.knotPixels)
      let truth = shift(place, place)
      #expect(hypot(found.x[knot] - truth.x, found.y[knot] - truth.y) < 1.5)
    }
  }

  @Test("unrelated texture is trusted less than the same one")
  func unrelated() {
    func median(_ matches: BlockMatches) -> Double {
      let sorted = matches.weights.sorted()
      return sorted[sorted.count / 2]
    }
    let moving = texture(seed: 7)
    let same = median(matches(shifted(moving), moving: moving))
    #expect(median(matches(shifted(texture(seed: 8)), moving: moving)) < 0.5 * same)
  }

  @Test("one and three threads find the same")
  func threads() {
    let moving = texture(seed: 9)
    let fixed = shifted(moving)
    let one = matches(fixed, moving: moving, threads: 1)
    let three = matches(fixed, moving: moving, threads: 3)
    #expect(one.x == three.x && one.y == three.y && one.weights == three.weights)
  }
}
