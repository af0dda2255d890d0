/// What the light meets in a rectangle of one section: amounts of matter, whatever the stain.
struct Scene {
  /// Columns and rows.
  let width: Int, height: Int
  /// Haematoxylin of an H&E, in optical density along its vector.
  var haematoxylin: [Float]
  /// Eosin of an H&E.
  var eosin: [Float]
  /// Haemoglobin, 0…1.
  var blood: [Float]
  /// Haematoxylin counterstain of an IHC.
  var counterstain: [Float]
  /// Diaminobenzidine of an IHC.
  var marker: [Float]
  /// Dry mass, about 0…1: what bends light in an unstained section.
  var mass: [Float]
  /// `TissueClass` of each pixel.
  var classes: [UInt8]

  /// A scene of bare glass.
  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    let glass = [Float](repeating: 0, count: width * height)
    haematoxylin = glass
    eosin = glass
    blood = glass
    counterstain = glass
    marker = glass
    mass = glass
    classes = [UInt8](repeating: TissueClass.background.rawValue, count: width * height)
  }
}

/// The fields of the tissue on a lattice over a scene, read between by bilinear interpolation.
struct FieldLattice {
  /// Pixels between nodes; lattices of neighbouring scenes share their nodes.
  let step: Int
  let columns: Int, rows: Int
  /// Sixteen fields a node; see `pack`.
  private(set) var nodes: [SIMD16<Float>]
  /// The box around all nodes, in microns of the fixed frame.
  private(set) var box: MicronBox
  /// The largest depth under the outline at any node.
  private(set) var deepest: Float

  /// Evaluates the fields on nodes at every `step`-th pixel from (`x`, `y`), multiples of `step`;
  /// `place` tells where a point of the frame in pixels lies in the fixed frame in microns.
  init(
    x: Int, y: Int, width: Int, height: Int, step: Int, model: TissueModel, section: Int,
    place: (Double, Double) -> (x: Double, y: Double)
  ) {
    self.step = step
    columns = width / step + 1
    rows = height / step + 1
    nodes = []
    nodes.reserveCapacity(columns * rows)
    var box = MicronBox(minX: .infinity, minY: .infinity, maxX: -.infinity, maxY: -.infinity)
    var deepest = -Float.infinity
    for row in 0..<rows {
      for column in 0..<columns {
        let point = place(Double(x + column * step) + 0.5, Double(y + row * step) + 0.5)
        let (u, v) = (Float(point.x), Float(point.y))
        box.minX = min(box.minX, u)
        box.minY = min(box.minY, v)
        box.maxX = max(box.maxX, u)
        box.maxY = max(box.maxY, v)
        let fields = model.fields(u, v, section: section)
        deepest = max(deepest, fields.depth)
        nodes.append(FieldLattice.pack(fields, u, v))
      }
    }
    self.box = box
    self.deepest = deepest
  }

  private static func pack(_ fields: TissueFields, _ u: Float, _ v: Float) -> SIMD16<Float> {
    SIMD16(
      fields.depth, fields.adipose, fields.glandular, fields.lymphoid, fields.muscle,
      fields.thickness, fields.direction, fields.looseness, fields.marker, fields.textureX,
      fields.textureY, fields.crack, u, v, fields.muscleDirection, 0)
  }

  /// The nodes left and right of one row of pixels: the fields on that row at each node column.
  func interpolatedRow(_ y: Int, into row: inout [SIMD16<Float>]) {
    let node = y / step
    let share = Float(y - node * step) / Float(step)
    for column in 0..<columns {
      let top = nodes[node * columns + column]
      row[column] = top + (nodes[(node + 1) * columns + column] - top) * share
    }
  }
}
