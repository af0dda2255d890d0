/// A dense array of single-precision numbers.
///
/// Pictures and feature maps are `[N, H, W, C]`, channels last; the last axis is contiguous.
public struct Tensor: Sendable, Equatable {
  /// The length of every axis.
  public let shape: [Int]
  /// The elements, last axis fastest.
  public var values: [Float]

  /// A tensor of given elements.
  ///
  /// - Precondition: `values.count` is the product of `shape`.
  public init(shape: [Int], values: [Float]) {
    precondition(
      values.count == shape.reduce(1, *),
      "a tensor of shape \(shape) holds \(shape.reduce(1, *)) elements, not \(values.count)")
    self.shape = shape
    self.values = values
  }

  /// A tensor full of zeros.
  public init(zeros shape: [Int]) {
    self.shape = shape
    values = [Float](repeating: 0, count: shape.reduce(1, *))
  }

  /// A tensor whose every element `fill` writes.
  ///
  /// - Parameters:
  ///   - shape: The length of every axis.
  ///   - fill: Gets the uninitialised memory of all elements and must write each of them.
  public init(shape: [Int], fill: (UnsafeMutablePointer<Float>) -> Void) {
    self.shape = shape
    let count = shape.reduce(1, *)
    values = [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      if let base = buffer.baseAddress, count > 0 { fill(base) }
      initializedCount = count
    }
  }

  /// The number of elements.
  public var count: Int { values.count }

  /// The axes of a feature map by name.
  ///
  /// - Precondition: The tensor has four axes.
  public var map: FeatureMapShape { FeatureMapShape(shape) }

  /// Calls `body` with the memory of the elements.
  func withPointer<Result>(_ body: (UnsafePointer<Float>) -> Result) -> Result {
    values.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else {
        preconditionFailure("a tensor of shape \(shape) has no memory to compute on")
      }
      return body(base)
    }
  }
}

/// The axes of a feature map `[N, H, W, C]`.
public struct FeatureMapShape: Sendable, Equatable {
  /// Samples.
  public let batch: Int
  /// Rows.
  public let height: Int
  /// Columns.
  public let width: Int
  /// Channels.
  public let channels: Int

  /// Names four lengths.
  ///
  /// - Precondition: `shape` has four axes.
  public init(_ shape: [Int]) {
    precondition(shape.count == 4, "a feature map is [N, H, W, C], not \(shape)")
    batch = shape[0]
    height = shape[1]
    width = shape[2]
    channels = shape[3]
  }

  /// The four lengths, `[batch, height, width, channels]`.
  var axes: [Int] { [batch, height, width, channels] }

  /// Pixels of all samples together.
  public var pixelCount: Int { batch * height * width }
}
