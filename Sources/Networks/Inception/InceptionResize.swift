public import Tensors

/// How pictures come to the 299 pixels a side and the range that the network of FID takes: two published ways,
/// whose figures differ by tenths.
public enum InceptionResize: String, CaseIterable, Sendable, Codable {
  /// `v / 255`, bilinear between centres of pixels, `2x − 1`.
  ///
  /// Reference: github.com/mseitzer/pytorch-fid, src/pytorch_fid/inception.py, `forward`.
  case pytorchFID = "pytorch-fid"
  /// Bilinear with `source = target · input / output`, as TensorFlow 1 did, then `(v − 128) / 128`.
  ///
  /// Reference: github.com/toshas/torch-fidelity, torch_fidelity/interpolate_compat_tensorflow.py.
  case torchFidelity = "torch-fidelity"

  /// Pictures as the network takes them.
  ///
  /// - Parameters:
  ///   - pictures: One or more, each `height · width` pixels of red, green and blue.
  ///   - width: Columns of each.
  ///   - height: Rows of each.
  /// - Returns: `[N, 299, 299, 3]`.
  public func prepared(_ pictures: [[UInt8]], width: Int, height: Int) -> Tensor {
    let side = InceptionLayout.side
    let rows = Self.taps(self, from: height)
    let columns = Self.taps(self, from: width)
    let scale: Float = self == .pytorchFID ? 2 : 1 / 128
    return Tensor(shape: [pictures.count, side, side, 3]) { output in
      for (index, pixels) in pictures.enumerated() {
        precondition(
          pixels.count == width * height * 3, "\(pixels.count) bytes for \(width) × \(height)")
        let values = pixels.map { self == .pytorchFID ? Float($0) / 255 : Float($0) }
        var target = output + index * side * side * 3
        for row in rows {
          for column in columns {
            let corners = (
              (row.first * width + column.first) * 3, (row.first * width + column.second) * 3,
              (row.second * width + column.first) * 3, (row.second * width + column.second) * 3
            )
            for channel in 0..<3 {
              let upper =
                values[corners.0 + channel] * (1 - column.share)
                + values[corners.1 + channel] * column.share
              let lower =
                values[corners.2 + channel] * (1 - column.share)
                + values[corners.3 + channel] * column.share
              target[channel] =
                (upper * (1 - row.share) + lower * row.share) * scale - 1
            }
            target += 3
          }
        }
      }
    }
  }

  /// The two pixels of an axis between which a target pixel lies, and the share of the second.
  private struct Tap {
    let first: Int
    let second: Int
    let share: Float
  }

  private static func taps(_ way: InceptionResize, from length: Int) -> [Tap] {
    let ratio = Float(length) / Float(InceptionLayout.side)
    return (0..<InceptionLayout.side).map { index in
      let place =
        way == .pytorchFID
        ? max(0, (Float(index) + 0.5) * ratio - 0.5) : Float(index) * ratio
      let first = min(length - 1, Int(place))
      return Tap(
        first: first, second: min(length - 1, first + 1), share: place - Float(first))
    }
  }
}
