import Foundation

/// A box in microns of the fixed frame.
struct MicronBox: Sendable {
  var minX: Float, minY: Float, maxX: Float, maxY: Float

  /// The box grown on every side.
  func expanded(by margin: Float) -> MicronBox {
    MicronBox(minX: minX - margin, minY: minY - margin, maxX: maxX + margin, maxY: maxY + margin)
  }

  /// Whether a place lies within.
  func contains(_ x: Float, _ y: Float) -> Bool { x >= minX && x < maxX && y >= minY && y < maxY }

  /// Whether a circle reaches into the box.
  func meets(_ x: Float, _ y: Float, radius: Float) -> Bool {
    let dx = max(minX - x, 0, x - maxX)
    let dy = max(minY - y, 0, y - maxY)
    return dx * dx + dy * dy <= radius * radius
  }

  /// Calls `body` for each cell of a grid of that pitch whose square meets the box.
  func forEachCell(pitch: Float, _ body: (Int32, Int32) -> Void) {
    let firstColumn = Int32((minX / pitch).rounded(.down))
    let lastColumn = Int32((maxX / pitch).rounded(.down))
    let firstRow = Int32((minY / pitch).rounded(.down))
    let lastRow = Int32((maxY / pitch).rounded(.down))
    for row in firstRow...lastRow {
      for column in firstColumn...lastColumn { body(column, row) }
    }
  }
}

/// The glands, vessels and fat cells in and around one box of one section.
struct Neighbourhood: Sendable {
  /// The centre of a fat cell and its largest radius, microns.
  struct FatCell: Sendable {
    var x: Float, y: Float, radius: Float
  }

  let model: TissueModel
  let section: Int
  let ducts: [Duct]
  /// Where cells of connective tissue crowd, about -1…1.
  let cellularity: GradientNoise
  let fatCells: [FatCell]

  private static let glandPitch: Float = 84
  private static let vesselPitch: Float = 150
  private static let fatPitch: Float = 50

  init(model: TissueModel, section: Int, box: MicronBox) {
    self.model = model
    self.section = section
    cellularity = GradientNoise(seed: model.seed, purpose: 19, wavelength: 48)
    var ducts: [Duct] = []
    let glandHash = PositionHash(seed: model.seed, purpose: 10)
    let pick = PositionHash(seed: model.seed, purpose: 11)
    // A gland reaches at most 90 µm from a centre that lies within 0.84 pitches of its cell's corner.
    box.expanded(by: 100 + Neighbourhood.glandPitch * 0.34).forEachCell(
      pitch: Neighbourhood.glandPitch
    ) { column, row in
      let isNest = pick.unit(column, row) < 0.2
      let duct = Duct(
        kind: isNest ? .nest : .gland, column: column, row: row, pitch: Neighbourhood.glandPitch,
        hash: glandHash, seed: model.seed, section: section, radius: isNest ? 26...56 : 21...54)
      guard box.meets(duct.centerX, duct.centerY, radius: duct.reach + 6) else { return }
      let fields = model.fields(duct.centerX, duct.centerY, section: section)
      let wish = 1.1 * fields.glandular + 0.22 * (pick.unit(column, row &+ 7919) - 0.5)
      guard fields.depth > duct.radius * 0.9, fields.adipose < -0.05, wish > 0 else { return }
      ducts.append(duct)
    }
    let vesselHash = PositionHash(seed: model.seed, purpose: 12)
    box.expanded(by: 60 + Neighbourhood.vesselPitch * 0.34).forEachCell(
      pitch: Neighbourhood.vesselPitch
    ) { column, row in
      guard pick.unit(column, row &- 7919) < 0.55 else { return }
      let duct = Duct(
        kind: .vessel, column: column, row: row, pitch: Neighbourhood.vesselPitch, hash: vesselHash,
        seed: model.seed, section: section, radius: 6...27)
      guard box.meets(duct.centerX, duct.centerY, radius: duct.reach + 6) else { return }
      let fields = model.fields(duct.centerX, duct.centerY, section: section)
      guard fields.depth > duct.radius + 6, fields.adipose < -0.06, fields.glandular < 0
      else { return }
      ducts.append(duct)
    }
    self.ducts = ducts

    var fatCells: [FatCell] = []
    let fatHash = PositionHash(seed: model.seed, purpose: 13)
    box.expanded(by: 2 * Neighbourhood.fatPitch).forEachCell(pitch: Neighbourhood.fatPitch) {
      column, row in
      var draws = fatHash.draws(column, row)
      let x = (Float(column) + 0.5 + 0.42 * draws.signed()) * Neighbourhood.fatPitch
      let y = (Float(row) + 0.5 + 0.42 * draws.signed()) * Neighbourhood.fatPitch
      let fields = model.fields(x, y, section: section)
      let radius = draws.between(22, 40)
      guard fields.adipose + 0.04 * draws.signed() > 0, fields.depth > radius + 2 else { return }
      let deeper = section == 0 ? 0 : PositionHash(seed: model.seed, purpose: 14).unit(column, row)
      fatCells.append(
        FatCell(x: x + 3 * (deeper - 0.5), y: y, radius: radius + 3 * deeper))
    }
    self.fatCells = fatCells
  }

  /// The duct whose outline a place lies deepest under (or least outside), and how deep.
  @inline(__always)
  func duct(at x: Float, _ y: Float) -> (index: Int, depth: Float) {
    var best = (index: -1, depth: -Float.infinity)
    var bestRank = -Float.infinity
    for index in 0..<ducts.count {
      let duct = ducts[index]
      let dx = x - duct.centerX
      let dy = y - duct.centerY
      let reach = duct.reach + 5
      guard dx * dx + dy * dy < reach * reach else { continue }
      let depth = duct.depth(x, y)
      // A vessel never cuts into a gland that it lies beside.
      let rank = duct.kind == .vessel ? min(depth, 0.01) : depth
      if rank > bestRank {
        bestRank = rank
        best = (index, depth)
      }
    }
    return best
  }

  /// The direction that the membrane of the nearest fat cell has at a place, in radians.
  func membraneDirection(at x: Float, _ y: Float) -> Float {
    let step: Float = 0.5
    let slopeX = vacuoleDepth(at: x + step, y) - vacuoleDepth(at: x - step, y)
    let slopeY = vacuoleDepth(at: x, y + step) - vacuoleDepth(at: x, y - step)
    return atan2(slopeX, -slopeY)
  }

  /// How deep a place lies within a fat vacuole, in microns; negative in membranes and outside fat.
  @inline(__always)
  func vacuoleDepth(at x: Float, _ y: Float) -> Float {
    var nearest = Float.infinity
    var second = Float.infinity
    var radius: Float = 0
    for cell in fatCells {
      let dx = x - cell.x
      let dy = y - cell.y
      let distance = dx * dx + dy * dy
      if distance < nearest {
        second = nearest
        nearest = distance
        radius = cell.radius
      } else if distance < second {
        second = distance
      }
    }
    guard nearest < .infinity else { return -100 }
    let closest = nearest.squareRoot()
    let border = second < .infinity ? (second.squareRoot() - closest) / 2 - 0.7 : 100
    return min(border, radius - closest)
  }
}
