import Foundation

/// What `restain register` says about a pair; the keys are those of the command line's contract.
public struct RegistrationReport: Codable, Sendable, Hashable {
  /// ok or needs-review.
  public var status: RegistrationStatus
  /// Why a person has to look.
  public var reasons: [RegistrationReason]
  /// Whether the moving section lies on its other face.
  public var mirrored: Bool
  /// By how much the pose found beats the best other pose, 0…1.
  public var confidence: Double
  /// Degrees that the moving section is turned counter-clockwise on the screen against the fixed one; for a
  /// mirrored section, after mirroring it left to right.
  public var rotationDegrees: Double
  /// Moving microns for one fixed micron.
  public var scale: Double
  /// The overlap of the two tissue masks, 0…1.
  public var maskDice: Double
  /// The similarity of the sections laid on each other by their centres, 0…1.
  public var similarityBefore: Double
  /// The similarity after turning and shifting.
  public var similarityRigid: Double
  /// The similarity after bending.
  public var similarityBSpline: Double
  /// The side of the tissue blocks that the verdict rests on, in microns: 128, or 256 where sections lie so far
  /// apart that smaller ones have nothing in common.
  public var blockMicrons: Double
  /// The median distance of tissue blocks from their match, in microns: an estimate of the error.
  public var blockResidualMicrons: Double?
  /// The share of tissue blocks that have a clear match.
  public var blockClearShare: Double
  /// The probability that unrelated tissue has as many blocks as near to their place, 0…1.
  public var blockChance: Double
  /// The share of tissue blocks whose neighbourhood has no match although others have, 0…1.
  public var unsupportedShare: Double
  /// Of both sections' tissue the smaller share that lies in pieces on the other's glass, 0…1.
  public var strayShare: Double
  /// The sections' relative shear, 0 for none.
  public var shear: Double
  /// The smallest factor by which the chosen map's bending shrinks an area of tissue.
  public var minJacobian: Double
  /// The largest displacement of tissue by bending, in microns.
  public var maxDisplacementMicrons: Double
  /// What was kept.
  public var chosen: TransformKind
  /// Seconds that the registration took, reading included; filled in by the caller, who has a clock.
  public var seconds: Double = 0
  /// The process's largest memory so far in MiB; filled in by the caller.
  public var peakMebibytes: Double = 0

  private enum CodingKeys: String, CodingKey {
    case status
    case reasons
    case mirrored
    case confidence
    case rotationDegrees = "rotation_deg"
    case scale
    case maskDice = "mask_dice"
    case similarityBefore = "similarity_before"
    case similarityRigid = "similarity_rigid"
    case similarityBSpline = "similarity_bspline"
    case blockMicrons = "block_um"
    case blockResidualMicrons = "block_residual_um"
    case blockClearShare = "block_clear_share"
    case blockChance = "block_chance"
    case unsupportedShare = "block_unsupported_share"
    case strayShare = "stray_share"
    case shear
    case minJacobian = "min_jacobian"
    case maxDisplacementMicrons = "max_displacement_um"
    case chosen
    case seconds
    case peakMebibytes = "peak_mib"
  }
}

/// A registered pair.
public struct RegistrationResult: Sendable {
  /// What was kept.
  public let transform: SectionTransform
  /// Turn and shift alone, for the overlay.
  public let rigid: SectionTransform
  /// What there is to say about it.
  public var report: RegistrationReport

  /// The same map with a reason to look at it.
  func doubted(_ reason: RegistrationReason) -> RegistrationResult {
    var report = report
    report.status = .needsReview
    report.reasons.append(reason)
    return RegistrationResult(
      transform: SectionTransform(
        fixed: transform.fixed, moving: transform.moving, affine: transform.affine,
        displacement: transform.displacement, kind: transform.kind, status: .needsReview,
        reasons: report.reasons, residuals: transform.residuals),
      rigid: rigid, report: report)
  }
}
