/// Where the pixel size of a slide came from.
public enum PixelSizeSource: String, Codable, Hashable, Sendable, CaseIterable {
  /// `--slide-pixel-size` or its like: wins over the file.
  case option
  /// `openslide.mpp-x` and `openslide.mpp-y`: what the scanner's maker wrote.
  case openslide
  /// The resolution tags of the TIFF file.
  case tiffResolution = "tiff-resolution"
  /// `PhysicalSizeX` and `PhysicalSizeY` of the OME-XML in the TIFF file.
  case omeXML = "ome-xml"
  /// `pixelSizes` of the configuration: used where the file says nothing.
  case configuration
}
