import CTIFF
import Rasters

/// JPEG streams made and read by libtiff's codec, wrapped in an in-memory TIFF of one strip.
///
/// With `TIFFTAG_JPEGTABLESMODE` 0 a strip is a self-contained JPEG stream; the JFIF segment is added,
/// so that no reader has to guess the colour space.
enum JPEGPicture {
  /// The largest side that a JPEG frame header can state.
  static let largestSide = 65_535

  /// `APP0` of JFIF 1.02 without a density and without a thumbnail.
  private static let jfifSegment: [UInt8] = [
    0xFF, 0xE0, 0, 16, 0x4A, 0x46, 0x49, 0x46, 0, 1, 2, 0, 0, 1, 0, 1, 0, 0,
  ]

  static func encode(
    _ image: RGBImage, quality: Int, path: String
  ) throws(PictureError) -> [UInt8] {
    precondition((1...100).contains(quality), "JPEG quality \(quality) is not in 1…100")
    guard image.width > 0, image.height > 0,
      max(image.width, image.height) <= largestSide
    else {
      throw .unencodable(
        path: path, reason: "\(image.width) × \(image.height) pixels do not fit a JPEG file")
    }
    let file = MemoryTIFF()
    let isReady =
      setShape(of: file, width: image.width, height: image.height, components: 3)
      && file.set(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_YCBCR)
      && file.set(TIFFTAG_YCBCRSUBSAMPLING, Int32(2), Int32(2))
      && file.set(TIFFTAG_JPEGTABLESMODE, Int32(0))
      && file.set(TIFFTAG_JPEGQUALITY, Int32(quality))
      && file.set(TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB)
    var pixels = image.pixels
    guard isReady, let stream = pixels.withUnsafeMutableBytes({ file.encodeStrip($0) }),
      stream.starts(with: [0xFF, 0xD8])
    else {
      throw .unencodable(path: path, reason: file.errorMessage ?? "the JPEG encoder failed")
    }
    return [0xFF, 0xD8] + jfifSegment + stream.dropFirst(2)
  }

  static func decode(_ bytes: [UInt8], path: String) throws(PictureError) -> RGBImage {
    let frame = try JPEGFrame(bytes, path: path)
    let (width, height) = (frame.width, frame.height)
    // An 8 × 8 block of one component takes at least one bit, so a byte codes at most 512 pixels;
    // more is a lie in the header that must not decide how much memory is taken.
    guard width * height <= bytes.count * 512 else {
      throw .corrupt(path: path, reason: "\(bytes.count) bytes cannot hold \(width) × \(height)")
    }
    let wrapped = MemoryTIFF()
    let isColor = frame.componentCount == 3
    let isReady =
      setShape(of: wrapped, width: width, height: height, components: frame.componentCount)
      && wrapped.set(
        TIFFTAG_PHOTOMETRIC,
        !isColor ? PHOTOMETRIC_MINISBLACK : frame.isYCbCr ? PHOTOMETRIC_YCBCR : PHOTOMETRIC_RGB)
      && (!isColor || !frame.isYCbCr
        || wrapped.set(TIFFTAG_YCBCRSUBSAMPLING, frame.subsampling.x, frame.subsampling.y))
    guard isReady, wrapped.writeRawStrip(bytes) else {
      throw .corrupt(path: path, reason: wrapped.errorMessage ?? "the frame header is inconsistent")
    }
    let file = MemoryTIFF(reading: wrapped.bytes)
    if isColor { _ = file.set(TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB) }
    let decoded = file.decodeStrip(byteCount: width * height * frame.componentCount)
    guard let decoded, file.damageMessage == nil else {
      throw .corrupt(
        path: path, reason: file.damageMessage ?? file.errorMessage ?? "the stream ends early")
    }
    guard !isColor else { return RGBImage(width: width, height: height, pixels: decoded) }
    return RGBImage(width: width, height: height, gray: decoded)
  }

  private static func setShape(
    of file: MemoryTIFF, width: Int, height: Int, components: Int
  ) -> Bool {
    file.set(TIFFTAG_IMAGEWIDTH, Int32(width)) && file.set(TIFFTAG_IMAGELENGTH, Int32(height))
      && file.set(TIFFTAG_BITSPERSAMPLE, Int32(8))
      && file.set(TIFFTAG_SAMPLESPERPIXEL, Int32(components))
      && file.set(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG)
      && file.set(TIFFTAG_ROWSPERSTRIP, Int32(height))
      && file.set(TIFFTAG_COMPRESSION, COMPRESSION_JPEG)
  }
}

extension RGBImage {
  /// Makes a picture of equal channels from `width · height` grey values.
  init(width: Int, height: Int, gray: [UInt8]) {
    var pixels = [UInt8](repeating: 0, count: gray.count * 3)
    for (index, value) in gray.enumerated() {
      pixels[index * 3] = value
      pixels[index * 3 + 1] = value
      pixels[index * 3 + 2] = value
    }
    self.init(width: width, height: height, pixels: pixels)
  }
}
