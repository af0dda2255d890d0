import Foundation
import Rasters

/// Writes small uncompressed tiled TIFF files, tag by tag, so that a test decides what a slide says.
struct TinyTIFF {
  /// One directory: an image of 32-px tiles.
  struct Directory {
    var image: RGBImage
    var alpha: [UInt8]?
    var isReduced = false
    /// One value a pixel, the red one.
    var isGrey = false
    /// How the directory says that colours of JPEG streams are sampled.
    var subsampling: UInt16 = 2
    var resolution: (x: Double, y: Double)?
    var resolutionUnit: UInt16?
    var description: String?
    var iccProfile: [UInt8]?
    var compression: UInt16 = 1
    /// JPEG streams of YCbCr in 4:2:0, in place of the picture's plain tiles.
    var jpegTiles: [[UInt8]]?
  }

  /// The side of a tile, 32 pixels.
  ///
  /// libtiff 4.5 wants uncompressed tiles whose bytes are a multiple of 1024. No side of a level may be
  /// shorter than a tile, or OpenSlide 3.4.1 reads it wrongly.
  static let tile = 32
  var directories: [Directory]

  init(_ directories: [Directory]) { self.directories = directories }

  /// A pyramid of a picture: every level half of the one above, odd edges cut off.
  init(pyramid image: RGBImage, levelCount: Int) {
    directories = [Directory(image: image)]
    for _ in 1..<levelCount {
      let last = directories[directories.count - 1].image
      let half = last.halved()
      directories.append(
        Directory(
          image: half.cropped(
            to: PixelRegion(x: 0, y: 0, width: last.width / 2, height: last.height / 2)),
          isReduced: true))
    }
  }

  func write(to path: String) throws { try Data(bytes()).write(to: URL(fileURLWithPath: path)) }

  func bytes() -> [UInt8] {
    var file: [UInt8] = [0x49, 0x49, 42, 0, 0, 0, 0, 0]
    var pointer = 4
    for directory in directories { append(directory, to: &file, linkedFrom: &pointer) }
    return file
  }

  private enum Value {
    case short([UInt16])
    case long([UInt32])
    case rational(Double)
    case bytes([UInt8], type: UInt16)
  }

  private func append(_ directory: Directory, to file: inout [UInt8], linkedFrom pointer: inout Int)
  {
    var offsets: [UInt32] = []
    var byteCounts: [UInt32] = []
    let tile = TinyTIFF.tile
    let samples = directory.isGrey ? 1 : directory.alpha == nil ? 3 : 4
    for tileY in stride(from: 0, to: directory.image.height, by: tile) {
      for tileX in stride(from: 0, to: directory.image.width, by: tile) {
        let tile =
          directory.jpegTiles?[offsets.count] ?? tileBytes(directory, x: tileX, y: tileY)
        offsets.append(UInt32(file.count))
        byteCounts.append(UInt32(tile.count))
        file += tile
      }
    }
    let isJPEG = directory.jpegTiles != nil
    var entries: [(UInt16, Value)] = [
      (254, .long([directory.isReduced ? 1 : 0])),
      (256, .long([UInt32(directory.image.width)])),
      (257, .long([UInt32(directory.image.height)])),
      (258, .short([UInt16](repeating: 8, count: samples))),
      (259, .short([isJPEG ? 7 : directory.compression])),
      (262, .short([isJPEG ? 6 : directory.isGrey ? 1 : 2])),
      (277, .short([UInt16(samples)])),
      (284, .short([1])),
      (322, .long([UInt32(tile)])), (323, .long([UInt32(tile)])),
      (324, .long(offsets)),
      (325, .long(byteCounts)),
    ]
    if isJPEG { entries.append((530, .short([directory.subsampling, directory.subsampling]))) }
    if let text = directory.description {
      entries.append((270, .bytes(Array(text.utf8) + [0], type: 2)))
    }
    if let resolution = directory.resolution {
      entries += [(282, .rational(resolution.x)), (283, .rational(resolution.y))]
    }
    if let unit = directory.resolutionUnit { entries.append((296, .short([unit]))) }
    // 1: premultiplied alpha
    if samples == 4 { entries.append((338, .short([1]))) }
    if let profile = directory.iccProfile { entries.append((34675, .bytes(profile, type: 7))) }
    writeDirectory(entries.sorted { $0.0 < $1.0 }, to: &file, linkedFrom: &pointer)
  }

  private func tileBytes(_ directory: Directory, x: Int, y: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for row in y..<(y + TinyTIFF.tile) {
      for column in x..<(x + TinyTIFF.tile) {
        guard column < directory.image.width, row < directory.image.height else {
          bytes += [UInt8](
            repeating: 0, count: directory.isGrey ? 1 : directory.alpha == nil ? 3 : 4)
          continue
        }
        let color = directory.image[column, row]
        bytes += directory.isGrey ? [color.red] : [color.red, color.green, color.blue]
        if let alpha = directory.alpha { bytes.append(alpha[row * directory.image.width + column]) }
      }
    }
    return bytes
  }

  private func writeDirectory(
    _ entries: [(UInt16, Value)], to file: inout [UInt8], linkedFrom pointer: inout Int
  ) {
    var fields: [(tag: UInt16, type: UInt16, count: Int, bytes: [UInt8])] = []
    for (tag, value) in entries {
      switch value {
      case .short(let values):
        fields.append((tag, 3, values.count, values.flatMap { little($0) }))
      case .long(let values):
        fields.append((tag, 4, values.count, values.flatMap { little($0) }))
      case .rational(let number):
        fields.append((tag, 5, 1, little(UInt32((number * 1000).rounded())) + little(UInt32(1000))))
      case .bytes(let bytes, let type): fields.append((tag, type, bytes.count, bytes))
      }
    }
    var body: [UInt8] = little(UInt16(fields.count))
    for field in fields {
      body += little(field.tag) + little(field.type) + little(UInt32(field.count))
      if field.bytes.count <= 4 {
        body += field.bytes + [UInt8](repeating: 0, count: 4 - field.bytes.count)
      } else {
        if file.count % 2 == 1 { file.append(0) }
        body += little(UInt32(file.count))
        file += field.bytes
      }
    }
    if file.count % 2 == 1 { file.append(0) }
    file.replaceSubrange(pointer..<(pointer + 4), with: little(UInt32(file.count)))
    pointer = file.count + body.count
    file += body + [0, 0, 0, 0]
  }

  private func little<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
