import Foundation

/// The weight of a tile's pixels along one axis.
///
/// With `q = overlap / 4` and `r = overlap − 2q`: 0 over the outer `q` pixels, then `r` pixels of raised
/// cosine `½ − ½ cos(π (k + ½) / r)`, then 1; the other side is its mirror image, computed as one minus
/// the neighbour's ramp. Neighbouring windows therefore sum to 1 at every pixel. A side that has no
/// neighbour keeps weight 1 to the edge.
public enum BlendWindow {
  /// The weights of one tile.
  ///
  /// - Parameters:
  ///   - tileSize: Edge of the tile, in pixels.
  ///   - overlap: Pixels shared with each neighbour, 0…tileSize / 2.
  ///   - hasPrevious: Whether a tile lies before this one.
  ///   - hasNext: Whether a tile follows.
  /// - Returns: `tileSize` weights, 0…1.
  public static func weights(
    tileSize: Int, overlap: Int, hasPrevious: Bool = true, hasNext: Bool = true
  ) -> [Float] {
    var weights = [Float](repeating: 1, count: tileSize)
    let discarded = overlap / 4
    let rampLength = overlap - 2 * discarded
    for index in 0..<overlap {
      let rising: Float =
        if index < discarded {
          0
        } else if index < discarded + rampLength {
          Float(0.5 - 0.5 * cos(Double.pi * (Double(index - discarded) + 0.5) / Double(rampLength)))
        } else {
          1
        }
      if hasPrevious { weights[index] = rising }
      if hasNext { weights[tileSize - overlap + index] = 1 - rising }
    }
    return weights
  }
}
