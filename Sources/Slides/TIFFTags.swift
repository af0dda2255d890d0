import CTIFF
import Glibc

/// What a TIFF file's first directory says about itself, where OpenSlide does not pass it on.
struct TIFFTags: Hashable, Sendable {
  /// Pixels for one unit along each axis, where stated.
  var resolution: (x: Double, y: Double)? {
    guard let horizontal, let vertical else { return nil }
    return (horizontal, vertical)
  }
  private var horizontal: Double?
  private var vertical: Double?
  /// `centimeter` or `inch`, as OpenSlide writes it; nothing for a unit that is no length.
  private(set) var resolutionUnit: String?
  /// The text of the first directory, which holds OME-XML in an OME-TIFF.
  private(set) var imageDescription: String?
  /// Whether the pixels are compressed as JPEG.
  private(set) var isJPEG = false
  /// The ICC profile, as stored.
  private(set) var iccProfile: [UInt8]?

  /// Reads the tags of a file; nothing where it is no TIFF.
  static func read(path: String) -> TIFFTags? {
    guard startsLikeTIFF(path) else { return nil }
    silenceLibrary()
    guard let file = TIFFOpen(path, "rm") else { return nil }
    defer { TIFFClose(file) }
    var tags = TIFFTags()
    tags.horizontal = float(file, TIFFTAG_XRESOLUTION).map(Double.init)
    tags.vertical = float(file, TIFFTAG_YRESOLUTION).map(Double.init)
    tags.resolutionUnit = unit(file)
    tags.isJPEG = short(file, TIFFTAG_COMPRESSION) == UInt16(COMPRESSION_JPEG)
    tags.imageDescription = text(file, TIFFTAG_IMAGEDESCRIPTION)
    tags.iccProfile = bytes(file, TIFFTAG_ICCPROFILE)
    return tags
  }

  /// Keeps libtiff, also inside OpenSlide, from writing to standard error.
  ///
  /// What is wrong with a file is told once, in the error that is thrown. Calling it again changes
  /// nothing.
  static func silenceLibrary() {
    TIFFSetWarningHandler(nil)
    TIFFSetErrorHandler(nil)
  }

  private static func startsLikeTIFF(_ path: String) -> Bool {
    guard let file = fopen(path, "rb") else { return false }
    defer { fclose(file) }
    var magic = [UInt8](repeating: 0, count: 4)
    guard fread(&magic, 1, 4, file) == 4 else { return false }
    let versions: [[UInt8]] = [
      [0x49, 0x49, 42, 0], [0x49, 0x49, 43, 0], [0x4D, 0x4D, 0, 42], [0x4D, 0x4D, 0, 43],
    ]
    return versions.contains(magic)
  }

  private static func float(_ file: OpaquePointer, _ tag: Int32) -> Float? {
    var value: Float = 0
    let isPresent = withUnsafeMutablePointer(to: &value) { pointer in
      withVaList([pointer]) { TIFFVGetField(file, UInt32(tag), $0) } == 1
    }
    return isPresent ? value : nil
  }

  private static func unit(_ file: OpaquePointer) -> String? {
    // Inch is the default of TIFF 6.0, section 8, where the tag is left out.
    let value = short(file, TIFFTAG_RESOLUTIONUNIT) ?? UInt16(RESUNIT_INCH)
    if value == UInt16(RESUNIT_INCH) { return "inch" }
    return value == UInt16(RESUNIT_CENTIMETER) ? "centimeter" : nil
  }

  private static func short(_ file: OpaquePointer, _ tag: Int32) -> UInt16? {
    var value: UInt16 = 0
    let isPresent = withUnsafeMutablePointer(to: &value) { pointer in
      withVaList([pointer]) { TIFFVGetField(file, UInt32(tag), $0) } == 1
    }
    return isPresent ? value : nil
  }

  private static func text(_ file: OpaquePointer, _ tag: Int32) -> String? {
    var value: UnsafePointer<CChar>?
    let isPresent = withUnsafeMutablePointer(to: &value) { pointer in
      withVaList([pointer]) { TIFFVGetField(file, UInt32(tag), $0) } == 1
    }
    guard isPresent, let value else { return nil }
    return String(cString: value)
  }

  private static func bytes(_ file: OpaquePointer, _ tag: Int32) -> [UInt8]? {
    var count: UInt32 = 0
    var value: UnsafePointer<UInt8>?
    let isPresent = withUnsafeMutablePointer(to: &count) { countPointer in
      withUnsafeMutablePointer(to: &value) { pointer in
        withVaList([countPointer, pointer]) { TIFFVGetField(file, UInt32(tag), $0) } == 1
      }
    }
    guard isPresent, let value, count > 0 else { return nil }
    return Array(UnsafeBufferPointer(start: value, count: Int(count)))
  }
}
