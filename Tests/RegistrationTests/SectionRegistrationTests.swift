import Foundation
import Pictures
import Rasters
import Registration
import TestSupport
import Testing

@Suite("Registering two sections")
struct SectionRegistrationTests {
  /// A quarter of a pixel at 4 µm: the drawn tissue has the same nuclei in both sections.
  private let tolerance = 1.0

  @Test(
    "a turned, mirrored and warped section under another stain is found",
    arguments: [
      KnownPose(degrees: 37, isMirrored: true), KnownPose(degrees: 200),
      KnownPose(degrees: -90, warp: 60),
    ])
  func pose(pose: KnownPose) {
    let tissue = SyntheticTissue(seed: 21)
    let result = SectionRegistration.register(
      fixed: tissue.photograph(isBrown: false), moving: pose.movingSection(of: tissue))
    #expect(pose.medianError(of: result.transform) < tolerance)
    #expect(result.report.status == .ok, "\(result.report.reasons)")
    #expect(result.report.mirrored == pose.isMirrored)
    #expect(result.report.chosen == .bspline)
    #expect(result.report.minJacobian > 0.1)
    // A turn by `degrees` runs from x towards y, clockwise on the screen.
    let turn = (result.report.rotationDegrees + pose.degrees).remainder(dividingBy: 360)
    #expect(abs(turn) < 5)
  }

  @Test(
    "each similarity finds the pose, the same with one and with three threads",
    arguments: RegistrationOptions.Similarity.allCases)
  func threads(similarity: RegistrationOptions.Similarity) {
    let tissue = SyntheticTissue(seed: 22)
    let fixed = tissue.photograph(isBrown: false)
    let pose = KnownPose(degrees: 12)
    let moving = pose.movingSection(of: tissue)
    var options = RegistrationOptions(threadCount: 1)
    options.similarity = similarity
    let one = SectionRegistration.register(fixed: fixed, moving: moving, options: options)
    options.threadCount = 3
    let three = SectionRegistration.register(fixed: fixed, moving: moving, options: options)
    #expect(pose.medianError(of: one.transform) < 4)
    #expect(one.transform == three.transform)
    #expect(one.report == three.report)
  }

  @Test("a section that is bent tile by tile comes to the same place, with any number of threads")
  func tiles() {
    let tissue = SyntheticTissue(seed: 28)
    let fixed = tissue.photograph(isBrown: false)
    let pose = KnownPose(degrees: 70, warp: 60)
    let moving = pose.movingSection(of: tissue)
    var options = RegistrationOptions(threadCount: 1)
    let whole = SectionRegistration.register(fixed: fixed, moving: moving, options: options)
    options.mostPixelsAtOnce = 0
    options.tilePixels = 128
    let one = SectionRegistration.register(fixed: fixed, moving: moving, options: options)
    options.threadCount = 3
    let three = SectionRegistration.register(fixed: fixed, moving: moving, options: options)
    #expect(one.transform == three.transform)
    #expect(one.transform != whole.transform)
    #expect(one.report.status == .ok && one.report.minJacobian > 0.1)
    #expect(pose.medianError(of: one.transform) < tolerance)
  }

  @Test("the same picture twice is the identity and needs a person's eye")
  func same() {
    let section = SyntheticTissue(seed: 23).photograph(isBrown: false)
    let result = SectionRegistration.register(fixed: section, moving: section)
    #expect(result.report.reasons.contains(.sameFileTwice))
    #expect(result.report.status == .needsReview)
    // Bending cannot be better here, so it is not kept.
    #expect(result.report.chosen == .rigid)
    for x in stride(from: 240.0, through: 960, by: 120) {
      let point = MicronPoint(x: x, y: 640)
      #expect(result.transform.movingPoint(for: point).distance(to: point) < 0.05 * 4)
    }
  }

  @Test("a section whose only stain lets red light pass is registered by the other colours")
  func redless() {
    let tissue = SyntheticTissue(seed: 27)
    var picture = tissue.photograph(isBrown: false).image
    var noise = SeededGenerator(seed: 5)
    for index in stride(from: 0, to: picture.pixels.count, by: 3) {
      picture.pixels[index] = UInt8(Int.random(in: 243...247, using: &noise))
    }
    let pose = KnownPose(degrees: 140, warp: 20)
    let result = SectionRegistration.register(
      fixed: SectionImage(
        image: picture, pixelSize: SyntheticTissue.pixelSize, frame: SyntheticTissue.frame),
      moving: pose.movingSection(of: tissue))
    #expect(result.report.status == .ok, "\(result.report.reasons)")
    #expect(pose.medianError(of: result.transform) < tolerance)
  }

  @Test(
    "what the scanner left out is no tissue, whatever colour fills it",
    arguments: [0, 128, 255] as [UInt8])
  func unscanned(level: UInt8) {
    let tissue = SyntheticTissue(seed: 29)
    let pose = KnownPose(degrees: 65)
    var scan = pose.movingSection(of: tissue)
    // Glass at 225, less than the white that files are filled with.
    var dimmed = scan.image
    for index in dimmed.pixels.indices {
      dimmed.pixels[index] = UInt8(Double(dimmed.pixels[index]) * 225 / 245)
    }
    scan = SectionImage(image: dimmed, pixelSize: scan.pixelSize, frame: scan.frame)
    let (left, top) = (150, 70)
    var image = RGBImage(
      width: scan.image.width + left + 40, height: scan.image.height + top + 220,
      filledWith: RGBColor(red: level, green: level, blue: level))
    image.paste(scan.image, x: left, y: top)
    let filled = SectionImage(
      image: image, pixelSize: scan.pixelSize,
      frame: SectionFrame(
        name: "filled", width: image.width * 8, height: image.height * 8,
        pixelSize: scan.frame.pixelSize))
    let mask = TissueMask.tissue(of: image, pixelSize: scan.pixelSize)
    let wanted = TissueMask.tissue(of: scan.image, pixelSize: scan.pixelSize)
    let disagreeing = (0..<image.height).reduce(0) { sum, y in
      sum
        + (0..<image.width).count { x in
          let (column, row) = (x - left, y - top)
          let isInside =
            column >= 0 && row >= 0 && column < wanted.width && row < wanted.height
          return mask[x, y] != (isInside ? wanted[column, row] : 0)
        }
    }
    #expect(Double(disagreeing) < 0.05 * Double(wanted.values.reduce(0, +)))
    let result = SectionRegistration.register(
      fixed: tissue.photograph(isBrown: false), moving: filled)
    #expect(result.report.status == .ok, "\(result.report.reasons)")
    let point = MicronPoint(x: 640, y: 600)
    let found = result.transform.movingPoint(for: point)
    let shown = MicronPoint(
      x: found.x - Double(left) * scan.pixelSize, y: found.y - Double(top) * scan.pixelSize)
    #expect(shown.distance(to: pose.moving(point)) < tolerance)
  }

  @Test("the ground around a turned picture is no tissue", arguments: [17.0, 45, 160])
  func turnedPicture(degrees: Double) {
    let side = SyntheticTissue.side
    let border = 60
    let scan = SyntheticTissue(seed: 30).photograph(isBrown: true).image
    let wanted = TissueMask.tissue(of: scan, pixelSize: 4)
    var image = RGBImage(width: side + 2 * border, height: side + 2 * border)
    let angle = degrees * .pi / 180
    for y in 0..<image.height {
      for x in 0..<image.width {
        // The tissue lies in the middle of a turned square with glass at 225.
        let (u, v) = (Double(x - border) - 150, Double(y - border) - 160)
        let turned = (u * cos(angle) + v * sin(angle), v * cos(angle) - u * sin(angle))
        guard abs(turned.0) < 150, abs(turned.1) < 150 else { continue }
        let (column, row) = (x - border, y - border)
        let isInside = column >= 0 && row >= 0 && column < side && row < side
        for channel in 0..<3 {
          let level = isInside ? Double(scan.pixels[(row * side + column) * 3 + channel]) : 245
          image.pixels[(y * image.width + x) * 3 + channel] = UInt8(level * 225 / 245)
        }
      }
    }
    let mask = TissueMask.tissue(of: image, pixelSize: 4)
    let disagreeing = (0..<side).reduce(0) { sum, y in
      sum + (0..<side).count { mask[$0 + border, y + border] != wanted[$0, y] }
    }
    let beyond = mask.values.reduce(0, +) - wanted.values.reduce(0, +)
    #expect(Double(disagreeing) < 0.05 * Double(wanted.values.reduce(0, +)))
    #expect(abs(beyond) < 0.05 * wanted.values.reduce(0, +))
  }

  @Test("glass of one exact colour is glass, not filling, also beside pale unstained tissue")
  func exactGlass() {
    let side = 320
    var image = RGBImage(width: side, height: side)
    for y in 0..<side {
      for x in 0..<side where (x - 150) * (x - 150) + 2 * (y - 170) * (y - 170) < 110 * 110 {
        let level = UInt8(236 + (x * 7 + y * 13) % 5)
        image[x, y] = RGBColor(red: level, green: level, blue: level)
      }
    }
    let mask = TissueMask.tissue(of: image, pixelSize: 4)
    #expect(mask[150, 170] == 1)
    #expect(mask[10, 10] == 0)
    let share = mask.values.reduce(0, +) / Float(side * side)
    #expect((0.24...0.34).contains(share), "\(share)")
  }

  @Test("a section without tissue gets the identity about the centres, and says why")
  func empty() {
    let glass = SectionImage(
      image: RGBImage(
        width: 300, height: 320, filledWith: RGBColor(red: 240, green: 241, blue: 240)),
      pixelSize: 4,
      frame: SectionFrame(name: "glass", width: 2400, height: 2560, pixelSize: PixelSize(0.5)))
    let result = SectionRegistration.register(
      fixed: SyntheticTissue(seed: 24).photograph(isBrown: false), moving: glass)
    #expect(result.report.reasons == [.noTissue])
    let middle = result.transform.movingPoint(for: SyntheticTissue.frame.centre)
    #expect(middle.distance(to: glass.frame.centre) < 1e-9)
  }

  /// With the same outline; some were accepted before matches were held against chance.
  @Test(
    "sections of two tissues are not accepted",
    arguments: [
      (25, 26, 60.0), (40, 140, 60), (31, 32, 5), (42, 142, 5), (44, 144, 60), (45, 145, 150),
    ])
  func unrelated(first: UInt64, second: UInt64, degrees: Double) {
    let result = SectionRegistration.register(
      fixed: SyntheticTissue(seed: first).photograph(isBrown: false),
      moving: KnownPose(degrees: degrees).movingSection(of: SyntheticTissue(seed: second)),
      options: RegistrationOptions(threadCount: 2))
    #expect(result.report.status == .needsReview)
  }

  @Test("the overlay shows three panels across and two down")
  func overlay() {
    let tissue = SyntheticTissue(seed: 27)
    let fixed = tissue.photograph(isBrown: false)
    let moving = KnownPose(degrees: 30).movingSection(of: tissue)
    let picture = RegistrationOverlay.picture(
      fixed: fixed, moving: moving,
      result: SectionRegistration.register(fixed: fixed, moving: moving), panelSize: 160)
    #expect(picture.width == 3 * 160 + 12 && picture.height == 2 * 160 + 6)
  }

  @Test(
    "tissue that lies on itself is no colour in the overlay, though only one section holds eosin")
  func overlayOfTwoStains() {
    let tissue = SyntheticTissue(seed: 27)
    let fixed = tissue.photograph(isBrown: false)
    let moving = tissue.photograph(isBrown: true)
    let picture = RegistrationOverlay.picture(
      fixed: fixed, moving: moving,
      result: SectionRegistration.register(fixed: fixed, moving: moving), panelSize: 160)
    let panel = picture.cropped(to: PixelRegion(x: 2 * 160 + 12 + 30, y: 40, width: 80, height: 80))
    let magenta = stride(from: 0, to: panel.pixels.count, by: 3).map {
      Int(panel.pixels[$0]) - Int(panel.pixels[$0 + 1])
    }
    let mean = Double(magenta.reduce(0, +)) / Double(magenta.count)
    #expect(abs(mean) < 10, "\(mean)")
  }

  @Test(
    "a dark label on the moving slide has no colour in the overlay and does not make its tissue fade"
  )
  func overlayBesideLabel() {
    let fixed = SyntheticTissue(seed: 27).photograph(isBrown: false)
    var image = fixed.image
    let label = RGBImage(
      width: image.width / 6, height: image.height,
      filledWith: RGBColor(red: 8, green: 8, blue: 8))
    image.paste(label, x: 0, y: 0)
    let labelled = SectionImage(image: image, pixelSize: fixed.pixelSize, frame: fixed.frame)
    /// The mean strength of the moving section's green in the last panel, away from the label, which shows glass.
    func green(_ moving: SectionImage) -> Double {
      let picture = RegistrationOverlay.picture(
        fixed: fixed, moving: moving,
        result: SectionRegistration.register(fixed: fixed, moving: moving), panelSize: 160)
      #expect(picture[2 * 160 + 12 + 8, 6].red > 240)
      let panel = picture.cropped(
        to: PixelRegion(x: 2 * 160 + 12 + 40, y: 20, width: 110, height: 120))
      let sum = stride(from: 0, to: panel.pixels.count, by: 3).reduce(0) {
        $0 + 255 - Int(panel.pixels[$1])
      }
      return Double(sum) / Double(panel.width * panel.height)
    }
    #expect(green(labelled) > 0.7 * green(fixed))
  }

  @Test(
    "real serial sections of two stains come within a hundredth of their diagonal",
    .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)))
  func realPair() throws {
    let fixed = try Self.lesion("HE")
    let moving = try Self.lesion("Ki67")
    let result = SectionRegistration.register(
      fixed: fixed.section, moving: moving.section, options: RegistrationOptions(threadCount: 2))
    let accuracy = try #require(
      RegistrationAccuracy(of: result.transform, fixed: fixed.landmarks, moving: moving.landmarks))
    #expect(accuracy.landmarkCount == 80)
    // Issue 2: at most 0.012, where the unregistered sections have 0.032.
    #expect(accuracy.medianRelative <= 0.012)
    #expect(accuracy.initialMedianRelative > 0.03)
  }

  private static func lesion(
    _ name: String
  ) throws -> (section: SectionImage, landmarks: [String: Level0Point]) {
    let image = try PictureFile.readJPEG(
      path: SharedData.url("sections/lesion3/\(name).jpg").path)
    let table = try PointTable(
      text: String(
        contentsOf: SharedData.url("sections/lesion3/\(name).csv"), encoding: .utf8),
      name: "\(name).csv")
    let pixelSize = PixelSize(3.48)
    let section = try SectionImage(
      reading: image, sourcePixelSize: pixelSize,
      frame: SectionFrame(
        name: "\(name).jpg", width: image.width, height: image.height, pixelSize: pixelSize))
    return (section, try table.pointsByName)
  }
}
