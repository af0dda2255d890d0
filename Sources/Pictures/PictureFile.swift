public import Rasters

/// JPEG and PNG files in and out.
///
/// A file is written as `name.partial`, flushed to the disk and renamed, so that its final name never
/// shows half a picture. An existing file of that name is replaced.
public enum PictureFile {
  /// Writes a JPEG file (YCbCr 4:2:0, JFIF).
  ///
  /// - Parameters:
  ///   - image: 1 to 65 535 pixels a side.
  ///   - path: The file's final name.
  ///   - quality: libjpeg's scale, 1…100.
  /// - Throws: ``PictureError/unencodable(path:reason:)`` for a size that JPEG cannot hold,
  ///   ``PictureError/unwritable(path:reason:)`` where the file cannot be written.
  public static func writeJPEG(
    _ image: RGBImage, path: String, quality: Int = 90
  ) throws(PictureError) {
    try FileBytes.write(try JPEGPicture.encode(image, quality: quality, path: path), path: path)
  }

  /// The bytes of a JPEG file, for embedding; `name` stands for the path in an error.
  public static func jpegBytes(
    of image: RGBImage, quality: Int = 90, name: String = "picture"
  ) throws(PictureError) -> [UInt8] {
    try JPEGPicture.encode(image, quality: quality, path: name)
  }

  /// The picture in the bytes of a JPEG file; `name` stands for the path in an error.
  ///
  /// - Throws: As ``readJPEG(path:)``.
  public static func image(
    fromJPEG bytes: [UInt8], name: String = "picture"
  ) throws(PictureError) -> RGBImage {
    try JPEGPicture.decode(bytes, path: name)
  }

  /// Writes an 8-bit RGB PNG file; lossless.
  ///
  /// - Throws: ``PictureError/unencodable(path:reason:)`` for an empty picture or a side above 2²⁰,
  ///   ``PictureError/unwritable(path:reason:)`` where the file cannot be written.
  public static func writePNG(_ image: RGBImage, path: String) throws(PictureError) {
    try FileBytes.write(try pngBytes(of: image, name: path), path: path)
  }

  /// The bytes of an 8-bit RGB PNG file, for embedding; `name` stands for the path in an error.
  public static func pngBytes(
    of image: RGBImage, name: String = "picture"
  ) throws(PictureError) -> [UInt8] {
    let contents = PNGPicture.Contents(
      width: image.width, height: image.height, channelCount: 3, values: image.pixels)
    return try PNGPicture.encode(contents, path: name)
  }

  /// Writes an 8-bit grey PNG file: masks, label maps.
  ///
  /// - Parameters:
  ///   - gray: `height · width` values, rows from top to bottom.
  ///   - width: Columns.
  ///   - height: Rows.
  ///   - path: The file's final name.
  /// - Throws: As ``writePNG(_:path:)``.
  /// - Precondition: `gray` holds `width · height` values.
  public static func writePNG(
    gray: [UInt8], width: Int, height: Int, path: String
  ) throws(PictureError) {
    precondition(
      gray.count == width * height,
      "a grey picture of \(width) × \(height) needs \(width * height) bytes, not \(gray.count)")
    let contents = PNGPicture.Contents(
      width: width, height: height, channelCount: 1, values: gray)
    try FileBytes.write(try PNGPicture.encode(contents, path: path), path: path)
  }

  /// Reads a JPEG file: baseline or progressive, 8 bits, grey or three components.
  ///
  /// - Throws: ``PictureError``, a case for each way in which a file can be unusable.
  public static func readJPEG(path: String) throws(PictureError) -> RGBImage {
    try JPEGPicture.decode(try FileBytes.read(path: path), path: path)
  }

  /// Reads an 8-bit PNG file, not interlaced and without palette; alpha is laid over white.
  ///
  /// - Throws: ``PictureError``, a case for each way in which a file can be unusable.
  public static func readPNG(path: String) throws(PictureError) -> RGBImage {
    let contents = try PNGPicture.decode(try FileBytes.read(path: path), path: path)
    return contents.opaqueImage()
  }

  /// Reads an 8-bit grey PNG file (without alpha): masks, label maps.
  ///
  /// - Throws: ``PictureError``; ``PictureError/unsupported(path:reason:)`` for a colour picture.
  public static func readGrayPNG(
    path: String
  ) throws(PictureError) -> (width: Int, height: Int, gray: [UInt8]) {
    let contents = try PNGPicture.decode(try FileBytes.read(path: path), path: path)
    guard contents.channelCount == 1 else {
      throw .unsupported(path: path, reason: "a colour picture in place of a grey one")
    }
    return (contents.width, contents.height, contents.values)
  }
}

extension PNGPicture.Contents {
  /// The picture in RGB, alpha laid over white and rounded half up.
  fileprivate func opaqueImage() -> RGBImage {
    switch channelCount {
    case 3: return RGBImage(width: width, height: height, pixels: values)
    case 1: return RGBImage(width: width, height: height, gray: values)
    default:
      var image = RGBImage(width: width, height: height)
      let colorCount = channelCount - 1
      for index in 0..<(width * height) {
        let start = index * channelCount
        let alpha = Int(values[start + colorCount])
        for channel in 0..<3 {
          let color = Int(values[start + min(channel, colorCount - 1)])
          image.pixels[index * 3 + channel] =
            UInt8((color * alpha + 255 * (255 - alpha) + 127) / 255)
        }
      }
      return image
    }
  }
}
