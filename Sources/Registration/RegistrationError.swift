/// What can go wrong with transforms, landmarks and their files.
///
/// A registration itself does not throw: it ends with a ``RegistrationStatus`` and reasons.
public enum RegistrationError: Error, Hashable, Sendable {
  /// A transform file that is not JSON of the expected form.
  case malformedTransform(name: String, reason: String)
  /// A transform file of a later version.
  case unsupportedVersion(name: String, version: Int)
  /// A slide whose extent differs from the one that the transform was made for.
  case extentMismatch(
    name: String, recorded: String, foundMicrons: [Double], recordedMicrons: [Double])
  /// A table of landmarks or points that cannot be read.
  case malformedTable(name: String, line: Int, reason: String)
  /// A GeoJSON file that cannot be read.
  case malformedGeometry(name: String, reason: String)
  /// Two landmark tables without a landmark in common.
  case noCommonLandmarks(fixed: String, moving: String)
  /// Two landmark tables of which nothing tells which points belong together.
  case unmatchedLandmarks(fixed: String, moving: String, problem: String)
}

extension RegistrationError: CustomStringConvertible {
  /// One line: what, why, and what to do next.
  public var description: String {
    switch self {
    case .malformedTransform(let name, let reason):
      "\(name): not a transform (\(reason)); make it again with restain register"
    case .unsupportedVersion(let name, let version):
      "\(name): transform version \(version) is not known; read it with the restain that wrote it"
    case .extentMismatch(let name, let recorded, let found, let expected):
      "\(name): \(Self.size(found)) µm, but the transform was made for \(recorded) of "
        + "\(Self.size(expected)) µm; name that slide or register this one"
    case .malformedTable(let name, let line, let reason):
      "\(name): line \(line): \(reason); the header is id,x,y and a point a line follows"
    case .malformedGeometry(let name, let reason):
      "\(name): not GeoJSON (\(reason)); export it again from QuPath"
    case .noCommonLandmarks(let fixed, let moving):
      "\(fixed): no landmark in common with \(moving); use the same ids in both"
    case .unmatchedLandmarks(let fixed, let moving, let problem):
      "\(fixed): cannot be matched with \(moving) (\(problem)); give both a column id"
    }
  }

  private static func size(_ extent: [Double]) -> String {
    extent.map { String(Int($0.rounded())) }.joined(separator: " × ")
  }
}
