public import Rasters

/// Two serial sections of one synthetic tissue, and the exact truth about them.
///
/// ```swift
/// let phantom = try SerialSections(PhantomOptions(size: 2048, seed: 7))
/// let overview = phantom.moving.read(PixelRegion(x: 512, y: 512, width: 256, height: 256))
/// ```
public struct SerialSections: Sendable {
  /// What was asked for.
  public let options: PhantomOptions
  /// The turn that was asked for or drawn, counter-clockwise on the screen, in degrees.
  public let rotationDegrees: Double
  /// The shift that was asked for or drawn, in microns.
  public let shift: (x: Double, y: Double)
  /// The largest displacement of the warp that was asked for or drawn, in microns.
  public let warpMicrons: Double
  /// The exact map from the fixed to the moving section.
  public let map: PhantomMap
  /// The H&E section.
  public let fixed: PhantomSection
  /// The section under its own stain.
  public let moving: PhantomSection
  /// The moving section as H&E, in its own frame.
  public let movingTruth: PhantomSection
  let model: TissueModel

  /// Draws what the options leave open, and places the sections.
  ///
  /// - Throws: The case that names an option that cannot be used.
  public init(_ options: PhantomOptions) throws(PhantomError) {
    try options.validate()
    self.options = options
    let extent = options.extent
    var draws = PositionHash(seed: options.seed, purpose: 100).draws(0, 0)
    let drawnRotation = 360 * Double(draws.unit())
    let drawnShift = (x: Double(draws.signed()), y: Double(draws.signed()))
    let drawnWarp = Double(draws.between(0.006, 0.015))
    rotationDegrees = options.rotationDegrees ?? drawnRotation
    shift = (
      options.shiftX ?? drawnShift.x * extent * 0.025,
      options.shiftY ?? drawnShift.y * extent * 0.025
    )
    // Sections stretch by about a tenth of a millimetre at most, however large they are.
    warpMicrons = options.warpMicrons ?? min(drawnWarp * extent, 6000 * drawnWarp)
    map = try PhantomMap(
      extent: extent, rotationDegrees: rotationDegrees, shift: shift, warp: warpMicrons,
      isMirrored: options.isMirrored, seed: options.seed)
    model = TissueModel(
      extent: Float(extent), seed: options.seed, outlineSeed: options.outlineSeed,
      missingShare: Float(options.missingShare))
    let renderers = [0, 1].map { [model, map] section in
      SceneRenderer(model: model, map: map, section: section, pixelSize: options.pixelSize)
    }
    let looks = (0..<3).map {
      StainLook(seed: options.seed, photograph: $0, extent: Float(extent))
    }
    fixed = PhantomSection(
      renderer: renderers[0], look: looks[0], stain: .hematoxylinEosin, size: options.size)
    moving = PhantomSection(
      renderer: renderers[1], look: looks[1], stain: options.stain, size: options.size)
    movingTruth = PhantomSection(
      renderer: renderers[1], look: looks[2], stain: .hematoxylinEosin, size: options.size)
  }

  /// The moving section under both stains and its tissue classes, drawn together in one pass.
  public func readMoving(
    _ region: PixelRegion
  ) -> (stained: RGBImage, truth: RGBImage, classes: [UInt8]) {
    let read = moving.pictures(region, of: [moving, movingTruth])
    return (read.images[0], read.images[1], read.classes)
  }
}
