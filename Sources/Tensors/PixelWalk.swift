/// The places of the pixels of a feature map in memory, in the order sample, row, column.
struct PixelWalk: Sendable {
  var batch: Int
  var height: Int
  var width: Int
  /// Elements before the first pixel.
  var base = 0
  var sampleStride: Int
  var rowStride: Int
  var pixelStride: Int

  var pixelCount: Int { batch * height * width }

  /// Every pixel of a contiguous map.
  static func all(of map: FeatureMapShape) -> PixelWalk {
    PixelWalk(
      batch: map.batch, height: map.height, width: map.width,
      sampleStride: map.height * map.width * map.channels, rowStride: map.width * map.channels,
      pixelStride: map.channels)
  }

  /// The pixels of a map inside its border of `padding` pixels.
  static func inside(_ map: FeatureMapShape, padding: Int) -> PixelWalk {
    var walk = all(of: map)
    walk.height -= 2 * padding
    walk.width -= 2 * padding
    walk.base = padding * (walk.rowStride + walk.pixelStride)
    return walk
  }

  /// The upper left corners of the windows of a convolution without further padding.
  static func windows(
    of map: FeatureMapShape, kernelSize: Int, stride: Int
  ) -> PixelWalk {
    var walk = all(of: map)
    walk.height = (map.height - kernelSize) / stride + 1
    walk.width = (map.width - kernelSize) / stride + 1
    walk.rowStride *= stride
    walk.pixelStride *= stride
    return walk
  }

  /// Calls `body` with each pixel's number within the range and its place.
  @inline(__always)
  func forEach(in range: Range<Int>, _ body: (_ index: Int, _ offset: Int) -> Void) {
    var column = range.lowerBound % width
    var row = range.lowerBound / width % height
    var sample = range.lowerBound / (width * height)
    var offset = base + sample * sampleStride + row * rowStride + column * pixelStride
    for index in 0..<range.count {
      body(index, offset)
      column += 1
      offset += pixelStride
      if column == width {
        column = 0
        row += 1
        if row == height {
          row = 0
          sample += 1
        }
        offset = base + sample * sampleStride + row * rowStride
      }
    }
  }
}
