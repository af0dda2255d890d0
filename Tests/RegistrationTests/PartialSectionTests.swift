import Phantoms
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

  @Test(
    "a moving section that is cut at its slide's edge is not drawn into it",
    arguments: [
      PixelRegion(x: 0, y: 0, width: 420, height: 750),
      PixelRegion(x: 0, y: 375, width: 750, height: 375),
    ])
  func cut(part: PixelRegion) throws {
    let pair = try DistantSections(tissue: .glandular, depthMicrons: 15, seed: 12)
    let pixelSize = DistantSections.pixelSize
    let result = SectionRegistration.register(
      fixed: section(pair.fixed), moving: section(pair.moving.cropped(to: part)))
    #expect(result.report.status == .ok, "\(result.report.reasons)")
    var errors: [Double] = []
    for y in stride(from: 50.0, to: DistantSections.extent, by: 50) {
      for x in stride(from: 50.0, to: DistantSections.extent, by: 50) {
        let point = MicronPoint(x: x, y: y)
        let whole = pair.movingPoint(point)
        let place = MicronPoint(
          x: whole.x - Double(part.x) * pixelSize, y: whole.y - Double(part.y) * pixelSize)
        guard place.x > 0, place.y > 0, place.x < Double(part.width) * pixelSize,
          place.y < Double(part.height) * pixelSize
        else { continue }
        errors.append(result.transform.movingPoint(for: point).distance(to: place))
      }
    }
    // Sections 15 µm apart are registered to 5 to 10 µm.
    #expect(errors.sorted()[errors.count / 2] < 15)
  }

  /// Tissues beside each other, row by row; nil leaves a place empty.
  private func board(_ seeds: [UInt64?], columns: Int = 3, isBrown: Bool) -> SectionImage {
    let side = SyntheticTissue.side
    var image = RGBImage(
      width: columns * side, height: seeds.count / columns * side,
      filledWith: RGBColor(red: 245, green: 245, blue: 245))
    for (place, seed) in seeds.enumerated() {
      guard let seed else { continue }
      image.paste(
        SyntheticTissue(seed: seed).photograph(isBrown: isBrown).image,
        x: place % columns * side, y: place / columns * side)
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
    let elsewhere: [UInt64?] = [51, 52, 53, nil, 54, 55, nil, 56]
    let moved = SectionRegistration.register(
      fixed: fixed, moving: board(elsewhere, columns: 4, isBrown: true))
    #expect(moved.report.reasons.contains(.pieceMoved), "\(moved.report.strayShare)")
  }

  @Test("a row of sections that is mapped one section off needs a person's eye")
  func ribbon() {
    let result = SectionRegistration.register(
      fixed: board([51, 52], columns: 2, isBrown: false),
      moving: board([53, 51], columns: 2, isBrown: true))
    #expect(result.report.reasons.contains(.pieceMoved), "\(result.report.reasons)")
  }

  @Test("one piece that fits among others that do not is no registration of the section")
  func others() {
    let fixed = board((51...62).map { $0 }, columns: 4, isBrown: false)
    var foreign: [UInt64?] = (71...82).map { $0 }
    foreign[5] = 56
    let result = SectionRegistration.register(
      fixed: fixed, moving: board(foreign, columns: 4, isBrown: true))
    #expect(result.report.status == .needsReview)
    // It is found, and all others do not fit.
    let place = MicronPoint(x: 1900, y: 1900)
    #expect(result.transform.movingPoint(for: place).distance(to: place) < tolerance)
    #expect(result.report.unsupportedShare > 0.5)
  }
}
