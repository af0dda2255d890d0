import Foundation

/// A gland, a solid nest of epithelium, or a vessel: a star-shaped outline around a centre.
struct Duct: Sendable {
  /// What it is.
  enum Kind: Sendable {
    case gland, nest, vessel
  }

  var kind: Kind
  var centerX: Float, centerY: Float
  /// Mean outer radius, microns.
  var radius: Float
  /// The farthest the outline reaches from the centre, microns.
  var reach: Float
  /// Thickness of epithelium or vessel wall, microns.
  var wall: Float
  private var cosine: Float, sine: Float
  private var stretch: Float
  private var harmonics: SIMD8<Float>
  /// How many cells stand around the lumen.
  var cellCount: Int
  /// How strongly the marker is expressed, 0…1.
  var marker: Float
  /// Share of the marker that lies on membranes.
  var membranous: Float
  /// Share of goblet cells, 0…1.
  var goblet: Float
  /// Secretion in the lumen, or blood in a vessel, 0…1.
  var content: Float
  /// Width of the white slit that fixation leaves around it, microns.
  var retraction: Float
  /// Rows of nuclei.
  var rowCount: Int
  /// Half axes of its nuclei: across and along the radius, microns.
  var nucleusWidth: Float, nucleusLength: Float
  /// Key for the cells of this duct.
  var cells: PositionHash
  /// Cytoplasm: how blue it is, 0…1.
  var basophilia: Float

  /// Draws the duct of a grid cell; it may still be refused by the tissue around its centre.
  init(
    kind: Kind, column: Int32, row: Int32, pitch: Float, hash: PositionHash, seed: UInt64,
    section: Int, radius range: ClosedRange<Float>
  ) {
    var draws = hash.draws(column, row)
    self.kind = kind
    centerX = (Float(column) + 0.5 + 0.34 * draws.signed()) * pitch
    centerY = (Float(row) + 0.5 + 0.34 * draws.signed()) * pitch
    let share = draws.unit()
    radius = range.lowerBound + (range.upperBound - range.lowerBound) * share * share
    let angle = draws.between(0, 2 * .pi)
    stretch = 1 + (kind == .vessel ? 0.55 : 0.32) * draws.unit()
    var shape = SIMD8<Float>()
    let heights: [Float] = kind == .vessel ? [0.06, 0.03, 0.02, 0] : [0.13, 0.08, 0.06, 0.04]
    for index in 0..<4 {
      let phase = draws.between(0, 2 * .pi)
      let height = heights[index] * draws.between(0.3, 1) * (0.7 + 0.8 * share)
      shape[2 * index] = height * cos(phase)
      shape[2 * index + 1] = height * sin(phase)
    }
    marker = draws.unit()
    membranous = draws.between(0.2, 0.9)
    goblet = draws.unit() < 0.3 ? draws.between(0.25, 0.6) : 0
    content = draws.unit()
    retraction = draws.unit() < (kind == .vessel ? 0.12 : 0.3) ? draws.between(0.8, 3.2) : 0
    let tall = draws.unit()
    rowCount = draws.unit() < 0.3 ? 2 : 1
    basophilia = draws.unit()
    wall =
      switch kind {
      case .gland: mix(11, 19, tall) + (rowCount == 2 ? 4 : 0)
      case .vessel: min(2.4 + 6 * tall * tall, radius * 0.35)
      case .nest: radius
      }
    nucleusWidth = draws.between(2.2, 2.8)
    nucleusLength = mix(2.7, 4.9, tall)
    if kind == .vessel {
      nucleusWidth = 3.6
      nucleusLength = 1.2
    }
    // The neighbouring section cuts the same duct a few microns deeper.
    if section == 1 {
      var deeper = PositionHash(seed: seed, purpose: 90).draws(column, row)
      centerX += 2.2 * deeper.signed()
      centerY += 2.2 * deeper.signed()
      radius *= 1 + 0.05 * deeper.signed()
      for index in 0..<8 { shape[index] += 0.012 * deeper.signed() }
    }
    harmonics = shape
    cosine = cos(angle)
    sine = sin(angle)
    reach =
      radius * stretch.squareRoot() * (1 + (0..<8).reduce(0) { $0 + abs(shape[$1]) * 0.8 })
    let spacing: Float = kind == .vessel ? 15 : 2 * nucleusWidth + 1.5
    cellCount = max(3, Int(2 * .pi * radius / spacing))
    cells = PositionHash(
      seed: seed ^ UInt64(UInt32(bitPattern: column)) << 32 ^ UInt64(UInt32(bitPattern: row)),
      purpose: 91)
  }

  /// A place seen from the centre, the stretch undone.
  @inline(__always)
  func local(_ x: Float, _ y: Float) -> (x: Float, y: Float, radius: Float) {
    let dx = x - centerX
    let dy = y - centerY
    let root = stretch.squareRoot()
    let alongX = (dx * cosine + dy * sine) / root
    let alongY = (dy * cosine - dx * sine) * root
    return (alongX, alongY, (alongX * alongX + alongY * alongY).squareRoot())
  }

  /// The outline's radius in a direction of the local frame (a unit vector).
  @inline(__always)
  func outline(_ directionX: Float, _ directionY: Float) -> Float {
    // cos kθ and sin kθ by repeated complex products.
    var (powerX, powerY) = (directionX, directionY)
    var sum: Float = 1
    for index in 0..<4 {
      let nextX = powerX * directionX - powerY * directionY
      powerY = powerX * directionY + powerY * directionX
      powerX = nextX
      sum += harmonics[2 * index] * powerX + harmonics[2 * index + 1] * powerY
    }
    return radius * sum
  }

  /// How deep a place lies under the outline, about in microns; negative outside.
  @inline(__always)
  func depth(_ x: Float, _ y: Float) -> Float {
    let place = local(x, y)
    guard place.radius > 0.01 else { return radius }
    return outline(place.x / place.radius, place.y / place.radius) - place.radius
  }

  /// The place under the outline in direction `angle` of the local frame, at `depth` microns.
  func place(angle: Float, depth: Float) -> (x: Float, y: Float) {
    let (directionX, directionY) = (cos(angle), sin(angle))
    let distance = max(outline(directionX, directionY) - depth, 0)
    let root = stretch.squareRoot()
    let alongX = directionX * distance * root
    let alongY = directionY * distance / root
    return (centerX + alongX * cosine - alongY * sine, centerY + alongX * sine + alongY * cosine)
  }

  /// The direction from the centre that `angle` of the local frame has on the slide (a unit vector).
  func radial(angle: Float) -> (x: Float, y: Float) {
    let root = stretch.squareRoot()
    let alongX = cos(angle) * root
    let alongY = sin(angle) / root
    let length = (alongX * alongX + alongY * alongY).squareRoot()
    return (
      (alongX * cosine - alongY * sine) / length, (alongX * sine + alongY * cosine) / length
    )
  }
}
