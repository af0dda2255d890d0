/// One nucleus, or one red blood cell, in microns of the fixed frame.
struct Nucleus: Sendable {
  /// What is drawn.
  enum Kind: Sendable {
    case nucleus, bloodCell
  }

  var kind: Kind = .nucleus
  var x: Float, y: Float
  /// Half axes, microns.
  var halfLength: Float, halfWidth: Float
  /// The direction of the long axis (a unit vector).
  var cosine: Float, sine: Float
  /// Haematoxylin in the middle, 1 = usual.
  var stain: Float
  /// How far its border is spread, microns: wide where the nucleus lies out of focus.
  var softness: Float = 0.45
  /// Marker in the nucleus, 0…1.
  var marker: Float = 0
  /// 0 = even and dark, 1 = pale with a dark rim and a nucleolus.
  var vesicular: Float
  /// How bean- or pear-shaped it is, and where its chromatin pattern is read.
  var bend: Float, taper: Float, textureOffset: Float

  /// Shows it as one section does: its size there, how much of it was cut, and how sharp it is.
  mutating func cut(_ jitter: SectionJitter) {
    halfLength *= jitter.size
    halfWidth *= 1 + (jitter.size - 1) * 0.5
    stain *= jitter.share
    softness = 0.45 + 0.75 * jitter.defocus
  }

  /// The farthest that any part lies from the centre, microns.
  var reach: Float { max(halfLength, halfWidth) * 1.3 + softness }
}

/// How a nucleus of the block shows in one section: most in both, a little moved, some in one alone.
struct SectionJitter: Sendable {
  /// Whether this section cuts it.
  let isPresent: Bool
  /// Whether both sections cut it.
  let isShared: Bool
  /// How far the section shows it from its place in the block, microns.
  let x: Float, y: Float
  /// Its size here, about 1.
  let size: Float
  /// How much of it lies in this section: 1 = cut through the middle.
  let share: Float
  /// How far it lies from the focus, 0…1.
  let defocus: Float
  /// Numbers for this section's own chromatin.
  var draws: CellDraws

  /// 85 % of the nuclei, 4 to 9 µm across, reach through both of two sections 4 µm thick.
  private static let sharedShare: Float = 0.85

  /// Draws from the bits of the nucleus' cell.
  init(state: UInt32, section: Int) {
    var common = CellDraws(state: state ^ 0x5BD1_E995)
    let place = common.unit()
    isShared = place < SectionJitter.sharedShare
    let onlyFirst = place < (1 + SectionJitter.sharedShare) / 2
    isPresent = isShared || onlyFirst == (section == 0)
    // Opposite halves of one jitter, so that the two sections differ by 0.5 to 1.5 µm.
    let distance = common.between(0.25, 0.75) * (section == 0 ? 1 : -1)
    let (directionX, directionY) = (common.signed(), common.signed())
    let length = max((directionX * directionX + directionY * directionY).squareRoot(), 0.1)
    x = distance * directionX / length
    y = distance * directionY / length
    draws = CellDraws(state: state &+ UInt32(section + 1) &* 0x9E37_79B9)
    size = draws.between(0.88, 1.12)
    // A nucleus that one section alone shows is cut near its end.
    share = isShared ? 1 - 0.25 * draws.unit() : draws.between(0.45, 0.9)
    let distanceToFocus = draws.unit()
    defocus = distanceToFocus * distanceToFocus
  }
}
