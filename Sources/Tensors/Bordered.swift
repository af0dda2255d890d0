/// Maps with a border of zeros around them.
public enum Bordered {
  /// A map whose rows `fill` writes, inside a border of zeros.
  ///
  /// - Parameters:
  ///   - shape: The map without border.
  ///   - border: Pixels on every side.
  ///   - context: Threads and kernels.
  ///   - fill: Gets the number of a row, counted over all samples, and where its first pixel goes.
  /// - Returns: `[N, H + 2·border, W + 2·border, C]`.
  static func map(
    _ shape: FeatureMapShape, border: Int, context: ComputeContext,
    fill: @Sendable (_ row: Int, _ target: UnsafeMutablePointer<Float>) -> Void
  ) -> Tensor {
    let width = shape.width + 2 * border
    let height = shape.height + 2 * border
    let channels = shape.channels
    return Tensor(shape: [shape.batch, height, width, channels]) { output in
      nonisolated(unsafe) let output = output
      context.parallelism.forEachRange(
        count: shape.batch * height, length: max(1, 16384 / max(1, width * channels))
      ) { rows in
        for row in rows {
          let (sample, y) = (row / height, row % height - border)
          let target = output + row * width * channels
          guard y >= 0 && y < shape.height else {
            target.initialize(repeating: 0, count: width * channels)
            continue
          }
          target.initialize(repeating: 0, count: border * channels)
          (target + (border + shape.width) * channels).initialize(
            repeating: 0, count: border * channels)
          fill(sample * shape.height + y, target + border * channels)
        }
      }
    }
  }

  /// A copy of a map inside a border of zeros.
  ///
  /// - Parameters:
  ///   - tensor: `[N, H, W, C]`.
  ///   - border: Pixels on every side.
  ///   - context: Threads and kernels.
  /// - Returns: `[N, H + 2·border, W + 2·border, C]`.
  public static func copy(_ tensor: Tensor, border: Int, context: ComputeContext) -> Tensor {
    let map = tensor.map
    let length = map.width * map.channels
    return Bordered.map(map, border: border, context: context) { row, target in
      tensor.withPointer { target.initialize(from: $0 + row * length, count: length) }
    }
  }
}
