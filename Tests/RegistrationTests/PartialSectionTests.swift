import Rasters
import Registration
import TestSupport
import Testing

@Suite("Sections that show a part of each other")
struct PartialSectionTests {
  /// A quarter of a pixel at 4 µm: the drawn tissue has the same nuclei in both sections.
  private let tolerance = 1.0

  private func section(_ image: RGBImage) -> SectionImage {
    SectionImage(
      image: image, pixelSize: SyntheticTissue.pixelSize,
      frame: SectionFrame(
        name: "part", width: image.width * 8, height: image.height * 8, pixelSize: PixelSize(0.5)))
  }

  /// The median error in microns over the fixed tissue that a part of the moving slide shows.
  private func error(
    _ transform: SectionTransform, _ pose: KnownPose, shown part: PixelRegion
  ) -> Double {
    let size = SyntheticTissue.pixelSize
    var errors: [Double] = []
    for y in stride(from: 300.0, through: 980, by: 40) {
      for x in stride(from: 200.0, through: 1000, by: 40) {
        let point = MicronPoint(x: x, y: y)
        let whole = pose.moving(point)
        let place = MicronPoint(
          x: whole.x - Double(part.x) * size, y: whole.y - Double(part.y) * size)
        guard place.x > 60, place.y > 60, place.x < Double(part.width) * size - 60,
          place.y < Double(part.height) * size - 60
        else { continue }
        errors.append(transform.movingPoint(for: point).distance(to: place))
      }
    }
    return errors.isEmpty ? .infinity : errors.sorted()[errors.count / 2]
  }

  @Test(
    "a moving section that is cut at its slide's edge is not drawn into it",
    arguments: [
      PixelRegion(x: 0, y: 0, width: 180, height: 320),
      PixelRegion(x: 150, y: 0, width: 170, height: 320),
      PixelRegion(x: 0, y: 150, width: 320, height: 170),
    ])
  func cut(part: PixelRegion) {
    let tissue = SyntheticTissue(seed: 41)
    let pose = KnownPose(degrees: 20, warp: 30)
    let result = SectionRegistration.register(
      fixed: tissue.photograph(isBrown: false),
      moving: section(pose.movingSection(of: tissue).image.cropped(to: part)))
    #expect(result.report.status == .ok, "\(result.report.reasons)")
    #expect(error(result.transform, pose, shown: part) < tolerance)
  }

  /// Six tissues beside each other, three by two; nil leaves a place empty.
  private func board(_ seeds: [UInt64?], isBrown: Bool, extra: UInt64? = nil) -> SectionImage {
    let side = SyntheticTissue.side
    var image = RGBImage(
      width: (extra == nil ? 3 : 4) * side, height: 2 * side,
      filledWith: RGBColor(red: 245, green: 245, blue: 245))
    for (place, seed) in (seeds + [extra]).enumerated() {
      guard let seed else { continue }
      let (x, y) = place == 6 ? (3, 1) : (place % 3, place / 3)
      image.paste(
        SyntheticTissue(seed: seed).photograph(isBrown: isBrown).image, x: x * side, y: y * side)
    }
    return section(image)
  }

  private let seeds: [UInt64?] = [51, 52, 53, 54, 55, 56]

  @Test("a piece is found on a whole section")
  func piece() {
    let part = PixelRegion(x: 320, y: 320, width: 320, height: 320)
    let result = SectionRegistration.register(
      fixed: board(seeds, isBrown: false),
      moving: section(board(seeds, isBrown: true).image.cropped(to: part)))
    #expect(result.report.status == .ok, "\(result.report.reasons)")
    let place = result.transform.movingPoint(for: MicronPoint(x: 1900, y: 1900))
    #expect(place.distance(to: MicronPoint(x: 620, y: 620)) < tolerance)
  }

  @Test("a piece that lies elsewhere needs a person's eye; one that is lost does not")
  func moved() {
    let fixed = board(seeds, isBrown: false)
    let lost: [UInt64?] = [51, 52, 53, 54, 55, nil]
    let missing = SectionRegistration.register(fixed: fixed, moving: board(lost, isBrown: true))
    #expect(missing.report.status == .ok, "\(missing.report.reasons)")
    let moved = SectionRegistration.register(
      fixed: fixed, moving: board(lost, isBrown: true, extra: 56))
    #expect(moved.report.reasons.contains(.pieceMoved), "\(moved.report.strayShare)")
  }

  @Test("one piece that fits among others that do not is no registration of the section")
  func others() {
    let fixed = board(seeds, isBrown: false)
    let same = SectionRegistration.register(fixed: fixed, moving: board(seeds, isBrown: true))
    #expect(same.report.status == .ok && same.report.unsupportedShare < 0.05)
    let foreign: [UInt64?] = [61, 62, 63, 64, 55, 66]
    let result = SectionRegistration.register(
      fixed: fixed, moving: board(foreign, isBrown: true))
    #expect(result.report.status == .needsReview)
    #expect(result.report.unsupportedShare > 0.5)
  }
}
