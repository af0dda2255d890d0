import Foundation

/// What the tissue is like around one place.
struct TissueFields {
  /// Microns to the outline, positive within.
  var depth: Float = -1000
  /// Above 0 in fat.
  var adipose: Float = 0
  /// The higher, the more glands.
  var glandular: Float = 0
  /// Above 0 in dense lymphocytes.
  var lymphoid: Float = 0
  /// Above 0 in muscle.
  var muscle: Float = 0
  /// How thick the section is cut here, about 1.
  var thickness: Float = 1
  /// The direction of collagen fibres and of muscle, in radians.
  var direction: Float = 0, muscleDirection: Float = 0
  /// How loose the stroma is, 0…1.
  var looseness: Float = 0
  /// How strongly the marker is expressed, about -1…1.
  var marker: Float = 0
  /// Where fine texture is read, relative to the place, in microns.
  var textureX: Float = 0, textureY: Float = 0
  /// Distance to the next crack's middle, less its half width, in microns.
  var crack: Float = 10
}

/// One procedural tissue in microns of the fixed frame, cut at two depths (sections 0 and 1).
///
/// Everything is a pure function of seed, place and section; nothing is stored but parameters.
struct TissueModel: Sendable {
  /// The side of the frame in microns.
  let extent: Float
  /// The wavelength of the regions (fat, glands, lymphocytes, muscle), in microns.
  let regionScale: Float
  /// Everything random comes from this number.
  let seed: UInt64
  let outline: TissueOutline
  let loss: TissueLoss

  private let regions: [[GradientNoise]]
  private let thicknessNoise: [GradientNoise]
  private let crackNoise: [GradientNoise], crackMask: [GradientNoise]
  private let crimpX: GradientNoise, crimpY: GradientNoise
  private let textureX: GradientNoise, textureY: GradientNoise
  private let balance: RegionBalance

  /// Which noise of `regions` is which field.
  private enum Region: Int, CaseIterable {
    case adipose, glandular, lymphoid, muscle, direction, muscleDirection, looseness, marker
    case depth
  }

  init(extent: Float, seed: UInt64, outlineSeed: UInt64? = nil, missingShare: Float) {
    self.extent = extent
    self.seed = seed
    let scale = min(max(extent / 4.5, 130), 560)
    regionScale = scale
    outline = TissueOutline(extent: extent, seed: outlineSeed ?? seed)
    loss = TissueLoss(outline: outline, extent: extent, seed: seed, share: missingShare)
    let wavelengths: [Float] = [1.15, 0.8, 0.55, 1.05, 0.5, 1.1, 0.3, 0.6, 0.2].map { $0 * scale }
    regions = (0..<2).map { section in
      Region.allCases.map { region in
        GradientNoise(
          seed: seed, purpose: 20 + UInt64(region.rawValue) + 20 * UInt64(section),
          wavelength: wavelengths[region.rawValue])
      }
    }
    thicknessNoise = (0..<2).map {
      GradientNoise(seed: seed, purpose: 60 + UInt64($0), wavelength: 260)
    }
    crackNoise = (0..<2).map {
      GradientNoise(seed: seed, purpose: 62 + UInt64($0), wavelength: 170)
    }
    crackMask = (0..<2).map {
      GradientNoise(seed: seed, purpose: 64 + UInt64($0), wavelength: 240)
    }
    crimpX = GradientNoise(seed: seed, purpose: 66, wavelength: 21)
    crimpY = GradientNoise(seed: seed, purpose: 67, wavelength: 21)
    textureX = GradientNoise(seed: seed, purpose: 68, wavelength: 34)
    textureY = GradientNoise(seed: seed, purpose: 69, wavelength: 34)
    balance = RegionBalance(seed: seed)
  }

  /// The fields at a place, in one section.
  func fields(_ x: Float, _ y: Float, section: Int) -> TissueFields {
    var result = TissueFields()
    result.depth = outline.depth(x, y) + (section == 0 ? 0 : 3 * region(.depth, x, y, 1))
    if section == 1 { result.depth = min(result.depth, loss.distance(x, y)) }
    guard result.depth > -12 else { return result }
    result.adipose = region(.adipose, x, y, section) - balance.adipose
    result.glandular = region(.glandular, x, y, section) - balance.glandular
    result.lymphoid = region(.lymphoid, x, y, section) - balance.lymphoid
    result.muscle = min(
      region(.muscle, x, y, section) - balance.muscle, -result.adipose * 2,
      0.15 - result.glandular)
    result.direction = 4 * region(.direction, x, y, section)
    result.muscleDirection = 2.2 * region(.muscleDirection, x, y, section)
    result.looseness = clampUnit(0.5 + 0.9 * region(.looseness, x, y, section))
    result.marker = region(.marker, x, y, section)
    result.thickness = 1 + 0.10 * thicknessNoise[section](x, y)
    result.textureX = 2.2 * crimpX(x, y)
    result.textureY = 2.2 * crimpY(x, y)
    if section == 1 {
      result.textureX += 2.5 * textureX(x, y)
      result.textureY += 2.5 * textureY(x, y)
    }
    let opening = 8 * crackMask[section](x, y) - 3.2
    result.crack =
      opening > -3 ? abs(crackNoise[section].rough(x, y)) * 75 - opening : 10
    return result
  }

  /// A region's noise; the second section sees it a little deeper in the block.
  private func region(_ region: Region, _ x: Float, _ y: Float, _ section: Int) -> Float {
    let first = regions[0][region.rawValue].rough(x, y)
    if section == 0 { return first }
    // cos 0.12 and sin 0.12: the two depths agree to a correlation of 0.993.
    return 0.9928 * first + 0.1197 * regions[1][region.rawValue].rough(x, y)
  }
}

/// How much of each region a phantom has: thresholds of the region noises.
private struct RegionBalance: Sendable {
  let adipose: Float, glandular: Float, lymphoid: Float, muscle: Float

  init(seed: UInt64) {
    var draws = PositionHash(seed: seed, purpose: 6).draws(0, 0)
    adipose = draws.between(0.29, 0.40)
    glandular = draws.between(-0.08, 0.06)
    lymphoid = draws.between(0.38, 0.46)
    muscle = draws.between(0.16, 0.28)
  }
}

/// The part of the tissue that the second section has lost: what lies beyond a ragged front.
struct TissueLoss: Sendable {
  private let front: GradientNoise, tear: GradientNoise
  private let directionX: Float, directionY: Float
  private let extent: Float
  private var threshold = Float.infinity

  init(outline: TissueOutline, extent: Float, seed: UInt64, share: Float) {
    self.extent = extent
    front = GradientNoise(seed: seed, purpose: 70, wavelength: extent * 0.3)
    tear = GradientNoise(seed: seed, purpose: 71, wavelength: 45)
    var draws = PositionHash(seed: seed, purpose: 72).draws(0, 0)
    let angle = draws.between(0, 2 * .pi)
    directionX = cos(angle)
    directionY = sin(angle)
    guard share > 0 else { return }
    // The quantile of the front's height over the tissue, seen on a grid.
    let count = 160
    var heights: [Float] = []
    for row in 0..<count {
      for column in 0..<count {
        let x = (Float(column) + 0.5) / Float(count) * extent
        let y = (Float(row) + 0.5) / Float(count) * extent
        if outline.depth(x, y) > 0 { heights.append(height(x, y)) }
      }
    }
    heights.sort()
    let kept = Int((1 - share) * Float(heights.count))
    threshold = heights.isEmpty ? .infinity : heights[min(max(kept, 0), heights.count - 1)]
  }

  /// Microns to the torn front, positive where the tissue is still there.
  func distance(_ x: Float, _ y: Float) -> Float {
    threshold == .infinity ? .infinity : threshold - height(x, y)
  }

  private func height(_ x: Float, _ y: Float) -> Float {
    directionX * x + directionY * y + 0.14 * extent * front.rough(x, y) + 9 * tear.rough(x, y)
  }
}
