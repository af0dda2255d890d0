/// A minimal-filtering algorithm F(m × m, r × r): tiles of m × m results of a convolution with r × r taps and
/// stride 1 from (m + r − 1)² products for every pair of channels instead of m² r².
///
/// Reference: Lavin and Gray 2016, arXiv 1509.09308; the points are those of the kernels.
public struct WinogradTransform: Sendable, Hashable {
  /// Rows and columns of results in a tile, m.
  public let outputSize: Int
  /// Taps along an axis, r.
  public let kernelSize: Int

  private init(outputSize: Int, kernelSize: Int) {
    self.outputSize = outputSize
    self.kernelSize = kernelSize
  }

  /// F(4 × 4, 2 × 2): 25 products for 64, and 6.25 times the weights.
  public static let wideHalving = WinogradTransform(outputSize: 4, kernelSize: 2)
  /// F(2 × 2, 2 × 2): 9 products for 16, and 2.25 times the weights, for layers bound by reading them.
  public static let narrowHalving = WinogradTransform(outputSize: 2, kernelSize: 2)
  /// F(4 × 4, 3 × 3): 36 products for 144.
  public static let centred = WinogradTransform(outputSize: 4, kernelSize: 3)
  /// F(3 × 3, 4 × 4): 36 products for 144.
  public static let overlapping = WinogradTransform(outputSize: 3, kernelSize: 4)

  /// Rows and columns of input that a tile of results needs.
  var tileSize: Int { outputSize + kernelSize - 1 }
  /// Products for every pair of channels and tile.
  var positionCount: Int { tileSize * tileSize }

  /// G, `[tileSize, kernelSize]`: takes weights to the products' side.
  ///
  /// A finite point `a` has the row `(1, a, a², …) / Π (a − other)`, infinity `(0, …, 0, 1)`.
  var weightMatrix: [Float] {
    let points = (0..<tileSize - 1).map {
      Double(KernelFamily.interpolationPoint(size: tileSize, index: $0))
    }
    var matrix: [Float] = []
    for (index, point) in points.enumerated() {
      var scale = 1.0
      for (other, value) in points.enumerated() where other != index { scale *= point - value }
      var power = 1.0
      for _ in 0..<kernelSize {
        matrix.append(Float(power / scale))
        power *= point
      }
    }
    return matrix + [Float](repeating: 0, count: kernelSize - 1) + [1]
  }

  /// Gᵀ, `[kernelSize, tileSize]`: takes products' gradients to weights'.
  var weightMatrixTransposed: [Float] {
    let matrix = weightMatrix
    return (0..<kernelSize * tileSize).map {
      matrix[$0 % tileSize * kernelSize + $0 / tileSize]
    }
  }
}
