import Foundation
import Rasters

/// Looks for each small block of fixed tissue near its place in the warped moving section.
///
/// Blocks of 128 µm, found by their normalised correlation within ±60 µm; a match is clear when its
/// correlation is high and well above every other place's. Sections that lie tens of microns apart share no
/// cells; blocks of twice the size, at twice the pixel size, hold what they do share.
package struct BlockTest {
  let rows: RowLoop
  /// How many times all lengths are to be taken.
  var scale = 1.0
  static let blockMicrons = 128.0
  static let searchMicrons = 60.0
  /// How near matches may be to be held against chance.
  static let nearMicrons = [5.0, 10, 20]
  static let latticeMicrons = 128.0
  /// A match within this distance supports the map where it lies.
  static let supportMicrons: Float = 25
  /// A chance match of unrelated tissue seldom correlates as well.
  static let leastCorrelation: Float = 0.35
  static let leastLead: Float = 0.05

  package struct Outcome: Sendable {
    let map: ResidualMap
    /// The test's ``BlockTest/scale``.
    let scale: Double
    /// Blocks with tissue.
    let blockCount: Int
    /// Blocks with a clear match.
    let clearCount: Int
    /// The share of blocks around which hardly any block has a clear match although most have elsewhere.
    let unsupportedShare: Double

    package init(
      map: ResidualMap, scale: Double, blockCount: Int, clearCount: Int, unsupportedShare: Double
    ) {
      self.map = map
      self.scale = scale
      self.blockCount = blockCount
      self.clearCount = clearCount
      self.unsupportedShare = unsupportedShare
    }

    /// Whether the blocks lie on each other: more of them near than chance would have it, most of them in the
    /// middle of the search, and those that belong to the map within the limit.
    package var agrees: Bool {
      // Chance alone has its median at four fifths of the range.
      isBeyondChance && (map.median ?? .infinity) <= RegistrationGates.mostResidual * scale
        && (residual ?? .infinity) <= RegistrationGates.mostResidual
    }

    /// Whether unrelated tissue would hardly agree as well.
    package var isBeyondChance: Bool {
      clearShare >= RegistrationGates.leastClearShare && chance <= RegistrationGates.mostChance
    }

    /// The median residual of the matches that belong to the map, in microns; nothing where there are none.
    ///
    /// Blocks whose structure the other section lacks are matched anywhere in the square of the search. Their
    /// density is what lies further than half the range, and that share is taken off before the middle is
    /// sought. Where chance explains all, the plain median.
    package var residual: Double? {
      guard isBeyondChance else { return map.median }
      let distances = map.microns.filter { $0 >= 0 }.map(Double.init).sorted()
      let reach = BlockTest.searchMicrons * scale
      let near = reach / 2
      let nearCount = distances.count { $0 <= near }
      let density =
        Double(distances.count - nearCount) / (4 * reach * reach - .pi * near * near)
      func count(_ index: Int) -> Double {
        Double(index + 1) - density * .pi * distances[index] * distances[index]
      }
      let half = (Double(nearCount) - density * .pi * near * near) / 2
      return distances.indices.first { count($0) >= half }.map { distances[$0] } ?? map.median
    }

    /// The probability that as many of the clear matches lie as near to their place if all places of the
    /// search were equally likely: what unrelated tissue would do.
    ///
    /// The smallest over ``nearMicrons``, times how many there are (Bonferroni): a few very near matches
    /// say as much as many rather near ones.
    package var chance: Double {
      let least = BlockTest.nearMicrons.map { chance(within: $0) }.min() ?? 1
      return min(1, least * Double(BlockTest.nearMicrons.count))
    }

    /// The upper tail of the binomial distribution.
    private func chance(within microns: Double) -> Double {
      let near = map.microns.count { $0 >= 0 && Double($0) <= microns * scale }
      let side = 2 * BlockTest.searchMicrons
      let share = Double.pi * microns * microns / (side * side)
      var term = pow(1 - share, Double(clearCount - near))
      for step in 0..<near {
        term *= share * Double(clearCount - step) / Double(near - step)
      }
      var sum = 0.0
      for count in near...max(near, clearCount) {
        sum += term
        term *= Double(clearCount - count) / Double(count + 1) * share / (1 - share)
      }
      return sum
    }

    /// The mean residual in microns where a block without a clear match counts as the whole search range.
    var cost: Double {
      let range = BlockTest.searchMicrons * scale
      let missing = Double(blockCount - clearCount) * range
      let sum = map.microns.reduce(0) { $0 + max(0, Double($1)) }
      return blockCount > 0 ? (sum + missing) / Double(blockCount) : range
    }

    /// The share of the blocks with a clear match.
    var clearShare: Double { blockCount > 0 ? Double(clearCount) / Double(blockCount) : 0 }
  }

  /// Tests every block of a lattice.
  ///
  /// - Parameters:
  ///   - fixed: The fixed section at the working pixel size.
  ///   - warped: The moving section in the fixed grid.
  /// - Returns: The residuals and how many blocks have one.
  func outcome(fixed: SectionLevel, warped: WarpedPlanes) -> Outcome {
    let pixelSize = fixed.pixelSize
    // Rows of a block are read eight pixels at a time.
    let half = max(4, Int((Self.blockMicrons * scale / 8 / pixelSize).rounded()) * 4)
    let search = max(2, Int((Self.searchMicrons * scale / pixelSize).rounded()))
    let extentX = Double(fixed.width) * pixelSize
    let extentY = Double(fixed.height) * pixelSize
    // At most 4096 blocks: a larger slide gets a coarser lattice.
    let wanted = extentX * extentY / (Self.latticeMicrons * Self.latticeMicrons * scale * scale)
    let lattice = Self.latticeMicrons * scale * max(1, (wanted / 4096).squareRoot().rounded(.up))
    let columns = Int(extentX / lattice)
    let blockRows = Int(extentY / lattice)
    let reference = fixed.density.blurred(deviation: 1)
    let target = warped.density.blurred(deviation: 1)
    let found = FloatBuffer(count: columns * blockRows)
    rows.forEach(count: columns * blockRows) { @Sendable index in
      let x = Int(((Double(index % columns) + 0.5) * lattice / pixelSize).rounded())
      let y = Int(((Double(index / columns) + 0.5) * lattice / pixelSize).rounded())
      found.pointer[index] = Self.residual(
        reference: reference, tissue: fixed.tissue, target: target, warped: warped, x: x, y: y,
        half: half, search: search)
    }
    let values = found.values
    return Outcome(
      map: ResidualMap(
        spacing: lattice, columns: columns, rows: blockRows,
        microns: values.map { $0 < 0 ? -1 : ($0 * Float(pixelSize) * 10).rounded() / 10 }),
      scale: scale,
      blockCount: values.reduce(0) { $0 + ($1 > -1.5 ? 1 : 0) },
      clearCount: values.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) },
      unsupportedShare: Self.unsupportedShare(
        values.map { $0 < 0 ? $0 : $0 * Float(pixelSize / scale) }, columns: columns,
        rows: blockRows))
  }

  /// Pixels; −1 without a clear match, −2 without tissue.
  private static func residual(
    reference: Plane, tissue: MaskPlane, target: Plane, warped: WarpedPlanes, x: Int, y: Int,
    half: Int, search: Int
  ) -> Float {
    let left = x - half
    let top = y - half
    let side = 2 * half
    guard left - search >= 0, top - search >= 0, left + side + search <= reference.width,
      top + side + search <= reference.height
    else { return -2 }
    var covered: Float = 0
    var known: Float = 0
    var shared: Float = 0
    for row in top..<top + side {
      for column in left..<left + side {
        covered += tissue[column, row]
        known += warped.inside[column, row]
        shared += warped.tissue[column, row]
      }
    }
    let area = Float(side * side)
    guard covered > 0.5 * area, shared > 0.5 * area, known > 0.99 * area else { return -2 }
    let block = CorrelationBlock(reference, left: left, top: top, side: side)
    guard let scores = block.correlations(with: target, reach: search) else { return -1 }
    let span = 2 * search + 1
    return peakDistance(scores, span: span, search: search)
  }

  private static func peakDistance(_ scores: [Float], span: Int, search: Int) -> Float {
    guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }) else { return -1 }
    let x = best % span
    let y = best / span
    guard scores[best] >= leastCorrelation, x > 0, y > 0, x < span - 1, y < span - 1 else {
      return -1
    }
    var runnerUp: Float = 0
    for row in 0..<span {
      for column in 0..<span where abs(row - y) > 3 || abs(column - x) > 3 {
        runnerUp = max(runnerUp, scores[row * span + column])
      }
    }
    guard scores[best] - runnerUp >= leastLead else { return -1 }
    let offsetX = Parabola.vertex(scores[best - 1], scores[best], scores[best + 1])
    let offsetY = Parabola.vertex(scores[best - span], scores[best], scores[best + span])
    let deltaX = Float(x - search) + offsetX
    let deltaY = Float(y - search) + offsetY
    return (deltaX * deltaX + deltaY * deltaY).squareRoot()
  }
}

extension [BlockTest.Outcome] {
  /// Where the outcome of the least cost stands, the first of two equals, among those that agree if any do.
  ///
  /// Costs are equal where they differ by less than half of what residuals are rounded to.
  package var cheapest: Int? { best { $0.cost < $1.cost - 0.05 } }

  /// Where the outcome stands that chance explains least, the first of two equals, among those that agree if
  /// any do.
  ///
  /// Of blocks most of which have no clear match in any map, the cost counts little else than these.
  package var leastByChance: Int? { best { $0.chance < $1.chance } }

  private func best(_ isBetter: (Element, Element) -> Bool) -> Int? {
    let agreeing = indices.filter { self[$0].agrees }
    return (agreeing.isEmpty ? [Int](indices) : agreeing).reduce(nil) { best, index in
      guard let best else { return index }
      return isBetter(self[index], self[best]) ? index : best
    }
  }
}
