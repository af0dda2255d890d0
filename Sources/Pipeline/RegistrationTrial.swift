public import Phantoms
import Rasters
public import Registration

/// A pair of sections whose true map is known, for judging what registration says about it.
///
/// Phantoms are turned by anything, mirrored in a quarter, warped by up to 300 µm, and every second one
/// lacks a fifth of its tissue; every fifth is unstained.
public struct RegistrationTrial: Sendable {
  /// What a trial is drawn from.
  public let options: PhantomOptions
  /// The section that stays.
  public internal(set) var fixed: SectionImage
  /// The section that is warped.
  public internal(set) var moving: SectionImage
  /// What was done to the pair; nothing for the pair as it was drawn.
  public internal(set) var hardship: Hardship?
  /// The largest displacement of the warp in microns.
  public let warpMicrons: Double
  /// From fixed to moving microns; nothing where no map between the two is right.
  var truth: (@Sendable (MicronPoint) -> MicronPoint)?
  let map: PhantomMap
  private let sections: SerialSections

  /// Draws the phantom of a seed.
  ///
  /// - Parameters:
  ///   - seed: Stain, pose, warp and loss follow from it.
  ///   - extent: Microns along each side.
  ///   - pixelSize: Microns a pixel; coarse phantoms are drawn faster and look the same at 4 µm.
  ///   - threadCount: Blocks drawn at the same time.
  /// - Throws: What drawing throws.
  public init(
    seed: UInt64, extent: Double = 2048, pixelSize: Double = 0.5, threadCount: Int = 1
  ) throws {
    var options = PhantomOptions(
      size: Int(extent / pixelSize), seed: seed, pixelSize: pixelSize)
    options.stain = seed % 5 == 4 ? .unstained : .immunohistochemistry
    options.isMirrored = seed % 4 == 3
    options.missingShare = seed % 2 == 0 ? 0.2 : 0
    let sections = try Self.warped(options)
    self.options = sections.options
    self.sections = sections
    warpMicrons = sections.warpMicrons
    let map = sections.map
    self.map = map
    truth = { map.moving($0) }
    fixed = try Self.image(of: sections.fixed, threadCount: threadCount)
    moving = try Self.image(of: sections.moving, threadCount: threadCount)
  }

  /// Microns along each side of the slides as they were drawn.
  var extent: Double { options.extent }
  /// A pair is wrong where the median error is larger, in microns.
  public static let mostError = 20.0

  /// The pair as it was drawn at half the working pixel size, for bending further.
  public var fineSections: FineSections {
    let pixelSize = RegistrationOptions.finePixelSize
    func source(_ section: PhantomSection) -> ResampledSource {
      let ratio = pixelSize / section.pixelSize.x
      let side = Int((extent / pixelSize).rounded(.up))
      return ResampledSource(section, ratio: (ratio, ratio), width: side, height: side)
    }
    return FineSections(levels: [
      FineSections.Level(
        pixelSize: pixelSize, fixed: source(sections.fixed), moving: source(sections.moving))
    ])
  }

  /// The median distance of a found map from the truth over places that are tissue in both sections, in
  /// microns of the fixed frame; nothing where no map is right.
  public func medianError(of transform: SectionTransform) -> Double? {
    guard let truth else { return nil }
    let masks = [fixed, moving].map { TissueMask.tissue(of: $0.image, pixelSize: $0.pixelSize) }
    func isTissue(_ point: MicronPoint, _ mask: Plane, _ pixelSize: Double) -> Bool {
      let x = Int((point.x / pixelSize).rounded(.down))
      let y = Int((point.y / pixelSize).rounded(.down))
      return x >= 0 && y >= 0 && x < mask.width && y < mask.height && mask[x, y] > 0
    }
    let extent = transform.fixed.extent
    var errors: [Double] = []
    for row in 0..<40 {
      for column in 0..<40 {
        let point = MicronPoint(
          x: extent.x * (Double(column) + 0.5) / 40, y: extent.y * (Double(row) + 0.5) / 40)
        let place = truth(point)
        guard isTissue(point, masks[0], fixed.pixelSize),
          isTissue(place, masks[1], moving.pixelSize)
        else { continue }
        errors.append(transform.fixedPoint(for: place).distance(to: point))
      }
    }
    return errors.isEmpty ? nil : errors.sorted()[errors.count / 2]
  }

  /// Whether a map may not be accepted: there is none, or its median error is too large.
  public static func isWrong(_ error: Double?) -> Bool { (error ?? .infinity) > mostError }

  /// The sections with the strongest warp of a series up to 300 µm that does not fold.
  static func warped(_ options: PhantomOptions) throws -> SerialSections {
    let warps = [40.0, 80, 120, 160, 220, 300]
    var options = options
    for index in stride(from: Int(options.seed * 7 % 6), through: 0, by: -1) {
      options.warpMicrons = warps[index]
      do {
        return try SerialSections(options)
      } catch PhantomError.foldingWarp {
        continue
      }
    }
    options.warpMicrons = 20
    return try SerialSections(options)
  }

  static func image(of section: PhantomSection, threadCount: Int) throws -> SectionImage {
    try SectionImage(
      reading: section, sourcePixelSize: section.pixelSize,
      frame: SectionFrame(
        name: "phantom", width: section.width, height: section.height,
        pixelSize: section.pixelSize), threadCount: threadCount)
  }
}
