/// What a tile's own values are normalised with: mean and biased variance of every channel at every
/// normalisation of a generator, in the order of its state.
public struct TileStatistics: Sendable, Equatable {
  let mean: [Float]
  let variance: [Float]
}

/// The statistics of a tile and its eight neighbours.
///
/// At every pixel they are those of a window that is one stride wide to each side and falls off linearly:
/// the mixture of the up to four tiles whose centres are nearest, weighted bilinearly. Two tiles that show
/// the same place of a slide so normalise it alike, which leaves no seam; within each other's reach colours
/// pass from the one to the other. Tiles without statistics (glass) do not weigh.
///
/// Reference: Ho et al. 2022, "Ultra-high-resolution unpaired stain transformation via kernelized instance
/// normalization", ECCV. There each tile has one smoothed statistic; here each pixel has, so that none
/// jumps at a tile's border.
public struct StatisticsNeighbourhood: Sendable {
  /// Row by row, the tile itself in the middle; nil where there is nothing to convert.
  let tiles: [TileStatistics?]
  /// Pixels of the input from one tile's start to the next one's.
  let stride: Int

  /// Gathers nine tiles.
  ///
  /// - Precondition: There are nine, the middle one among them.
  public init(tiles: [TileStatistics?], stride: Int) {
    precondition(
      tiles.count == 9 && tiles[4] != nil && stride > 0, "a neighbourhood of \(tiles.count) tiles")
    self.tiles = tiles
    self.stride = stride
  }
}

/// The nine statistics of one normalisation, ready for its map.
struct NeighbourhoodMoments {
  /// Centred on the middle tile's mean, so that a variance from moments loses no digits.
  private let centre: [Float]
  /// `[9][C]`: mean less `centre`, and mean square about `centre`.
  private let means: [[Float]]
  private let squares: [[Float]]
  private let isPresent: [Bool]
  private let stride: Int
  private let channelCount: Int

  // `channels` are the normalisation's among all of a tile's statistics.
  init(_ neighbourhood: StatisticsNeighbourhood, channels: Range<Int>) {
    let centre = Array(neighbourhood.tiles[4]?.mean[channels] ?? [])
    self.centre = centre
    channelCount = channels.count
    stride = neighbourhood.stride
    isPresent = neighbourhood.tiles.map { $0 != nil }
    var means: [[Float]] = []
    var squares: [[Float]] = []
    for tile in neighbourhood.tiles {
      guard let tile else {
        means.append([Float](repeating: 0, count: channels.count))
        squares.append(means[means.count - 1])
        continue
      }
      means.append(zip(tile.mean[channels], centre).map { $0 - $1 })
      squares.append(
        zip(tile.variance[channels], means[means.count - 1]).map { $0 + $1 * $1 })
    }
    self.means = means
    self.squares = squares
  }

  /// The weights of the tile before, the tile itself and the one after at the centre of a map's pixel.
  private func weights(_ index: Int, of count: Int, tileSize: Int) -> (Float, Float, Float) {
    let place = (Float(index) + 0.5) * Float(tileSize) / Float(count) - Float(tileSize) / 2
    let share = min(1, abs(place) / Float(stride))
    return (place < 0 ? share : 0, 1 - share, place > 0 ? share : 0)
  }

  /// Normalises one row of a map: `γ · (x − μ) / √(σ² + ε) + β` with `μ` and `σ²` of the pixel's place.
  ///
  /// `values` is `[width, C]` and replaced; `tileSize` tells how many pixels of the input the map covers.
  func normalize(
    row: Int, height: Int, width: Int, tileSize: (height: Int, width: Int),
    values: UnsafeMutablePointer<Float>, weight: ArraySlice<Float>, bias: ArraySlice<Float>,
    epsilon: Float
  ) {
    let (above, middle, below) = weights(row, of: height, tileSize: tileSize.height)
    let vertical = [above, middle, below]
    // Three columns of tiles, summed along the row's own direction.
    var sums = [[Float]](repeating: [Float](repeating: 0, count: channelCount), count: 6)
    var totals: [Float] = [0, 0, 0]
    for column in 0..<3 {
      for tile in 0..<3 where isPresent[3 * tile + column] && vertical[tile] > 0 {
        let share = vertical[tile]
        totals[column] += share
        for channel in 0..<channelCount {
          sums[column][channel] += share * means[3 * tile + column][channel]
          sums[3 + column][channel] += share * squares[3 * tile + column][channel]
        }
      }
    }
    for x in 0..<width {
      let (left, own, right) = weights(x, of: width, tileSize: tileSize.width)
      let side = left > 0 ? 0 : 2
      let share = left + right
      // The tile itself is present, and its weight is above 0 everywhere within it.
      let total = own * totals[1] + share * totals[side]
      let (a, b) = (own / total, share / total)
      let pixel = values + x * channelCount
      sums[1].withUnsafeBufferPointer { ownMean in
        sums[side].withUnsafeBufferPointer { sideMean in
          sums[4].withUnsafeBufferPointer { ownSquare in
            sums[3 + side].withUnsafeBufferPointer { sideSquare in
              centre.withUnsafeBufferPointer { centre in
                weight.withUnsafeBufferPointer { weight in
                  bias.withUnsafeBufferPointer { bias in
                    for channel in 0..<channelCount {
                      let mean = a * ownMean[channel] + b * sideMean[channel]
                      let square = a * ownSquare[channel] + b * sideSquare[channel]
                      let deviation = (max(0, square - mean * mean) + epsilon).squareRoot()
                      pixel[channel] =
                        (pixel[channel] - centre[channel] - mean) * (weight[channel] / deviation)
                        + bias[channel]
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
