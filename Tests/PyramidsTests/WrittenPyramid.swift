import Foundation
import Pyramids
import Rasters
import TestSupport

/// A picture of smooth colour with noise, different in every channel.
func picture(width: Int, height: Int, seed: UInt64, noise: Int = 12) -> RGBImage {
  var generator = SeededGenerator(seed: seed)
  var pixels = [UInt8](repeating: 0, count: width * height * 3)
  for y in 0..<height {
    for x in 0..<width {
      let start = (y * width + x) * 3
      let bits = generator.next()
      let wave = [
        220 - x * 120 / width, 90 + y * 90 / height, 150 + (x + y) * 60 / (width + height),
      ]
      for channel in 0..<3 {
        let deviation = Int((bits >> (UInt64(channel) * 8)) & 255) * noise / 256
        pixels[start + channel] = UInt8(wave[channel] + deviation)
      }
    }
  }
  return RGBImage(width: width, height: height, pixels: pixels)
}

/// The options of most tests.
func options(
  _ layout: PyramidLayout = .universal, _ compression: PyramidCompression = .jpeg,
  pixelSize: PixelSize? = PixelSize(0.5), isVirtualStain: Bool = true
) -> PyramidOptions {
  PyramidOptions(
    layout: layout, compression: compression, pixelSize: pixelSize,
    description: PyramidDescription(
      name: "Ki67 & <HE> \"µ\"", isVirtualStain: isVirtualStain,
      provenance: ["seed": "7", "model": "m|1 = <ü>"]),
    software: "restain test")
}

/// Writes a picture in bands of some rows and returns the file's bytes.
@discardableResult
func write(
  _ image: RGBImage, to path: String, _ options: PyramidOptions, rowsAtOnce: Int = 256,
  threadCount: Int = 1
) throws -> Data {
  let writer = try PyramidWriter(
    path: path, width: image.width, height: image.height, options: options,
    threadCount: threadCount)
  try append(image, to: writer, rowsAtOnce: rowsAtOnce)
  _ = try writer.finish()
  return try Data(contentsOf: URL(fileURLWithPath: path))
}

/// Appends the rows of a picture that a writer does not have yet.
func append(
  _ image: RGBImage, to writer: PyramidWriter, rowsAtOnce: Int, until end: Int = .max
) throws {
  while writer.rowsAppended < min(end, image.height) {
    let count = min(rowsAtOnce, image.height - writer.rowsAppended)
    try writer.append(
      rows: image.cropped(
        to: PixelRegion(x: 0, y: writer.rowsAppended, width: image.width, height: count)))
  }
}

/// The levels that a picture should have.
func levels(of image: RGBImage) -> [RGBImage] {
  var result = [image]
  while let last = result.last, min((last.width + 1) / 2, (last.height + 1) / 2) >= 256 {
    result.append(last.halved())
  }
  return result
}

/// How far two pictures of one size lie apart, in levels of 255.
func difference(_ first: RGBImage, _ second: RGBImage) -> (mean: Double, max: Int) {
  guard first.width == second.width, first.height == second.height else { return (255, 255) }
  var sum = 0
  var largest = 0
  for (a, b) in zip(first.pixels, second.pixels) {
    let distance = abs(Int(a) - Int(b))
    sum += distance
    largest = max(largest, distance)
  }
  return (Double(sum) / Double(first.pixels.count), largest)
}
