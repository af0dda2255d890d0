import Foundation
import Phantoms
import Rasters
import Registration

/// What can be wrong with a pair of sections, done to a phantom.
///
/// Registration may find such a pair or give it to a person; it may not accept a wrong map.
public enum Hardship: String, CaseIterable, Codable, Sendable {
  /// The moving section is another tissue within the same outline.
  case otherTissue = "other-tissue"
  /// The moving section is of another block altogether.
  case otherBlock = "other-block"
  /// Both slides are one.
  case sameFile = "same-file-twice"
  /// Nothing lies on the moving slide.
  case empty = "empty-slide"
  /// The fixed section has lost one half and the moving section the other.
  case noSharedPart = "no-shared-part"
  /// The moving slide, hardly warped, has its pixel size given 15 % too large.
  case tooLarge = "pixel-size-too-large"
  /// The moving slide, hardly warped, has its pixel size given 15 % too small.
  case tooSmall = "pixel-size-too-small"
  /// A quarter of the moving tissue is left.
  case mostlyMissing = "mostly-missing"
  /// A piece is missing from the middle of the moving section.
  case hole = "missing-piece"
  /// The moving section is torn and its parts lie 120 µm further apart.
  case torn = "torn"
  /// A flap of the moving section, 240 µm wide, is folded over its neighbour.
  case folded = "folded"
  /// The moving section lies in two pieces, 500 µm further apart and one turned by 25°.
  case twoPieces = "two-pieces"
  /// Blue, green and black pen on the moving slide, partly over tissue.
  case pen = "pen-marks"
  /// The moving scan shows the slide's label and dark edge.
  case label = "label-and-edge"
  /// The moving section lies in the corner of a slide of three times the side.
  case farOff = "far-off"
  /// The moving slide comes from another scanner with 0.69 times the pixel size.
  case otherScanner = "other-scanner"
  /// The moving section is hardly stained.
  case pale = "pale"
  /// The moving slide was put in the other way round.
  case halfTurn = "half-turn"
  /// The moving slide is scanned out of focus.
  case unfocused = "out-of-focus"

  /// Whether no map between the two can be right, so that every acceptance is a false one.
  public var hasNoTruth: Bool {
    switch self {
    case .otherTissue, .otherBlock, .sameFile, .empty, .noSharedPart, .tooLarge, .tooSmall: true
    default: false
    }
  }
}

extension RegistrationTrial {
  /// The pair after something happened to it.
  ///
  /// - Parameters:
  ///   - hardship: What.
  ///   - threadCount: Threads where a section has to be drawn anew.
  /// - Returns: The pair, with its truth where there is one.
  /// - Throws: What drawing throws.
  public func suffering(_ hardship: Hardship, threadCount: Int = 1) throws -> RegistrationTrial {
    var result = self
    result.hardship = hardship
    switch hardship {
    case .otherTissue, .otherBlock:
      var other = options
      other.seed = options.seed + 100_000
      if hardship == .otherTissue { other.outlineSeed = options.outlineSeed ?? options.seed }
      result.moving = try Self.image(
        of: try Self.warped(other).moving, threadCount: threadCount)
    case .sameFile: result.moving = fixed
    case .empty: result.moving = moving.erased { _ in true }
    case .noSharedPart:
      let middle = options.extent / 2
      result.fixed = fixed.erased { $0.x < middle }
      result.moving = moving.erased { [map] in map.fixed($0).x >= middle }
    case .tooLarge, .tooSmall:
      // A strong warp stretches as much by itself: nobody could tell.
      var even = options
      even.warpMicrons = 20
      result.moving = try Self.image(of: SerialSections(even).moving, threadCount: threadCount)
        .claiming(pixelSizeTimes: hardship == .tooLarge ? 1.15 : 1 / 1.15)
    case .mostlyMissing:
      let limit = extent * 0.35
      result.moving = moving.erased { [map] in map.fixed($0).x > limit }
    case .hole:
      let hole = MicronPoint(x: extent * 0.45, y: extent * 0.55)
      result.moving = moving.erased { [map] in map.fixed($0).distance(to: hole) < 330 }
    case .torn: result.part(by: 120, turning: 0)
    case .twoPieces: result.part(by: 500, turning: 25)
    case .folded: result.moving = moving.folded(width: 240)
    case .pen: result.moving = moving.written()
    case .label: result.moving = moving.labelled()
    case .farOff: result.spreadOut()
    case .otherScanner: result.moving = try moving.scanned(pixelSize: 0.69 * options.pixelSize)
    case .pale: result.moving = moving.faded(to: 0.25)
    case .halfTurn: result.turnAround()
    case .unfocused: result.moving = moving.blurred(microns: 12)
    }
    if hardship.hasNoTruth { result.truth = nil }
    return result
  }

  /// Tears the moving section along a line and moves one part away from the other.
  private mutating func part(by microns: Double, turning degrees: Double) {
    let old = moving
    let margin = microns + 250
    moving = old.onLargerSlide(margin: margin)
    let tear = Tear(
      centre: old.frame.centre, microns: microns, degrees: degrees, margin: margin)
    moving = moving.redrawn(from: old) { tear.original($0) }
    let whole = truth
    truth = { point in tear.place(whole?(point) ?? point) }
  }

  /// Puts the moving section into a corner of a slide of three times the side.
  private mutating func spreadOut() {
    let old = moving
    let margin = extent
    moving = old.onLargerSlide(margin: margin).redrawn(from: old) { point in
      MicronPoint(x: point.x - 1.95 * margin, y: point.y - 0.05 * margin)
    }
    let whole = truth
    truth = { point in
      let place = whole?(point) ?? point
      return MicronPoint(x: place.x + 1.95 * margin, y: place.y + 0.05 * margin)
    }
  }

  /// Turns the moving slide by 180°.
  private mutating func turnAround() {
    let extent = moving.frame.extent
    @Sendable func turned(_ point: MicronPoint) -> MicronPoint {
      MicronPoint(x: extent.x - point.x, y: extent.y - point.y)
    }
    moving = moving.redrawn(from: moving, turned)
    let whole = truth
    truth = { turned(whole?($0) ?? $0) }
  }
}

/// A section in two parts.
private struct Tear: Sendable {
  let centre: MicronPoint
  let microns: Double
  let degrees: Double
  let margin: Double

  /// The tear's direction, and its ragged line.
  private static let direction = (x: 0.8, y: 0.6)

  /// Microns from the line, along the direction.
  private func height(_ point: MicronPoint) -> Double {
    let (x, y) = (point.x - centre.x, point.y - centre.y)
    let along = y * Self.direction.x - x * Self.direction.y
    return x * Self.direction.x + y * Self.direction.y + 40 * sin(along / 90) + 100
  }

  /// Where a point of the whole section lies after the tear, on the larger slide.
  func place(_ point: MicronPoint) -> MicronPoint {
    guard height(point) > 0 else { return MicronPoint(x: point.x + margin, y: point.y + margin) }
    let angle = degrees * .pi / 180
    let (x, y) = (point.x - centre.x, point.y - centre.y)
    return MicronPoint(
      x: centre.x + cos(angle) * x - sin(angle) * y + Self.direction.x * microns + margin,
      y: centre.y + sin(angle) * x + cos(angle) * y + Self.direction.y * microns + margin)
  }

  /// The point of the whole section that is seen at a place; nothing where the glass shows.
  func original(_ place: MicronPoint) -> MicronPoint? {
    let still = MicronPoint(x: place.x - margin, y: place.y - margin)
    if height(still) <= 0 { return still }
    let angle = degrees * .pi / 180
    let x = still.x - centre.x - Self.direction.x * microns
    let y = still.y - centre.y - Self.direction.y * microns
    let back = MicronPoint(
      x: centre.x + cos(angle) * x + sin(angle) * y,
      y: centre.y - sin(angle) * x + cos(angle) * y)
    return height(back) > 0 ? back : nil
  }
}
