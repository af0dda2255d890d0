public import Rasters

/// The frame of a slide: which file it is, how many level-0 pixels it has and how large they are.
public struct SectionFrame: Hashable, Codable, Sendable {
  /// The file's name, without its folder.
  public var name: String
  /// Level-0 columns.
  public var width: Int
  /// Level-0 rows.
  public var height: Int
  /// Microns a level-0 pixel.
  public var pixelSize: PixelSize

  /// Makes a frame from a slide's name, level-0 size and pixel size.
  public init(name: String, width: Int, height: Int, pixelSize: PixelSize) {
    self.name = name
    self.width = width
    self.height = height
    self.pixelSize = pixelSize
  }

  /// The whole slide's width and height in microns.
  public var extent: MicronPoint {
    MicronPoint(x: Double(width) * pixelSize.x, y: Double(height) * pixelSize.y)
  }

  /// The middle of the slide, in microns.
  public var centre: MicronPoint { MicronPoint(x: extent.x / 2, y: extent.y / 2) }

  /// The length of the slide's diagonal, in microns.
  public var diagonal: Double { MicronPoint(x: 0, y: 0).distance(to: extent) }

  /// Throws unless a slide covers the same ground; the pixel size may differ.
  ///
  /// - Parameter other: The slide in hand.
  /// - Throws: ``RegistrationError/extentMismatch(name:recorded:foundMicrons:recordedMicrons:)`` when
  ///   an extent in microns differs by more than 0.5 %.
  public func requireSameExtent(as other: SectionFrame) throws(RegistrationError) {
    let isSame =
      abs(other.extent.x - extent.x) <= Self.extentTolerance * extent.x
      && abs(other.extent.y - extent.y) <= Self.extentTolerance * extent.y
    guard !isSame else { return }
    throw .extentMismatch(
      name: other.name, recorded: name, foundMicrons: [other.extent.x, other.extent.y],
      recordedMicrons: [extent.x, extent.y])
  }

  /// Pixel sizes written by different tools for one slide differ by rounding, well below this.
  private static let extentTolerance = 0.005

  private enum CodingKeys: String, CodingKey {
    case name = "file"
    case width
    case height
    case pixelSize = "pixel_size_um"
  }
}
