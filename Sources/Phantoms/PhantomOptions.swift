/// How the moving section is stained.
public enum PhantomStain: String, Codable, Hashable, Sendable, CaseIterable {
  /// Haematoxylin and eosin.
  case hematoxylinEosin = "he"
  /// Haematoxylin and diaminobenzidine.
  case immunohistochemistry = "ihc"
  /// No stain: weak bright-field contrast.
  case unstained
}

/// What phantom is wanted; what is left out is drawn from the seed.
public struct PhantomOptions: Hashable, Codable, Sendable {
  /// Pixels along each side of both sections, 256…100,000.
  public var size: Int
  /// Everything random comes from this number.
  public var seed: UInt64
  /// The stain of the moving section.
  public var stain: PhantomStain
  /// Microns a pixel, 0.1…4.
  public var pixelSize: Double
  /// Turn of the moving section relative to the fixed, counter-clockwise on the screen, in degrees;
  /// drawn from 0..<360 where it is missing.
  public var rotationDegrees: Double?
  /// Shift of the moving section after the turn, in microns; drawn where it is missing.
  public var shiftX: Double?, shiftY: Double?
  /// The largest displacement of the smooth warp, in microns; drawn where it is missing.
  public var warpMicrons: Double?
  /// Whether the moving section lies on its other face.
  public var isMirrored: Bool
  /// The share of the tissue that the moving section has lost, 0…0.9.
  public var missingShare: Double
  /// The seed of the tissue's outline, `seed` where it is missing: two tissues can have one outline.
  public var outlineSeed: UInt64?

  /// Makes options; the defaults are those of `restain phantom`.
  public init(
    size: Int = 4096, seed: UInt64 = 1, stain: PhantomStain = .immunohistochemistry,
    pixelSize: Double = 0.5, rotationDegrees: Double? = nil,
    shift: (x: Double, y: Double)? = nil, warpMicrons: Double? = nil, isMirrored: Bool = false,
    missingShare: Double = 0
  ) {
    self.size = size
    self.seed = seed
    self.stain = stain
    self.pixelSize = pixelSize
    self.rotationDegrees = rotationDegrees
    shiftX = shift?.x
    shiftY = shift?.y
    self.warpMicrons = warpMicrons
    self.isMirrored = isMirrored
    self.missingShare = missingShare
  }

  /// The side of both frames in microns.
  public var extent: Double { Double(size) * pixelSize }

  /// Checks every value against its range.
  ///
  /// - Throws: The case that names the first value that cannot be used.
  public func validate() throws(PhantomError) {
    guard (256...100_000).contains(size) else { throw .unusableSize(pixels: size) }
    guard (0.1...4).contains(pixelSize) else { throw .unusablePixelSize(microns: pixelSize) }
    guard (0...0.9).contains(missingShare) else { throw .unusableMissingShare(missingShare) }
    guard (rotationDegrees ?? 0).isFinite else {
      throw .unusablePlacement("--rotation: not a finite number")
    }
    for shift in [shiftX ?? 0, shiftY ?? 0] where !(abs(shift) <= extent / 2) {
      throw .unusablePlacement("--shift \(shift): beyond half the slide of \(extent) µm")
    }
    guard (warpMicrons ?? 0).isFinite, (warpMicrons ?? 0) >= 0 else {
      throw .unusablePlacement("--warp: not a length of 0 or more")
    }
  }
}
