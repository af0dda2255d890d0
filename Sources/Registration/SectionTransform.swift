public import Foundation
public import Rasters

/// How a registration ended.
public enum RegistrationStatus: String, Codable, Sendable {
  /// Every gate was passed.
  case ok
  /// A gate was not passed: a person has to look at the overlay before the transform is used.
  case needsReview = "needs-review"
}

/// How far the chosen map may bend.
public enum TransformKind: String, Codable, Sendable {
  /// Rotation, translation and perhaps a mirror.
  case rigid
  /// Any straight map.
  case affine
  /// Affine after a B-spline displacement.
  case bspline
}

/// A map from a fixed section to a moving section, in microns of each slide's own frame:
/// `y = A(x + u(x))`.
///
/// The displacement `u` comes first, so that it lives in the fixed frame. Beyond the grid the displacement of
/// its nearest edge holds.
public struct SectionTransform: Hashable, Sendable {
  /// The fixed slide.
  public let fixed: SectionFrame
  /// The moving slide.
  public let moving: SectionFrame
  /// Microns of the displaced fixed frame to microns of the moving frame.
  public let affine: AffineMap
  /// The displacement in the fixed frame; nothing where the map is affine.
  public let displacement: DisplacementGrid?
  /// How the registration ended.
  public let status: RegistrationStatus
  /// Why a person has to look; empty where the status is ok.
  public let reasons: [RegistrationReason]
  /// What was kept.
  public let kind: TransformKind
  /// How well blocks of tissue agree, place by place.
  public let residuals: ResidualMap?
  /// The affine map's inverse, made once.
  private let inverseAffine: AffineMap

  /// Makes a transform.
  ///
  /// - Precondition: `affine` can be inverted and the grid is well formed.
  public init(
    fixed: SectionFrame, moving: SectionFrame, affine: AffineMap,
    displacement: DisplacementGrid? = nil, kind: TransformKind = .affine,
    status: RegistrationStatus = .ok, reasons: [RegistrationReason] = [],
    residuals: ResidualMap? = nil
  ) {
    guard let inverse = affine.inverse else {
      preconditionFailure("an affine map of determinant \(affine.determinant)")
    }
    precondition(displacement?.isWellFormed ?? true, "a displacement grid with wrong counts")
    self.fixed = fixed
    self.moving = moving
    self.affine = affine
    self.displacement = displacement
    self.kind = kind
    self.status = status
    self.reasons = reasons
    self.residuals = residuals
    inverseAffine = inverse
  }

  /// Whether the moving section lies on its other face.
  public var isMirrored: Bool { affine.determinant < 0 }

  /// Where a point of the fixed section lies in the moving section.
  public func movingPoint(for fixedPoint: MicronPoint) -> MicronPoint {
    affine.place(fixedPoint, bentBy: displacement)
  }

  /// Where a point of the moving section lies in the fixed section.
  ///
  /// The inverse of ``movingPoint(for:)`` by fixed-point iteration, `x ← A⁻¹(y) − u(x)`, with a Newton step
  /// where that is slow; ends at 0.001 µm or after 60 steps.
  public func fixedPoint(for movingPoint: MicronPoint) -> MicronPoint {
    let start = inverseAffine(x: movingPoint.x, y: movingPoint.y)
    var point = MicronPoint(x: start.x, y: start.y)
    guard let displacement else { return point }
    for _ in 0..<60 {
      let shift = displacement.displacement(at: point)
      let errorX = point.x + shift.x - start.x
      let errorY = point.y + shift.y - start.y
      if abs(errorX) < 0.001 && abs(errorY) < 0.001 { break }
      let slope = displacement.gradient(at: point)
      let jacobian = slope.jacobian
      let isInside =
        point.x > 0 && point.y > 0
        && point.x < Double(displacement.columns - 3) * displacement.spacing
        && point.y < Double(displacement.rows - 3) * displacement.spacing
      if isInside && jacobian > 0.1 {
        point.x -= ((1 + slope.yy) * errorX - slope.xy * errorY) / jacobian
        point.y -= ((1 + slope.xx) * errorY - slope.yx * errorX) / jacobian
      } else {
        point.x -= errorX
        point.y -= errorY
      }
    }
    return point
  }
}

extension SectionTransform {
  /// The latest version of the file's form.
  public static let fileVersion = 1

  /// Reads a transform file.
  ///
  /// - Parameters:
  ///   - data: The file's bytes.
  ///   - name: What messages call the file.
  /// - Throws: ``RegistrationError/malformedTransform(name:reason:)`` or
  ///   ``RegistrationError/unsupportedVersion(name:version:)``.
  public init(data: Data, name: String) throws(RegistrationError) {
    let decoder = JSONDecoder()
    guard let header = try? decoder.decode(Header.self, from: data) else {
      // The reason of the second attempt below would be the same; the header alone tells the form.
      throw .malformedTransform(name: name, reason: "no restain transform header")
    }
    guard header.format == Header.name else {
      throw .malformedTransform(name: name, reason: "the format is \(header.format)")
    }
    guard header.version >= 1 else {
      throw .malformedTransform(name: name, reason: "the version is \(header.version)")
    }
    guard header.version <= Self.fileVersion else {
      throw .unsupportedVersion(name: name, version: header.version)
    }
    let contents: Contents
    do {
      contents = try decoder.decode(Contents.self, from: data)
    } catch let error as DecodingError {
      throw .malformedTransform(name: name, reason: Self.reason(error))
    } catch {
      throw .malformedTransform(name: name, reason: "unreadable")
    }
    let affine = contents.affine
    let numbers = [affine.a, affine.b, affine.c, affine.d, affine.e, affine.f]
    guard numbers.allSatisfy(\.isFinite), affine.inverse != nil else {
      throw .malformedTransform(name: name, reason: "the affine map has no inverse")
    }
    guard contents.displacement?.isWellFormed ?? true, contents.residuals?.isWellFormed ?? true
    else {
      throw .malformedTransform(name: name, reason: "a grid's numbers do not match its size")
    }
    self.init(
      fixed: contents.fixed, moving: contents.moving, affine: affine,
      displacement: contents.displacement, kind: contents.chosen, status: contents.status,
      reasons: contents.reasons, residuals: contents.residuals)
    if let reason = contradiction(mirrored: contents.mirrored) {
      throw .malformedTransform(name: name, reason: reason)
    }
  }

  /// The bytes of the transform file: JSON, sorted keys, well under 1 MB.
  public func data() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(
      Contents(
        format: Header.name, version: Self.fileVersion, fixed: fixed, moving: moving,
        affine: affine, displacement: displacement, status: status, reasons: reasons, chosen: kind,
        mirrored: isMirrored, residuals: residuals))
  }

  private static func reason(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "\(key.stringValue) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context),
      .dataCorrupted(let context):
      "\(context.codingPath.map(\.stringValue).joined(separator: ".")) is not as expected"
    @unknown default: "unreadable"
    }
  }

  private struct Header: Decodable {
    static let name = "restain-transform"
    let format: String
    let version: Int
  }

  private struct Contents: Codable {
    let format: String
    let version: Int
    let fixed: SectionFrame
    let moving: SectionFrame
    let affine: AffineMap
    let displacement: DisplacementGrid?
    let status: RegistrationStatus
    let reasons: [RegistrationReason]
    let chosen: TransformKind
    let mirrored: Bool?
    let residuals: ResidualMap?
  }
}
