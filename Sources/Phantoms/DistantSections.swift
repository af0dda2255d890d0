import Foundation
public import Rasters

/// Two sections that lie further apart in the block than a nucleus is wide, seen at a registration's working
/// pixel size, and the exact map between them.
///
/// Every structure comes from smooth noise in three dimensions whose covariance is a Gaussian in depth as well:
/// noise with bumps of one size, cut `depthMicrons` deeper, is `c · first + √(1 − c²) · other` with
/// `c = exp(−depth² / 2 s²)` and `s` three tenths of its wavelength. At 20 µm nuclei have nothing in common, the
/// walls of air spaces half, glands and vessels most; that is what a registration of such sections has to live
/// with, whatever the tissue.
public struct DistantSections: Sendable {
  /// What the tissue is made of.
  public enum Tissue: String, Sendable, CaseIterable, Codable {
    /// Air spaces between thin walls, with airways and dense patches: lung.
    case spongy
    /// Glands and vessels in fibres.
    case glandular
    /// Dense cells with few vessels: tumour, lymph node.
    case solid
  }

  /// The side of both frames in microns.
  public static let extent = 3000.0
  /// Microns a pixel.
  public static let pixelSize = 4.0
  /// What the tissue is.
  public let tissue: Tissue
  /// How much deeper in the block the second section was cut.
  public let depthMicrons: Double
  /// The H&E section.
  public let fixed: RGBImage
  /// The second section with a brown marker and a pale counterstain.
  public let moving: RGBImage
  private let map: DistantMap

  /// Draws a pair.
  ///
  /// Turn, warp, outline, strength of the stains and what is missing are drawn from the seed; a quarter is
  /// mirrored, half fills the frame, and a quarter lacks a sixth of the tissue.
  ///
  /// - Parameters:
  ///   - tissue: What the tissue is.
  ///   - depthMicrons: How far apart the sections lie.
  ///   - seed: Everything random comes from this number.
  /// - Throws: Never for the warps that are drawn; the error of ``PhantomMap`` otherwise.
  public init(tissue: Tissue, depthMicrons: Double, seed: UInt64) throws {
    self.tissue = tissue
    self.depthMicrons = depthMicrons
    let map = try DistantMap(depth: depthMicrons, seed: seed)
    self.map = map
    let block = DistantBlock(tissue: tissue, depth: Float(depthMicrons), seed: seed)
    let looks = (0..<2).map { DistantLook(seed: seed, section: $0) }
    fixed = looks[0].photograph { block.matter($0, section: 0) }
    moving = looks[1].photograph { block.matter(map.fixed($0), section: 1) }
  }

  /// Where a point of the fixed section lies on the moving one, in microns.
  public func movingPoint(_ point: MicronPoint) -> MicronPoint { map.moving(point) }
}

/// A wide warp of the whole section after a narrow one, as cutting and mounting leave them, and after the drift
/// of structures that run obliquely through the block, each with its surroundings.
private struct DistantMap: Sendable {
  private let wide: PhantomMap
  private let narrow: PhantomMap
  private let drift: PhantomMap

  init(depth: Double, seed: UInt64) throws(PhantomError) {
    var draws = PositionHash(seed: seed, purpose: 200).draws(0, 0)
    let turn = 360 * Double(draws.unit())
    let shift = (x: 120 * Double(draws.signed()), y: 120 * Double(draws.signed()))
    wide = try PhantomMap(
      extent: DistantSections.extent, rotationDegrees: turn, shift: shift,
      warp: Double(draws.between(30, 150)), isMirrored: seed % 4 == 3, seed: seed)
    // Sines of 600 to 1800 µm.
    narrow = try PhantomMap(
      extent: 1000, rotationDegrees: 0, shift: (0, 0), warp: Double(draws.between(8, 28)),
      isMirrored: false, seed: seed &+ 7_000_000)
    // Sines of 300 to 900 µm; half as steep on average as the steepest 45°.
    drift = try PhantomMap(
      extent: 500, rotationDegrees: 0, shift: (0, 0),
      warp: depth * Double(draws.between(0.6, 1)), isMirrored: false, seed: seed &+ 9_000_000)
  }

  func moving(_ point: MicronPoint) -> MicronPoint {
    wide.moving(narrow.moving(drift.moving(point)))
  }
  func fixed(_ point: MicronPoint) -> MicronPoint { drift.fixed(narrow.fixed(wide.fixed(point))) }
}

/// What light meets at a place of a section.
private struct DistantMatter {
  var nuclei: Float = 0
  var fibres: Float = 0
  var marker: Float = 0
}

/// The tissue block: smooth noise cut at two depths.
private struct DistantBlock: Sendable {
  private struct Field: Sendable {
    let first: GradientNoise
    let other: GradientNoise
    let same: Float
    let new: Float

    init(seed: UInt64, purpose: UInt64, wavelength: Float, depth: Float) {
      first = GradientNoise(seed: seed, purpose: 210 + 2 * purpose, wavelength: wavelength)
      other = GradientNoise(seed: seed, purpose: 211 + 2 * purpose, wavelength: wavelength)
      let scaled = depth / (0.3 * wavelength)
      same = exp(-0.5 * scaled * scaled)
      new = (1 - same * same).squareRoot()
    }

    func callAsFunction(_ x: Float, _ y: Float, _ section: Int) -> Float {
      section == 0 ? first(x, y) : same * first(x, y) + new * other(x, y)
    }
  }

  private let tissue: DistantSections.Tissue
  private let outline: TissueOutline
  private let loss: TissueLoss
  private let isWhole: Bool
  private let region: Field, duct: Field, vessel: Field, wall: Field, fibre: Field
  private let nucleus: Field, density: Field, marker: Field, folds: Field
  private let dense: Float
  private let openness: Float
  private let narrowness: Float

  init(tissue: DistantSections.Tissue, depth: Float, seed: UInt64) {
    self.tissue = tissue
    let extent = Float(DistantSections.extent)
    outline = TissueOutline(extent: extent, seed: seed)
    loss = TissueLoss(
      outline: outline, extent: extent, seed: seed, share: seed % 4 == 1 ? 0.17 : 0)
    isWhole = seed % 2 == 0
    var draws = PositionHash(seed: seed, purpose: 201).draws(0, 0)
    let size = draws.between(0.8, 1.25)
    func field(_ purpose: UInt64, _ wavelength: Float) -> Field {
      Field(seed: seed, purpose: purpose, wavelength: wavelength * size, depth: depth)
    }
    region = field(0, 900)
    duct = field(1, tissue == .glandular ? 170 : 420)
    vessel = field(2, 240)
    wall = field(3, 85)
    fibre = field(4, 40)
    nucleus = field(5, 10)
    density = field(6, 130)
    marker = field(7, 110)
    folds = field(8, 300)
    dense = draws.between(-0.05, 0.2)
    openness = draws.between(0.05, 0.09)
    narrowness = draws.between(0.3, 0.48)
  }

  func matter(_ point: MicronPoint, section: Int) -> DistantMatter {
    let (x, y) = (Float(point.x), Float(point.y))
    var depth = isWhole ? 100 : outline.depth(x, y) + 20 * folds(x, y, section)
    if section == 1 { depth = min(depth, loss.distance(x, y)) }
    guard depth > 0 else { return DistantMatter() }
    let cells = nucleus(x, y, section)
    let crowd = 0.5 + 1.2 * density(x, y, section)
    var result = DistantMatter()
    // Airways and glands: a white lumen within a lining; vessels likewise, smaller.
    let lumen = max(
      duct(x, y, section) - narrowness, vessel(x, y, section) - narrowness - 0.06)
    let lining: Float = tissue == .glandular ? 0.13 : 0.07
    if lumen > 0 { return result }
    let isLining = lumen > -lining
    let isDense =
      tissue == .solid
      || (tissue == .spongy && region(x, y, section) + 0.3 * density(x, y, section) > dense)
    if isLining {
      result.nuclei = 0.45 + 0.5 * smoothStep(-0.1, 0.25, cells)
      result.fibres = 0.4
    } else if isDense {
      result.nuclei =
        (0.3 + 0.4 * clampUnit(crowd)) * (0.45 + smoothStep(-0.1, 0.3, cells))
      result.fibres = 0.35
      if abs(wall(x, y, section)) < openness * 0.5 { result.nuclei *= 0.3 }
    } else if tissue == .spongy {
      let isWall = abs(wall(x, y, section) + 0.25 * fibre(x, y, section)) < openness
      guard isWall else { return result }
      result.nuclei = 0.12 + 0.6 * smoothStep(0, 0.3, cells)
      result.fibres = 0.5
    } else {
      result.fibres = clampUnit(0.45 + 0.9 * fibre(x, y, section) + 0.5 * region(x, y, section))
      result.nuclei = 0.5 * clampUnit(crowd) * smoothStep(0.1, 0.35, cells)
    }
    let expression = smoothStep(0.1, 0.3, marker(x, y, section))
    result.marker = expression * (isLining ? 0.8 : isDense ? 0.35 * smoothStep(0, 0.2, cells) : 0)
    return result
  }
}

/// Stains, light and camera of one section.
private struct DistantLook: Sendable {
  private let nuclei: SIMD4<Float>
  private let fibres: SIMD4<Float>
  private let marker: SIMD4<Float>
  private let glass: SIMD4<Float>
  private let light: GradientNoise
  private let bath: GradientNoise
  private let noise: PositionHash

  init(seed: UInt64, section: Int) {
    var draws = PositionHash(seed: seed, purpose: 202).draws(Int32(section), 0)
    func stain(_ red: Float, _ green: Float, _ blue: Float, _ strength: Float) -> SIMD4<Float> {
      SIMD4(red, green, blue, 0) * strength
    }
    if section == 0 {
      nuclei = stain(0.65, 0.70, 0.29, draws.between(0.7, 1.2))
      fibres = stain(0.07, 0.99, 0.11, draws.between(0.3, 0.7))
      marker = SIMD4(repeating: 0)
    } else {
      nuclei = stain(0.65, 0.70, 0.29, draws.between(0.2, 0.8))
      fibres = stain(0.10, 0.12, 0.14, draws.between(0.1, 0.5))
      marker = stain(0.27, 0.57, 0.78, draws.between(0.3, 1.2))
    }
    glass = SIMD4(repeating: draws.between(232, 250)) + SIMD4(0, draws.signed(), -2, 0)
    light = GradientNoise(seed: seed, purpose: 240 + UInt64(section), wavelength: 1800)
    bath = GradientNoise(seed: seed, purpose: 242 + UInt64(section), wavelength: 1100)
    noise = PositionHash(seed: seed, purpose: 244 + UInt64(section))
  }

  /// Each pixel is the mean light of two by two places.
  func photograph(_ matter: (MicronPoint) -> DistantMatter) -> RGBImage {
    let side = Int(DistantSections.extent / DistantSections.pixelSize)
    var image = RGBImage(width: side, height: side)
    for row in 0..<side {
      for column in 0..<side {
        var sum = SIMD4<Float>(repeating: 0)
        for quarter in 0..<4 {
          let point = MicronPoint(
            x: (Double(column) + 0.25 + 0.5 * Double(quarter % 2)) * DistantSections.pixelSize,
            y: (Double(row) + 0.25 + 0.5 * Double(quarter / 2)) * DistantSections.pixelSize)
          let here = matter(point)
          let strength = 1 + 0.25 * bath(Float(point.x), Float(point.y))
          let density =
            (here.nuclei * nuclei + here.fibres * fibres + here.marker * marker) * strength
          for channel in 0..<3 { sum[channel] += exp(-2.302585 * density[channel]) }
        }
        let lamp = 1 + 0.02 * light(4 * Float(column), 4 * Float(row))
        var draws = noise.draws(Int32(column), Int32(row))
        let grain = SIMD4(draws.signed(), draws.signed(), draws.signed(), 0) * 4
        let value = sum / 4 * glass * lamp + grain
        for channel in 0..<3 {
          image.pixels[(row * side + column) * 3 + channel] = UInt8(
            min(max(value[channel].rounded(), 0), 255))
        }
      }
    }
    return image
  }
}
