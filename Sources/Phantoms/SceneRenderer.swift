import Foundation
import Rasters

/// Draws the matter of one section, scene by scene.
struct SceneRenderer: Sendable {
  let model: TissueModel
  let map: PhantomMap
  let section: Int
  /// Microns a pixel.
  let pixelSize: Double
  private let fibers: FiberTexture
  private let grain: GradientNoise
  private let granules: GradientNoise
  private let painter: NucleusPainter

  /// A scene's origin and size are multiples of this many pixels at most.
  let step: Int

  init(model: TissueModel, map: PhantomMap, section: Int, pixelSize: Double) {
    self.model = model
    self.map = map
    self.section = section
    self.pixelSize = pixelSize
    // Nodes at most 4 µm apart: between them the warp is straight within 0.01 µm, and the fields,
    // none of which is finer than 19 µm, are smooth.
    step = pixelSize <= 0.5 ? 8 : pixelSize <= 1 ? 4 : pixelSize <= 2 ? 2 : 1
    fibers = FiberTexture(seed: model.seed)
    grain = GradientNoise(seed: model.seed, purpose: 18 + 100 * UInt64(section), wavelength: 1.9)
    granules = GradientNoise(
      seed: model.seed, purpose: 32 + UInt64(section), wavelength: 0.95)
    painter = NucleusPainter(seed: model.seed, pixelSize: Float(pixelSize))
  }

  /// Where a point of this section's frame lies in the fixed frame, both in microns.
  private func place(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
    guard section == 1 else { return (x, y) }
    let point = map.fixed(MicronPoint(x: x, y: y))
    return (point.x, point.y)
  }

  /// The scene of a region whose corner and size are multiples of 8 pixels; nothing where the
  /// region is bare glass.
  func scene(_ region: PixelRegion) -> Scene? {
    let lattice = FieldLattice(
      x: region.x, y: region.y, width: region.width, height: region.height, step: step,
      model: model, section: section
    ) { x, y in place(x * pixelSize, y * pixelSize) }
    guard lattice.deepest > -8 else { return nil }
    let neighbourhood = Neighbourhood(
      model: model, section: section, box: lattice.box.expanded(by: 14))
    let count = region.width * region.height
    var placesX = [Float](repeating: 0, count: count)
    var placesY = [Float](repeating: 0, count: count)
    fillPlaces(lattice, width: region.width, height: region.height, &placesX, &placesY)
    var planes = NucleusPlanes(count: count)
    for nucleus in neighbourhood.nuclei(in: lattice.box.expanded(by: 13)) {
      let center = pixel(nucleus, region: region)
      painter.paint(
        nucleus, center: center, width: region.width, height: region.height, placesX: placesX,
        placesY: placesY, planes: &planes)
    }
    var scene = Scene(width: region.width, height: region.height)
    var row = [SIMD16<Float>](repeating: .zero, count: lattice.columns)
    let shares = (0..<step).map { Float($0) / Float(step) }
    for y in 0..<region.height {
      lattice.interpolatedRow(y, into: &row)
      for x in 0..<region.width {
        let node = x / step
        let fields = row[node] + (row[node + 1] - row[node]) * shares[x - node * step]
        guard fields[0] > -3 else { continue }
        let index = y * region.width + x
        shade(fields, neighbourhood, planes, index, &scene)
      }
    }
    return scene
  }

  private func fillPlaces(
    _ lattice: FieldLattice, width: Int, height: Int, _ placesX: inout [Float],
    _ placesY: inout [Float]
  ) {
    var row = [SIMD16<Float>](repeating: .zero, count: lattice.columns)
    for y in 0..<height {
      lattice.interpolatedRow(y, into: &row)
      for x in 0..<width {
        let node = x / step
        let share = Float(x - node * step) / Float(step)
        placesX[y * width + x] = row[node][12] + (row[node + 1][12] - row[node][12]) * share
        placesY[y * width + x] = row[node][13] + (row[node + 1][13] - row[node][13]) * share
      }
    }
  }

  /// A nucleus' centre in pixels of a region.
  private func pixel(_ nucleus: Nucleus, region: PixelRegion) -> (x: Float, y: Float) {
    var point = MicronPoint(x: Double(nucleus.x), y: Double(nucleus.y))
    if section == 1 { point = map.moving(point) }
    return (
      Float(point.x / pixelSize - Double(region.x)), Float(point.y / pixelSize - Double(region.y))
    )
  }

  // MARK: One pixel

  /// What lies at one pixel, from the fields and objects around it.
  @inline(__always)
  private func shade(
    _ fields: SIMD16<Float>, _ neighbourhood: Neighbourhood, _ nuclei: NucleusPlanes, _ index: Int,
    _ scene: inout Scene
  ) {
    let (u, v) = (fields[12], fields[13])
    let soft = max(0.4, Float(pixelSize) * 0.7)
    var ductPlace =
      neighbourhood.ducts.isEmpty ? (index: -1, depth: 0) : neighbourhood.duct(at: u, v)
    // No outline is as smooth as a formula.
    ductPlace.depth += 0.45 * fields[9]
    var matter = Matter()
    var kind = TissueClass.stroma
    let isDeepInDuct = ductPlace.index >= 0 && ductPlace.depth > soft
    if !isDeepInDuct {
      (matter, kind) = connective(fields, u, v)
      if !neighbourhood.fatCells.isEmpty {
        let vacuole = neighbourhood.vacuoleDepth(at: u + 0.7 * fields[9], v + 0.7 * fields[10])
        if vacuole > -6 {
          // Fat cells push fibres aside: their membrane is a thin, even line.
          let membrane = smoothStep(-6, -2, vacuole)
          matter.blend(
            Matter(haematoxylin: 0.01, eosin: 0.30, counterstain: 0.06, mass: 0.5), membrane * 0.7)
          matter.scale(1 - smoothStep(-soft, soft, vacuole))
          if vacuole > -2 { kind = .adipose }
        } else if fields[1] > 0.02 {
          kind = .adipose
        }
      }
    }
    if ductPlace.index >= 0 {
      let duct = neighbourhood.ducts[ductPlace.index]
      let retraction = duct.retraction
      if retraction > 0, ductPlace.depth < soft {
        matter.scale(smoothStep(0, 1.2, -ductPlace.depth - retraction))
      }
      if ductPlace.depth > -soft {
        let (within, withinKind) = self.within(duct, ductPlace.depth, fields, u, v)
        let share = smoothStep(-soft, soft, ductPlace.depth)
        matter.blend(within, share)
        if share > 0.5 { kind = withinKind }
      }
    }
    // Nuclei: their chromatin takes the place of cytoplasm.
    let cover = nuclei.cover[index]
    if cover > 0 {
      let chromatin = nuclei.chromatin[index]
      let marker = nuclei.marker[index]
      let nucleus = Matter(
        haematoxylin: 0.80 * chromatin, eosin: 0.15 + 0.05 * chromatin,
        counterstain: 0.62 * chromatin * (1 - 0.45 * marker),
        marker: 0.85 * marker * (0.5 + 0.5 * chromatin),
        mass: 0.62 + 0.3 * chromatin)
      matter.blend(nucleus, cover, keepingMarker: 0.5)
    }
    let blood = nuclei.blood[index]
    if blood > 0 {
      matter.blend(
        Matter(
          haematoxylin: 0, eosin: 0.42 * blood, blood: blood, counterstain: 0.015,
          mass: 0.75 * blood),
        min(blood, 1))
    }
    var presence = smoothStep(-soft, soft, fields[0])
    // Slits are see-through, but their edges are not straight cuts: keep 6 %.
    presence *= 0.03 + 0.97 * smoothStep(0, 1.4, fields[11])
    if presence < 0.5 { kind = .background }
    matter.scale(presence * fields[5] * (1 + 0.10 * granules(u, v)))
    scene.haematoxylin[index] = matter.haematoxylin
    scene.eosin[index] = matter.eosin
    scene.blood[index] = matter.blood
    scene.counterstain[index] = matter.counterstain
    scene.marker[index] = matter.marker
    scene.mass[index] = matter.mass
    scene.classes[index] = kind.rawValue
  }

  /// Fibrous tissue, muscle or lymphoid tissue.
  @inline(__always)
  private func connective(
    _ fields: SIMD16<Float>, _ u: Float, _ v: Float
  ) -> (Matter, TissueClass) {
    let (x, y) = (u + fields[9], v + fields[10])
    let muscle = smoothStep(-0.03, 0.03, fields[4])
    let lymphoid = smoothStep(-0.10, 0.10, fields[3])
    var result = Matter()
    if muscle < 1 {
      let texture = fibers.collagen(x, y, direction: fields[6])
      let loose = fields[7] * (1 - 0.6 * lymphoid)
      let density = clampUnit(0.52 + texture.broad * 0.46 + texture.fine * 0.46)
      let low = -0.10 + 0.52 * loose
      let presence = smoothStep(low, low + 0.26, density)
      result = Matter(
        haematoxylin: 0.012 + 0.02 * density, eosin: (0.10 + 0.34 * density) * presence,
        counterstain: (0.022 + 0.050 * density) * presence, mass: (0.28 + 0.42 * density) * presence
      )
      result.blend(
        Matter(
          haematoxylin: 0.07 + 0.03 * density, eosin: 0.13 + 0.07 * density,
          counterstain: 0.06 + 0.03 * density, mass: 0.35 + 0.2 * density),
        lymphoid * 0.85)
    }
    if muscle > 0 {
      let texture = fibers.muscle(x, y, direction: fields[14])
      let density = clampUnit(0.62 + texture.fine * 0.30)
      let bundle = smoothStep(-0.62, -0.36, texture.broad)
      result.blend(
        Matter(
          haematoxylin: 0.03, eosin: (0.34 + 0.20 * density) * bundle,
          counterstain: (0.030 + 0.045 * density) * bundle, mass: (0.4 + 0.4 * density) * bundle),
        muscle)
    }
    return (result, muscle > 0.5 ? .muscle : lymphoid > 0.5 ? .lymphoid : .stroma)
  }

  /// What lies under a duct's outline.
  @inline(__always)
  private func within(
    _ duct: Duct, _ depth: Float, _ fields: SIMD16<Float>, _ u: Float, _ v: Float
  ) -> (Matter, TissueClass) {
    let soft = max(0.4, Float(pixelSize) * 0.7)
    let speckle = grain(u, v)
    switch duct.kind {
    case .vessel:
      let wall = 1 - smoothStep(-soft, soft, depth - duct.wall)
      let rings = 0.5 + 0.5 * sin(depth * 2.6 + 2 * speckle)
      var result = Matter(
        haematoxylin: 0.02, eosin: 0.27 + 0.12 * rings, counterstain: 0.04 + 0.035 * rings,
        mass: 0.5 + 0.2 * rings)
      let plasma = duct.content > 0.7 ? 0.05 : Float(0)
      result.blend(
        Matter(eosin: plasma, counterstain: plasma * 0.2, mass: plasma), 1 - wall)
      return (result, .vessel)
    case .nest:
      let column = Int32((u / Neighbourhood.nestPitch).rounded(.down))
      let row = Int32((v / Neighbourhood.nestPitch).rounded(.down))
      var (nearest, second) = (Float.infinity, Float.infinity)
      var bits: UInt32 = 0
      for cellRow in (row - 1)...(row + 1) {
        for cellColumn in (column - 1)...(column + 1) {
          let site = Neighbourhood.nestSite(cellColumn, cellRow, duct.cells)
          let distance = (u - site.x) * (u - site.x) + (v - site.y) * (v - site.y)
          if distance < nearest {
            second = nearest
            nearest = distance
            bits = duct.cells.bits(cellColumn, cellRow &+ 100)
          } else if distance < second {
            second = distance
          }
        }
      }
      let border = (second.squareRoot() - nearest.squareRoot()) / 2
      let edge = 1 - smoothStep(0.25, 1.0, min(border, depth + 0.3))
      let expression = Neighbourhood.cellMarker(duct, bits, field: fields[8])
      return (cytoplasm(duct, edge: edge, speckle: speckle, expression: expression), .epithelium)
    case .gland:
      return gland(duct, depth, fields, u, v, speckle)
    }
  }

  /// A gland's columnar cells and its lumen.
  @inline(__always)
  private func gland(
    _ duct: Duct, _ depth: Float, _ fields: SIMD16<Float>, _ u: Float, _ v: Float, _ speckle: Float
  ) -> (Matter, TissueClass) {
    let soft = max(0.4, Float(pixelSize) * 0.7)
    let lumenDepth = depth - duct.wall
    var inside = Matter()
    if lumenDepth > -soft {
      if duct.content > 0.5 {
        // Secretion: clots that have drawn back from the wall.
        let amount = smoothStep(1.5, 5, lumenDepth + 2 * speckle) * (0.5 + 0.5 * speckle)
        let strength = 0.22 * (duct.content - 0.4) * amount
        inside = Matter(
          haematoxylin: 0.02 * amount, eosin: strength,
          counterstain: 0.12 * strength + 0.004 * amount,
          mass: 1.2 * strength)
      }
      if lumenDepth > soft { return (inside, .lumen) }
    }
    let place = duct.local(u, v)
    var turn = atan2(place.y, place.x) / (2 * .pi)
    if turn < 0 { turn += 1 }
    let position = turn * Float(duct.cellCount)
    let cell = min(Int32(position), Int32(duct.cellCount) - 1)
    let across = position - Float(cell) - 0.5
    let cellWidth = 2 * Float.pi * place.radius / Float(duct.cellCount)
    let toSide = (0.5 - abs(across)) * cellWidth
    let edge = 1 - smoothStep(0.2, 0.9, min(toSide, min(depth + 0.2, -lumenDepth + 0.2)))
    let bits = duct.cells.bits(cell, 100)
    let expression = Neighbourhood.cellMarker(duct, bits, field: fields[8])
    var result = cytoplasm(duct, edge: edge, speckle: speckle, expression: expression)
    // Cytoplasm is paler towards the lumen, and its very border a fine dark line.
    let height = depth / duct.wall
    result.haematoxylin *= 1.25 - 0.6 * height
    if duct.goblet > 0, Float(bits >> 8) * 0x1p-24 < duct.goblet {
      let alongCup = (height - 0.70) / 0.27
      let cup =
        1 - smoothStep(0.7, 1.05, (across * across * 5.5 + alongCup * alongCup).squareRoot())
      result.blend(
        Matter(haematoxylin: 0.07, eosin: 0.03, counterstain: 0.055 + 0.01 * speckle, mass: 0.3),
        cup)
    }
    let share = smoothStep(-soft, soft, lumenDepth)
    result.blend(inside, share)
    return (result, share > 0.5 ? .lumen : .epithelium)
  }

  /// A cell's body: `edge` is 1 on its membrane.
  @inline(__always)
  private func cytoplasm(
    _ duct: Duct, edge: Float, speckle: Float, expression: Float
  ) -> Matter {
    let texture = 1 + 0.22 * speckle
    return Matter(
      haematoxylin: (0.05 + 0.12 * duct.basophilia) * texture,
      eosin: (0.22 + 0.05 * (1 - duct.basophilia)) * texture + 0.07 * edge,
      counterstain: (0.035 + 0.075 * duct.basophilia) * texture + 0.02 * edge,
      marker: expression
        * (0.42 * (1.15 - duct.membranous) * texture + 0.62 * duct.membranous * edge),
      mass: 0.5 * texture + 0.15 * edge)
  }
}
