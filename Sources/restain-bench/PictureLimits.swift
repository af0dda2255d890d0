import Foundation
import Pictures
import Rasters
import Tensors

/// Pixels of JPEG a second on one thread, in units of 10⁶.
enum PictureLimits {
  /// Writes and reads a picture with structures of a few pixels, as tissue has.
  static func measured(_ context: BenchmarkContext) throws -> (encode: Double, decode: Double) {
    let side = 512
    let random = CounterRandom(seed: 5, stream: 0)
    var image = RGBImage(width: side, height: side)
    for y in 0..<side {
      for x in 0..<side {
        let level = random.bits(at: UInt64((y / 6) * side + x / 6)) & 0x3F
        image[x, y] = RGBColor(red: 160 + UInt8(level), green: 90 + UInt8(level), blue: 170)
      }
    }
    var bytes: [UInt8] = []
    let encoding = try context.leastSeconds {
      bytes = try PictureFile.jpegBytes(of: image, quality: 90, name: "benchmark")
    }
    var decoded = image
    let decoding = try context.leastSeconds {
      decoded = try PictureFile.image(fromJPEG: bytes, name: "benchmark")
    }
    guard ImageQuality.peakSignalToNoise(decoded, image) > 20 else {
      throw PictureError.corrupt(path: "benchmark", reason: "another picture was read than written")
    }
    let pixelCount = Double(side * side) / 1e6
    return (pixelCount / encoding, pixelCount / decoding)
  }
}
