/// Why a registration needs a person's eye.
public enum RegistrationReason: String, Codable, Sendable, CaseIterable {
  /// Too little tissue was found in one of the sections.
  case noTissue = "no-tissue"
  /// The tissue of the two sections hardly overlaps.
  case noOverlap = "no-overlap"
  /// Another rotation or side fits almost as well.
  case lowMargin = "low-margin"
  /// The sections differ in scale by more than serial sections can.
  case implausibleScale = "implausible-scale"
  /// The sections are sheared by more than serial sections can be.
  case implausibleShear = "implausible-shear"
  /// The displacement folds the tissue.
  case folds = "folds"
  /// Blocks of tissue do not lie on each other.
  case residualTooLarge = "residual-too-large"
  /// Too few blocks of tissue agree at all.
  case noAgreement = "no-agreement"
  /// A piece of tissue lies elsewhere than its counterpart.
  case pieceMoved = "piece-moved"
  /// Two independent ways to the same section of a series end in different places.
  case inconsistent = "inconsistent"
  /// Both sections are the same picture.
  case sameFileTwice = "same-file-twice"
}
