import Foundation

extension Neighbourhood {
  private static let connectivePitch: Float = 6.6
  private static let bloodPitch: Float = 6.3
  /// The pitch of the cells of solid nests.
  static let nestPitch: Float = 9.6

  /// The nuclei and blood cells whose centres lie in the box, in a fixed order.
  func nuclei(in box: MicronBox) -> [Nucleus] {
    var result: [Nucleus] = []
    addConnective(to: &result, box: box)
    for index in 0..<ducts.count
    where box.meets(ducts[index].centerX, ducts[index].centerY, radius: ducts[index].reach) {
      switch ducts[index].kind {
      case .gland: addRing(of: index, to: &result, box: box)
      case .nest: addNest(of: index, to: &result, box: box)
      case .vessel:
        addRing(of: index, to: &result, box: box)
        addBlood(of: index, to: &result, box: box)
      }
    }
    return result
  }

  /// The centre of a cell of a solid nest.
  @inline(__always)
  static func nestSite(_ column: Int32, _ row: Int32, _ hash: PositionHash) -> (x: Float, y: Float)
  {
    var draws = hash.draws(column, row)
    return (
      (Float(column) + 0.5 + 0.33 * draws.signed()) * nestPitch,
      (Float(row) + 0.5 + 0.33 * draws.signed()) * nestPitch
    )
  }

  /// Whether a cell of a duct makes the marker, and how much, 0…1.
  @inline(__always)
  static func cellMarker(_ duct: Duct, _ bits: UInt32, field: Float) -> Float {
    var draws = CellDraws(state: bits)
    let expression = smoothStep(0.32, 0.72, 0.6 * duct.marker + 0.4 * (0.5 + 0.9 * field))
    guard draws.unit() < expression * 1.15 else { return 0.02 * expression }
    return expression * draws.between(0.4, 1)
  }

  // MARK: Connective tissue

  /// A nucleus of the grid that fills everything but ducts, before its surroundings are looked at.
  private struct Seedling {
    var x: Float, y: Float, chance: Float, state: UInt32
  }

  private func seedling(_ column: Int32, _ row: Int32) -> Seedling {
    let hash = PositionHash(seed: model.seed, purpose: 15)
    let state = hash.bits(column, row)
    var draws = CellDraws(state: state)
    let pitch = Neighbourhood.connectivePitch
    return Seedling(
      x: (Float(column) + 0.5 + 0.36 * draws.signed()) * pitch,
      y: (Float(row) + 0.5 + 0.36 * draws.signed()) * pitch, chance: draws.unit(), state: state)
  }

  private func addConnective(to nuclei: inout [Nucleus], box: MicronBox) {
    box.expanded(by: Neighbourhood.connectivePitch).forEachCell(
      pitch: Neighbourhood.connectivePitch
    ) { column, row in
      let seedling = seedling(column, row)
      // Denser than 0.95 nowhere.
      guard seedling.chance < 0.95 else { return }
      let jitter = SectionJitter(state: seedling.state, section: section)
      guard jitter.isPresent, box.contains(seedling.x + jitter.x, seedling.y + jitter.y) else {
        return
      }
      if let nucleus = connective(seedling, jitter) { nuclei.append(nucleus) }
    }
  }

  private func connective(_ seedling: Seedling, _ jitter: SectionJitter) -> Nucleus? {
    let fields = model.fields(seedling.x, seedling.y, section: section)
    guard fields.depth > 1.5, fields.crack > 0.5 else { return nil }
    let isLymphoid = smoothStep(-0.16, 0.06, fields.lymphoid)
    let isMuscle = fields.muscle > 0
    var density = isMuscle ? 0.11 : mix(0.16, 0.10, fields.looseness)
    density *= 1 + 0.9 * cellularity(seedling.x, seedling.y)
    density = mix(density, 0.9, isLymphoid * isLymphoid)
    guard seedling.chance < density else { return nil }
    let x = seedling.x + jitter.x
    let y = seedling.y + jitter.y
    let duct = duct(at: x, y)
    if duct.index >= 0, duct.depth > -(1.6 + ducts[duct.index].retraction) { return nil }
    let vacuole = fatCells.isEmpty ? -100 : vacuoleDepth(at: x, y)
    guard vacuole < 1.2 else { return nil }
    var draws = CellDraws(state: seedling.state ^ 0x2545_F491)
    let isLymphocyte = draws.unit() < max(isLymphoid * 1.1, isMuscle ? 0.02 : 0.2)
    var own = jitter.draws
    var nucleus = Nucleus(
      x: x, y: y, halfLength: 0, halfWidth: 0, cosine: 1, sine: 0, stain: 1, vesicular: 0,
      bend: 0.16 * draws.signed(), taper: 0.14 * draws.signed(),
      textureOffset: own.unit() * 4096)
    var angle = fields.direction + 0.35 * draws.signed()
    if isLymphocyte {
      nucleus.halfLength = draws.between(2.3, 3.1)
      nucleus.halfWidth = nucleus.halfLength * draws.between(0.84, 1)
      nucleus.stain = draws.between(1.05, 1.35)
      angle = draws.between(0, 2 * .pi)
      nucleus.marker = draws.unit() < 0.08 ? draws.between(0.5, 1) : 0
    } else if isMuscle {
      nucleus.halfLength = draws.between(5.5, 9)
      nucleus.halfWidth = draws.between(1.3, 1.9)
      nucleus.stain = draws.between(0.75, 1)
      angle = fields.muscleDirection + 0.12 * draws.signed()
    } else if vacuole > -3 {
      nucleus.halfLength = draws.between(2.8, 4.2)
      nucleus.halfWidth = draws.between(0.9, 1.3)
      angle = membraneDirection(at: x, y) + 0.15 * draws.signed()
    } else {
      nucleus.halfLength = draws.between(3.4, 7.4)
      nucleus.halfWidth = draws.between(1.2, 2.3)
      nucleus.stain = draws.between(0.75, 1.15)
      nucleus.marker = draws.unit() < 0.02 ? 0.7 : 0
      nucleus.vesicular = draws.unit() * 0.6
    }
    nucleus.cut(jitter)
    angle += 0.2 * own.signed()
    nucleus.cosine = cos(angle)
    nucleus.sine = sin(angle)
    return nucleus
  }

  /// The places in the block of nuclei of connective tissue that both sections show, within a box.
  func sharedPlaces(in box: MicronBox) -> [(x: Float, y: Float)] {
    var result: [(x: Float, y: Float)] = []
    box.forEachCell(pitch: Neighbourhood.connectivePitch) { column, row in
      let seedling = seedling(column, row)
      let jitter = SectionJitter(state: seedling.state, section: section)
      guard seedling.chance < 0.95, jitter.isShared, box.contains(seedling.x, seedling.y),
        connective(seedling, jitter) != nil
      else { return }
      result.append((seedling.x, seedling.y))
    }
    return result
  }

  // MARK: Ducts

  /// Nuclei around a lumen: columns in a gland, flat ones in a vessel's wall.
  private func addRing(of index: Int, to nuclei: inout [Nucleus], box: MicronBox) {
    let duct = ducts[index]
    for row in 0..<(duct.kind == .gland ? duct.rowCount : 1) {
      for cell in 0..<duct.cellCount {
        let state = duct.cells.bits(Int32(cell), Int32(row))
        var draws = CellDraws(state: state)
        let jitter = SectionJitter(state: state, section: section)
        let turn = (Float(cell) + 0.5 + 0.22 * draws.signed()) / Float(duct.cellCount)
        let skip = draws.unit()
        let height = draws.unit()
        guard jitter.isPresent || row == 0 && duct.kind == .gland && skip < 0.8,
          row == 0 || skip < 0.7
        else { continue }
        let angle = turn * 2 * .pi
        var depth = 1.4 + duct.nucleusLength + (duct.wall - 2.2 * duct.nucleusLength) * 0.3 * height
        if row == 1 { depth += duct.nucleusLength * 1.2 }
        if duct.kind == .vessel { depth = duct.wall - 1.0 }
        let place = duct.place(angle: angle, depth: depth)
        let (x, y) = (place.x + jitter.x * 0.8, place.y + jitter.y * 0.8)
        guard box.contains(x, y), self.duct(at: x, y).index == index else { continue }
        let fields = model.fields(x, y, section: section)
        guard fields.depth > 1.5, fields.crack > 0.5 else { continue }
        let radial = duct.radial(angle: angle + 0.06 * draws.signed())
        var own = jitter.draws
        var nucleus = Nucleus(
          x: x, y: y, halfLength: duct.nucleusLength * draws.between(0.82, 1.15),
          halfWidth: duct.nucleusWidth * draws.between(0.88, 1.08), cosine: radial.x,
          sine: radial.y, stain: draws.between(0.8, 1.12), vesicular: draws.between(0.1, 0.7),
          bend: 0.12 * draws.signed(), taper: 0.14 * draws.signed(),
          textureOffset: own.unit() * 4096)
        if duct.kind == .gland {
          nucleus.marker = nuclearMarker(duct, cell: Int32(cell), row: 0, field: fields.marker)
        }
        nucleus.cut(jitter)
        nuclei.append(nucleus)
      }
    }
  }

  /// The marker in the nucleus of a duct's cell: some positive cells, and a few others.
  private func nuclearMarker(_ duct: Duct, cell: Int32, row: Int32, field: Float) -> Float {
    let bits = duct.cells.bits(cell, row &+ 100)
    var draws = CellDraws(state: bits ^ 0x6C07_8965)
    let marker = Neighbourhood.cellMarker(duct, bits, field: field)
    let chance: Float = marker > 0.2 ? 0.4 : 0.07
    return draws.unit() < chance ? draws.between(0.55, 1) : 0
  }

  private func addNest(of index: Int, to nuclei: inout [Nucleus], box: MicronBox) {
    let duct = ducts[index]
    box.expanded(by: Neighbourhood.nestPitch).forEachCell(pitch: Neighbourhood.nestPitch) {
      column, row in
      let state = duct.cells.bits(column, row)
      let jitter = SectionJitter(state: state, section: section)
      guard jitter.isPresent else { return }
      let site = Neighbourhood.nestSite(column, row, duct.cells)
      let (x, y) = (site.x + jitter.x, site.y + jitter.y)
      guard box.contains(x, y) else { return }
      let here = self.duct(at: x, y)
      guard here.index == index, here.depth > 2.6 else { return }
      let fields = model.fields(x, y, section: section)
      guard fields.depth > 1.5, fields.crack > 0.5 else { return }
      var draws = CellDraws(state: state ^ 0x1656_67B1)
      var own = jitter.draws
      let angle = draws.between(0, 2 * .pi)
      let size = draws.between(2.7, 4.1)
      var nucleus = Nucleus(
        x: x, y: y, halfLength: size * draws.between(1, 1.2),
        halfWidth: size * 0.95,
        cosine: cos(angle), sine: sin(angle), stain: draws.between(0.72, 1.1),
        marker: nuclearMarker(duct, cell: column, row: row, field: fields.marker),
        vesicular: draws.between(0.4, 1), bend: 0.14 * draws.signed(),
        taper: 0.14 * draws.signed(), textureOffset: own.unit() * 4096)
      nucleus.cut(jitter)
      nuclei.append(nucleus)
    }
  }

  /// Red cells within a vessel; each section has its own.
  private func addBlood(of index: Int, to nuclei: inout [Nucleus], box: MicronBox) {
    let duct = ducts[index]
    guard duct.content > 0.25 else { return }
    let hash = PositionHash(seed: model.seed, purpose: 16)
    let pitch = Neighbourhood.bloodPitch
    box.expanded(by: pitch).forEachCell(pitch: pitch) { column, row in
      let state = hash.bits(column, row)
      var draws = CellDraws(state: state)
      let x = (Float(column) + 0.5 + 0.3 * draws.signed()) * pitch
      let y = (Float(row) + 0.5 + 0.3 * draws.signed()) * pitch
      guard draws.unit() < duct.content * 1.1, box.contains(x, y) else { return }
      let here = self.duct(at: x, y)
      guard here.index == index, here.depth > duct.wall + 1.5 else { return }
      let angle = draws.between(0, .pi)
      nuclei.append(
        Nucleus(
          kind: .bloodCell, x: x, y: y, halfLength: draws.between(2.9, 3.5),
          halfWidth: draws.between(2.1, 3.1), cosine: cos(angle), sine: sin(angle),
          stain: draws.between(0.8, 1.15), vesicular: 0, bend: 0.1 * draws.signed(),
          taper: 0.1 * draws.signed(), textureOffset: 0))
    }
  }
}
