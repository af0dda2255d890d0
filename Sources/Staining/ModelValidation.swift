import Networks
import Rasters
import Stitching
public import Tensors

/// `[N, H, W, 3]` in [−1, 1] to as much of the other stain.
public typealias TilePrediction = @Sendable (Tensor) throws -> Tensor

/// Looks at a model as it would convert.
struct ModelValidation: Sendable {
  let data: TrainingData
  let tileLimit: Int
  /// What is taken of every tile.
  let measure: any ValidationMeasure

  /// Tiles that are predicted at once.
  private static let batchSize = 4

  /// Evenly drawn indices of a list.
  static func drawn(_ limit: Int, of count: Int) -> [Int] {
    guard count > limit else { return Array(0..<count) }
    return (0..<limit).map { $0 * count / limit }
  }

  /// Compares predictions with the truth; nothing where there is no validation tile.
  ///
  /// - Parameters:
  ///   - predict: The model.
  ///   - forEach: Runs independent work.
  /// - Returns: The figures over the drawn tiles.
  /// - Throws: What reading the tiles throws.
  func figures(
    of predict: TilePrediction, forEach: ForEach
  ) throws -> ModelFigures? {
    let indices = Self.drawn(tileLimit, of: data.validation.count)
    guard !indices.isEmpty else { return nil }
    var sums: [Double] = []
    for first in stride(from: 0, to: indices.count, by: Self.batchSize) {
      let group = Array(indices[first..<min(indices.count, first + Self.batchSize)])
      let batch = try data.validation.batch(
        group.map { TileOrder.Sample(index: $0, turn: 0) })
      let output = try predict(batch.input)
      let size = data.validation.tileSize
      let valueCount = size * size * 3
      let compared = try collected(count: group.count, forEach: forEach) { position in
        let real = try data.validation.picture(group[position]).cropped(
          to: PixelRegion(x: size, y: 0, width: size, height: size))
        return measure.sums(
          prediction: output.values[(position * valueCount)..<((position + 1) * valueCount)],
          truth: real)
      }
      for tile in compared {
        sums = sums.isEmpty ? tile : zip(sums, tile).map { $0 + $1 }
      }
    }
    return measure.figures(sums: sums, tileCount: indices.count)
  }

  /// Input | generated | real, one fixed tile a row, for people to look at.
  func samples(of predict: TilePrediction, count: Int = 4) throws -> RGBImage {
    let pairs = data.validation.count > 0 ? data.validation : data.train
    let indices = Self.drawn(count, of: pairs.count)
    let size = pairs.tileSize
    var grid = RGBImage(width: 3 * size, height: indices.count * size)
    for (row, index) in indices.enumerated() {
      let picture = try pairs.picture(index)
      let batch = try pairs.batch([TileOrder.Sample(index: index, turn: 0)])
      let output = try predict(batch.input)
      let y = row * size
      grid.paste(picture, x: 0, y: y)
      grid.paste(
        picture.cropped(to: PixelRegion(x: size, y: 0, width: size, height: size)),
        x: 2 * size, y: y)
      grid.paste(Levels.image(output.values[...], size: size), x: size, y: y)
    }
    return grid
  }
}

/// Between 8-bit levels and the range of the networks.
enum Levels {
  /// `v / 127.5 − 1`: a square picture as `[size, size, 3]` in [−1, 1].
  static func values(_ image: RGBImage) -> [Float] { image.pixels.map { Float($0) / 127.5 - 1 } }

  /// `(x + 1) · 127.5`, rounded half up and clamped; 0 for what is no number.
  static func levels(_ values: some Sequence<Float>) -> [UInt8] {
    // The second of two numbers is what `max` gives where the first is none.
    values.map { $0.isNaN ? 0 : UInt8(min(max(($0 + 1) * 127.5 + 0.5, 0), 255.5)) }
  }

  /// The levels of a square picture.
  static func image(_ values: ArraySlice<Float>, size: Int) -> RGBImage {
    RGBImage(width: size, height: size, pixels: levels(values))
  }
}
