/// What the headers of a JPEG stream say about its picture.
///
/// Reference: ITU-T T.81 (1992), annex B; the colour rules are those of libjpeg's `default_decompress_parms`.
struct JPEGFrame {
  let width: Int
  let height: Int
  /// 1 (grey) or 3.
  let componentCount: Int
  /// Whether three components are luminance and chrominance; else they are red, green and blue.
  let isYCbCr: Bool
  /// How many luminance samples share a chrominance sample along each axis.
  let subsampling: (x: Int32, y: Int32)

  /// Walks the segments up to the first frame header.
  init(_ bytes: [UInt8], path: String) throws(PictureError) {
    guard bytes.starts(with: [0xFF, 0xD8, 0xFF]) else {
      throw .notAPicture(path: path, kind: "JPEG")
    }
    var hasJFIF = false
    var adobeTransform: UInt8?
    var position = 2
    while position + 4 <= bytes.count {
      guard bytes[position] == 0xFF else {
        throw .corrupt(path: path, reason: "no marker at byte \(position)")
      }
      let marker = bytes[position + 1]
      // Fill bytes and markers that stand alone (TEM, RSTn).
      if marker == 0xFF { position += 1; continue }
      if marker == 0x01 || (0xD0...0xD7).contains(marker) { position += 2; continue }
      let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
      guard length >= 2, position + 2 + length <= bytes.count else { break }
      let body = bytes[(position + 4)..<(position + 2 + length)]
      switch marker {
      case 0xE0 where body.starts(with: Array("JFIF\0".utf8)): hasJFIF = true
      case 0xEE where body.count >= 12 && body.starts(with: Array("Adobe".utf8)):
        adobeTransform = body[body.startIndex + 11]
      case 0xC0, 0xC1, 0xC2:
        try self.init(
          frame: Array(body), hasJFIF: hasJFIF, adobeTransform: adobeTransform, path: path)
        return
      case 0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
        throw .unsupported(path: path, reason: "a lossless or arithmetic JPEG")
      case 0xD9, 0xDA: throw .corrupt(path: path, reason: "no frame header")
      default: break
      }
      position += 2 + length
    }
    throw .corrupt(path: path, reason: "the file ends before its frame header")
  }

  private init(
    frame: [UInt8], hasJFIF: Bool, adobeTransform: UInt8?, path: String
  ) throws(PictureError) {
    guard frame.count >= 6, frame.count >= 6 + 3 * Int(frame[5]) else {
      throw .corrupt(path: path, reason: "the frame header is cut short")
    }
    height = Int(frame[1]) << 8 | Int(frame[2])
    width = Int(frame[3]) << 8 | Int(frame[4])
    componentCount = Int(frame[5])
    guard width > 0, height > 0 else { throw .corrupt(path: path, reason: "a side of 0 pixels") }
    guard frame[0] == 8 else { throw .unsupported(path: path, reason: "\(frame[0])-bit JPEG") }
    guard componentCount == 1 || componentCount == 3 else {
      throw .unsupported(path: path, reason: "a JPEG of \(componentCount) components")
    }
    guard componentCount == 3 else {
      isYCbCr = false
      subsampling = (1, 1)
      return
    }
    let identifiers = [frame[6], frame[9], frame[12]]
    let factors = [frame[7], frame[10], frame[13]]
    isYCbCr =
      if hasJFIF { true } else if let adobeTransform { adobeTransform != 0 } else {
        identifiers != Array("RGB".utf8)
      }
    let (x, y) = (Int32(factors[0] >> 4), Int32(factors[0] & 15))
    let allowed: Set<Int32> = [1, 2, 4]
    guard factors[1] == 0x11, factors[2] == 0x11, allowed.contains(x), allowed.contains(y),
      isYCbCr || (x == 1 && y == 1)
    else { throw .unsupported(path: path, reason: "a JPEG with unusual colour sampling") }
    subsampling = (x, y)
  }
}
