import Foundation
import Rasters
import Registration
import TestSupport
import Testing

/// A number of a transform file, where it stands, and what it is changed to.
struct ChangedNumber: Sendable, CustomTestStringConvertible {
  enum Place: Sendable {
    case file(String)
    case part(String, String)
    case pixelSize(String)
    case coefficients
  }

  let place: Place
  let value: Double

  init(_ part: String, _ key: String, _ value: Double) {
    place = .part(part, key)
    self.value = value
  }

  init(_ place: Place, _ value: Double) {
    self.place = place
    self.value = value
  }

  var testDescription: String { "\(place) is \(value)" }

  /// What JSON would hold: whole numbers without a point.
  private var number: Any { Int(exactly: value) ?? value }

  func apply(to file: inout [String: Any]) {
    switch place {
    case .file(let key):
      file[key] = number
    case .part(let part, let key):
      var inner = file[part] as? [String: Any] ?? [:]
      inner[key] = number
      file[part] = inner
    case .pixelSize(let part):
      var inner = file[part] as? [String: Any] ?? [:]
      inner["pixel_size_um"] = ["x": value, "y": 0.5]
      file[part] = inner
    case .coefficients:
      var inner = file["displacement"] as? [String: Any] ?? [:]
      inner["x"] = (inner["x"] as? [Any] ?? []).map { _ in value }
      file["displacement"] = inner
    }
  }
}

@Suite("Transform files that were changed")
struct TransformFileTests {
  private func read(_ data: Data) throws -> SectionTransform {
    try SectionTransform(data: data, name: "t.json")
  }

  private func changed(
    _ transform: SectionTransform, _ change: (inout [String: Any]) -> Void
  ) throws -> Data {
    let value = try JSONSerialization.jsonObject(with: transform.data())
    var file = try #require(value as? [String: Any])
    change(&file)
    return try JSONSerialization.data(withJSONObject: file)
  }

  private func expectMalformed(_ data: Data) {
    #expect {
      try read(data)
    } throws: { error in
      guard case RegistrationError.malformedTransform("t.json", _) = error else { return false }
      return true
    }
  }

  private var whole: SectionTransform {
    let bent = bentTransform(seed: 21)
    return SectionTransform(
      fixed: bent.fixed, moving: bent.moving, affine: bent.affine, displacement: bent.displacement,
      kind: .bspline,
      residuals: ResidualMap(spacing: 640, columns: 2, rows: 1, microns: [3, -1]))
  }

  @Test(
    "a number that no pair of slides can have is refused",
    arguments: [
      ChangedNumber(.file("version"), 0), ChangedNumber(.file("version"), -1),
      ChangedNumber("fixed", "width", 0), ChangedNumber("fixed", "width", 0x1p62),
      ChangedNumber("fixed", "height", 1e9), ChangedNumber("moving", "width", 0x1p31),
      ChangedNumber(.pixelSize("fixed"), 1e-200), ChangedNumber(.pixelSize("moving"), 1e-5),
      ChangedNumber(.pixelSize("fixed"), 21), ChangedNumber("affine", "a", 1e308),
      ChangedNumber("affine", "a", 30), ChangedNumber("affine", "c", 1e30),
      ChangedNumber("affine", "f", -1e308), ChangedNumber("displacement", "spacing_um", 1e-300),
      ChangedNumber("displacement", "spacing_um", 100),
      ChangedNumber("displacement", "spacing_um", 1e300), ChangedNumber(.coefficients, 1e38),
      ChangedNumber(.coefficients, -50_000), ChangedNumber("residuals", "spacing_um", 1e-300),
    ])
  func implausible(change: ChangedNumber) throws {
    expectMalformed(try changed(whole) { change.apply(to: &$0) })
  }

  @Test("a picture of more pixels than a slide has is refused, though neither side is too long")
  func area() throws {
    expectMalformed(
      try changed(whole) { file in
        ChangedNumber("moving", "width", 0x1p21).apply(to: &file)
        ChangedNumber("moving", "height", 0x1p20).apply(to: &file)
      })
  }

  @Test("a map that shrinks to next to nothing along one axis is refused")
  func flat() throws {
    expectMalformed(
      try changed(whole) { $0["affine"] = ["a": 1, "b": 0, "c": 0, "d": 0, "e": 0.05, "f": 0] })
  }

  @Test("a file that contradicts itself is refused; one that leaves the side out is read")
  func contradictions() throws {
    expectMalformed(try changed(whole) { $0["mirrored"] = true })
    expectMalformed(try changed(whole) { $0["reasons"] = ["folds"] })
    expectMalformed(try changed(whole) { $0["status"] = "needs-review" })
    #expect(try read(changed(whole) { $0["mirrored"] = nil }) == whole)
  }

  @Test("what registration writes is read: bent, mirrored, composed, doubted, and found nothing")
  func written() throws {
    let tissue = SyntheticTissue(seed: 22)
    let fixed = tissue.photograph(isBrown: false)
    let options = RegistrationOptions(threadCount: 2)
    let glass = SectionImage(
      image: RGBImage(
        width: 300, height: 320, filledWith: RGBColor(red: 240, green: 241, blue: 240)),
      pixelSize: 4,
      frame: SectionFrame(name: "glass", width: 2400, height: 2560, pixelSize: PixelSize(0.5)))
    let movings = [
      KnownPose(degrees: 37, isMirrored: true).movingSection(of: tissue),
      KnownPose(degrees: 60).movingSection(of: SyntheticTissue(seed: 26)), fixed, glass,
    ]
    var maps = movings.map {
      SectionRegistration.register(fixed: fixed, moving: $0, options: options).transform
    }
    maps.append(maps[0].followed(by: maps[0], spacing: 256))
    for map in maps { #expect(try read(map.data()) == map) }
  }

  @Test(
    "a grid covers its section at the coarsest bending, too",
    arguments: [(40.0, 900.0), (1280, 700), (26_000, 61_000)])
  func coverage(width: Double, height: Double) throws {
    let frame = SectionFrame(
      name: "f", width: Int(width * 2), height: Int(height * 2), pixelSize: PixelSize(0.5))
    for spacing in [128.0, 256, 2048] {
      let map = SectionTransform(
        fixed: frame, moving: frame, affine: .identity,
        displacement: DisplacementGrid(spacing: spacing, covering: frame.extent).refined(),
        kind: .bspline)
      #expect(try read(map.data()) == map)
    }
  }
}
