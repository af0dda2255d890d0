/// A raster at another pixel size, made from a source as it is read.
///
/// Along each axis, output pixel `i` stands for source pixels `i · ratio ..< (i + 1) · ratio`. For a
/// ratio of 1 or more it is their area-weighted mean; below 1 it is read by cubic convolution (Keys 1981,
/// a = −½) at its centre. A value depends on the absolute index alone, never on the region asked for.
public struct ResampledSource: PixelSource {
  /// Columns of the output.
  public let width: Int
  /// Rows of the output.
  public let height: Int
  private let source: any PixelSource
  private let horizontal: ResamplingAxis
  private let vertical: ResamplingAxis

  /// Makes a resampled view of a source.
  ///
  /// - Parameters:
  ///   - source: What is read.
  ///   - ratio: Source pixels for one output pixel, along each axis; greater than 0.
  ///   - width: Columns of the output.
  ///   - height: Rows of the output.
  public init(
    _ source: any PixelSource, ratio: (x: Double, y: Double), width: Int, height: Int
  ) {
    precondition(ratio.x > 0 && ratio.y > 0, "a resampling ratio of \(ratio.x) × \(ratio.y)")
    self.source = source
    self.width = width
    self.height = height
    horizontal = ResamplingAxis(ratio: ratio.x, sourceCount: source.width)
    vertical = ResamplingAxis(ratio: ratio.y, sourceCount: source.height)
  }

  /// Reads a region of the resampled raster; white outside.
  ///
  /// - Parameter region: In pixels of the output.
  /// - Returns: The region's pixels, rounded half up once.
  /// - Throws: What the source throws.
  public func read(_ region: PixelRegion) throws -> RGBImage {
    let inside = region.intersection(PixelRegion(x: 0, y: 0, width: width, height: height))
    guard !inside.isEmpty else { return RGBImage(width: region.width, height: region.height) }
    let columns = horizontal.taps(for: inside.x..<inside.maxX)
    let rows = vertical.taps(for: inside.y..<inside.maxY)
    let image = try source.read(
      PixelRegion(
        x: columns.span.lowerBound, y: rows.span.lowerBound, width: columns.span.count,
        height: rows.span.count))
    let resampled = ResamplingAxis.apply(image, columns: columns, rows: rows)
    guard inside != region else { return resampled }
    return resampled.cropped(to: region.translated(x: -inside.x, y: -inside.y))
  }
}

/// The weights that turn a run of source pixels into one output pixel, for one axis.
struct ResamplingTaps {
  /// The source pixels that any output pixel needs; all inside the source.
  let span: Range<Int>
  /// For output `i`, its first source pixel relative to `span`.
  let starts: [Int]
  /// For output `i`, where its weights begin in `weights`; one more entry than there are outputs.
  let offsets: [Int]
  /// The weights, each output's summing to 1.
  let weights: [Float]
}

/// How one axis is resampled.
struct ResamplingAxis: Sendable {
  let ratio: Double
  let sourceCount: Int

  func taps(for outputs: Range<Int>) -> ResamplingTaps {
    var firsts: [Int] = []
    var offsets = [0]
    var weights: [Float] = []
    var low = Int.max
    var high = Int.min
    for output in outputs {
      let (first, values) = ratio >= 1 ? areaTaps(output) : cubicTaps(output)
      firsts.append(first)
      weights += values
      offsets.append(weights.count)
      low = min(low, first)
      high = max(high, first + values.count)
    }
    return ResamplingTaps(
      span: low..<high, starts: firsts.map { $0 - low }, offsets: offsets, weights: weights)
  }

  private func areaTaps(_ output: Int) -> (Int, [Float]) {
    // Nothing beyond the source has weight: the last pixel is the mean of what there is.
    let from = min(Double(output) * ratio, Double(sourceCount) - 1e-6)
    let to = min(Double(output + 1) * ratio, Double(sourceCount))
    let first = Int(from.rounded(.down))
    let last = max(first, Int((to - 1e-9).rounded(.down)))
    var values: [Double] = []
    for pixel in first...last {
      values.append(max(0, min(to, Double(pixel + 1)) - max(from, Double(pixel))))
    }
    let sum = values.reduce(0, +)
    guard sum > 0 else { return (first, [1]) }
    return (first, values.map { Float($0 / sum) })
  }

  private func cubicTaps(_ output: Int) -> (Int, [Float]) {
    let centre = (Double(output) + 0.5) * ratio - 0.5
    let base = Int(centre.rounded(.down))
    let kernel = CubicConvolution.weights(centre - Double(base))
    // Beyond the edge the last pixel repeats: its weights are gathered.
    let first = min(max(base - 1, 0), sourceCount - 1)
    let last = min(max(base + 2, 0), sourceCount - 1)
    var values = [Float](repeating: 0, count: last - first + 1)
    for (tap, weight) in kernel.enumerated() {
      values[min(max(base - 1 + tap, 0), sourceCount - 1) - first] += weight
    }
    return (first, values)
  }

  static func apply(_ image: RGBImage, columns: ResamplingTaps, rows: ResamplingTaps) -> RGBImage {
    let outputWidth = columns.starts.count
    let outputHeight = rows.starts.count
    let stride = outputWidth * 3
    var narrowed = [Float](repeating: 0, count: image.height * stride)
    var pixels = [UInt8](repeating: 0, count: outputHeight * stride)
    var sums = [Float](repeating: 0, count: stride)
    image.pixels.withUnsafeBufferPointer { source in
      narrowed.withUnsafeMutableBufferPointer { target in
        for row in 0..<image.height {
          let rowStart = row * image.width * 3
          for column in 0..<outputWidth {
            var red: Float = 0
            var green: Float = 0
            var blue: Float = 0
            var index = rowStart + columns.starts[column] * 3
            for tap in columns.offsets[column]..<columns.offsets[column + 1] {
              let weight = columns.weights[tap]
              red += weight * Float(source[index])
              green += weight * Float(source[index + 1])
              blue += weight * Float(source[index + 2])
              index += 3
            }
            let start = row * stride + column * 3
            target[start] = red
            target[start + 1] = green
            target[start + 2] = blue
          }
        }
      }
    }
    for row in 0..<outputHeight {
      for index in 0..<stride { sums[index] = 0 }
      var sourceRow = rows.starts[row]
      for tap in rows.offsets[row]..<rows.offsets[row + 1] {
        let weight = rows.weights[tap]
        let start = sourceRow * stride
        for index in 0..<stride { sums[index] += weight * narrowed[start + index] }
        sourceRow += 1
      }
      for index in 0..<stride {
        pixels[row * stride + index] = UInt8(max(0, min(255, (sums[index] + 0.5).rounded(.down))))
      }
    }
    return RGBImage(width: outputWidth, height: outputHeight, pixels: pixels)
  }
}
