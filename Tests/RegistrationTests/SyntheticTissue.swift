import Foundation
import Rasters
import Registration
import TestSupport

/// A small drawn tissue that can be photographed in any pose under two stains.
struct SyntheticTissue {
  /// 1.28 mm at 4 µm a pixel.
  static let side = 320
  static let pixelSize = 4.0
  static let frame = SectionFrame(
    name: "section", width: 2560, height: 2560, pixelSize: PixelSize(0.5))
  private var nuclei = Plane(width: side, height: side)
  private var stroma = Plane(width: side, height: side)

  init(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for y in 0..<Self.side {
      for x in 0..<Self.side where Self.isTissue(x, y) { stroma[x, y] = 0.35 }
    }
    for _ in 0..<900 {
      let isLarge = Int.random(in: 0..<6, using: &random) == 0
      disc(
        x: Int.random(in: 0..<Self.side, using: &random),
        y: Int.random(in: 0..<Self.side, using: &random),
        radius: isLarge ? Int.random(in: 5...12, using: &random) : 2,
        isHole: isLarge && Bool.random(using: &random))
    }
    nuclei = nuclei.blurred(deviation: 0.7)
    stroma = stroma.blurred(deviation: 0.7)
  }

  /// A pear: no turn and no mirror maps it onto itself.
  private static func isTissue(_ x: Int, _ y: Int) -> Bool {
    let u = (Double(x) - 150) / 120
    let v = (Double(y) - 160) / 90
    return u * u + v * v * (1 + 0.5 * u) < 1
  }

  private mutating func disc(x: Int, y: Int, radius: Int, isHole: Bool) {
    for row in max(0, y - radius)...min(Self.side - 1, y + radius) {
      for column in max(0, x - radius)...min(Self.side - 1, x + radius) {
        let distance = (column - x) * (column - x) + (row - y) * (row - y)
        guard distance <= radius * radius, Self.isTissue(column, row) else { continue }
        if isHole {
          stroma[column, row] = 0
          nuclei[column, row] = 0
        } else {
          nuclei[column, row] = 0.9
        }
      }
    }
  }

  /// A picture whose pixel at `x` shows the tissue at `place(x)`, both in microns.
  func photograph(
    isBrown: Bool, place: (MicronPoint) -> MicronPoint = { $0 }
  ) -> SectionImage {
    let side = Self.side
    let nuclear: [Float] = isBrown ? [0.5, 0.5, 0.22] : [0.6, 0.65, 0.25]
    let other: [Float] = isBrown ? [0.1, 0.12, 0.14] : [0.05, 0.7, 0.2]
    var image = RGBImage(width: side, height: side)
    for y in 0..<side {
      for x in 0..<side {
        let point = place(
          MicronPoint(
            x: (Double(x) + 0.5) * Self.pixelSize, y: (Double(y) + 0.5) * Self.pixelSize))
        let u = point.x / Self.pixelSize
        let v = point.y / Self.pixelSize
        let isInside = u > 0 && v > 0 && u < Double(side) && v < Double(side)
        let dark = isInside ? nuclei.sampledBilinear(x: u, y: v) : 0
        let pale = isInside ? stroma.sampledBilinear(x: u, y: v) : 0
        for channel in 0..<3 {
          let density = dark * nuclear[channel] + pale * other[channel]
          image.pixels[(y * side + x) * 3 + channel] = UInt8(
            max(0, (245 * pow(10, -density)).rounded()))
        }
      }
    }
    return SectionImage(image: image, pixelSize: Self.pixelSize, frame: Self.frame)
  }
}

/// A turn about the middle of the synthetic tissue, perhaps a mirror, and a smooth warp before it.
struct KnownPose {
  var degrees: Double
  var isMirrored = false
  var warp = 25.0

  private var bend: SectionTransform {
    let angle = degrees * .pi / 180
    let side = isMirrored ? -1.0 : 1.0
    let centre = 640.0
    let (a, b, d, e) = (cos(angle) * side, -sin(angle), sin(angle) * side, cos(angle))
    var grid = DisplacementGrid(spacing: 640, covering: MicronPoint(x: 1280, y: 1280))
    for index in grid.x.indices {
      grid.x[index] = Float(warp * sin(Double(index) * 1.7))
      grid.y[index] = Float(warp * cos(Double(index) * 2.3))
    }
    return SectionTransform(
      fixed: SyntheticTissue.frame, moving: SyntheticTissue.frame,
      affine: AffineMap(
        a: a, b: b, c: centre - a * centre - b * centre + 30, d: d, e: e,
        f: centre - d * centre - e * centre - 20),
      displacement: grid)
  }

  /// Where a point of the fixed section lies in the moving one.
  func moving(_ point: MicronPoint) -> MicronPoint { bend.movingPoint(for: point) }

  /// The moving section of a tissue in this pose.
  func movingSection(of tissue: SyntheticTissue) -> SectionImage {
    let bend = bend
    return tissue.photograph(isBrown: true) { bend.fixedPoint(for: $0) }
  }

  /// The median distance between the true and a found map over the tissue's middle, in microns.
  func medianError(of transform: SectionTransform) -> Double {
    var errors: [Double] = []
    for y in stride(from: 400.0, through: 880, by: 40) {
      for x in stride(from: 240.0, through: 960, by: 40) {
        let point = MicronPoint(x: x, y: y)
        errors.append(transform.movingPoint(for: point).distance(to: moving(point)))
      }
    }
    return errors.sorted()[errors.count / 2]
  }
}
