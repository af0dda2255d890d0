public import Rasters

/// How the levels of a pyramid are stored in the file.
public enum PyramidLayout: String, CaseIterable, Codable, Sendable {
  /// Chained directories that the first one also lists as its SubIFDs, with OME-XML: for every viewer.
  case universal
  /// Chained directories: OpenSlide and what is built on it.
  case chained
  /// SubIFDs of one directory, with OME-XML: Bio-Formats and OMERO.
  case ome
  /// Chained directories with the description of an Aperio SVS file.
  case aperio
}

/// How the tiles of a pyramid are compressed.
public enum PyramidCompression: String, CaseIterable, Codable, Sendable {
  /// Baseline JPEG in YCbCr 4:2:0; lossy.
  case jpeg
  /// LZW after horizontal differences; lossless.
  case lzw
  /// Deflate after horizontal differences; lossless.
  case deflate
  /// Plain bytes.
  case none
}

/// What a pyramid says about itself.
public struct PyramidDescription: Hashable, Codable, Sendable {
  /// The picture's name, as viewers show it.
  public var name: String
  /// Whether the colours were made by a network; the file then says so.
  public var isVirtualStain: Bool
  /// Where the picture comes from: version, settings, seeds, hashes of inputs.
  public var provenance: [String: String]

  /// The sentence that every virtual stain carries.
  public static let virtualStainNotice = "virtual stain, not for diagnosis"

  /// Describes a picture.
  public init(name: String, isVirtualStain: Bool = false, provenance: [String: String] = [:]) {
    self.name = name
    self.isVirtualStain = isVirtualStain
    self.provenance = provenance
  }
}

/// Everything but the pixels that decides what a pyramid's file holds.
public struct PyramidOptions: Hashable, Codable, Sendable {
  /// How the levels are stored.
  public var layout: PyramidLayout
  /// How the tiles are compressed.
  public var compression: PyramidCompression
  /// JPEG quality on libjpeg's scale, 1…100; without effect on other compressions.
  ///
  /// From 90 up chroma has the full resolution (4:4:4), below half of it each way (4:2:0).
  public var quality: Int
  /// Microns a pixel of level 0; nothing where unknown.
  public var pixelSize: PixelSize?
  /// An ICC profile, byte for byte, that every level carries.
  public var iccProfile: [UInt8]?
  /// What the file says about itself.
  public var description: PyramidDescription
  /// The program and its version, for the Software tag.
  public var software: String

  /// Gathers the options of a pyramid.
  ///
  /// - Precondition: `quality` is in 1…100; a pixel size is positive and finite.
  public init(
    layout: PyramidLayout = .universal, compression: PyramidCompression = .jpeg,
    quality: Int = 90, pixelSize: PixelSize? = nil, iccProfile: [UInt8]? = nil,
    description: PyramidDescription, software: String = "restain"
  ) {
    precondition((1...100).contains(quality), "JPEG quality \(quality) is not in 1…100")
    if let pixelSize {
      precondition(
        min(pixelSize.x, pixelSize.y) > 0 && (pixelSize.x + pixelSize.y).isFinite,
        "a pixel size of \(pixelSize.x) × \(pixelSize.y) µm")
    }
    self.layout = layout
    self.compression = compression
    self.quality = quality
    self.pixelSize = pixelSize
    self.iccProfile = iccProfile
    self.description = description
    self.software = software
  }

  /// How many pixels share one chroma sample each way in JPEG tiles.
  var chromaSubsampling: Int { quality < 90 ? 2 : 1 }
}
