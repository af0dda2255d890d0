public import Networks
public import Rasters
import Stitching
public import Tensors

/// A segmenter that names the classes of a slide, tile by tile.
public struct SlideSegmenter: Sendable {
  /// The network.
  public let predictor: SegmentationPredictor
  /// The classes' names in the order of the network's outputs.
  public let names: [String]
  /// Threads and kernels.
  public let context: ComputeContext

  /// Joins a network and the names of its classes.
  ///
  /// - Precondition: There is a name for each class.
  public init(predictor: SegmentationPredictor, names: [String], context: ComputeContext) {
    precondition(
      names.count == predictor.network.classCount,
      "\(names.count) names of \(predictor.network.classCount) classes")
    self.predictor = predictor
    self.names = names
    self.context = context
  }

  /// The classes of a region, the same wherever it is cut out: it is read with all that its classes depend on,
  /// on a grid that starts at (0, 0); beyond the slide its mirror image.
  ///
  /// - Parameters:
  ///   - region: Its corner lies on a multiple of the network's `sizeMultiple`.
  ///   - source: The slide at the network's pixel size.
  /// - Returns: One class a pixel, row by row.
  /// - Throws: What the source throws.
  func classes(of region: PixelRegion, in source: any PixelSource) throws -> [UInt8] {
    let (multiple, reach) = (predictor.network.sizeMultiple, predictor.network.reach)
    precondition(
      region.x.isMultiple(of: multiple) && region.y.isMultiple(of: multiple),
      "a region from (\(region.x), \(region.y)) off the network's grid of \(multiple)")
    func whole(_ length: Int) -> Int { (length + multiple - 1) / multiple * multiple }
    let window = PixelRegion(
      x: region.x - reach, y: region.y - reach, width: whole(region.width) + 2 * reach,
      height: whole(region.height) + 2 * reach)
    let image = try ReflectedSource(source).read(window)
    let classes = try predictor.classes(
      Tensor(
        shape: [1, window.height, window.width, 3],
        values: image.pixels.map { Float($0) / 127.5 - 1 }), context: context)
    return (0..<region.height).flatMap { row in
      let start = (row + reach) * window.width + reach
      return classes[start..<start + region.width]
    }
  }
}

extension ConversionComparison {
  /// Compares the classes that one segmenter gives both slides.
  ///
  /// Over the same blocks as ``measured(parallelism:progress:)``, here of the segmenter's pixels: both sources
  /// have its pixel size. One tile at a time, on all threads; the result is the same for any number of them.
  ///
  /// - Parameters:
  ///   - segmenter: Reads both slides.
  ///   - progress: Told the number of tiles after each row of tiles; may throw to stop.
  /// - Returns: F1 of the classes; the real slide's are the truth.
  /// - Throws: ``EvaluationError/nothingToCompare``, what the sources throw, what `progress` throws.
  public func classScores(
    by segmenter: SlideSegmenter, progress: (_ tileCount: Int) throws -> Void = { _ in }
  ) throws -> SegmentationScores {
    try scores(names: segmenter.names, progress: progress) { tile in
      let truth = try segmenter.classes(of: tile, in: real).map { Optional($0) }
      return (truth, try segmenter.classes(of: tile, in: generated))
    }
  }

  /// Compares the classes that a segmenter gives the real slide with those that somebody drew: what the score of
  /// a conversion cannot be expected to exceed.
  ///
  /// - Parameters:
  ///   - segmenter: Reads the real slide.
  ///   - labels: The drawn class of every pixel of a region, nothing where none was drawn.
  ///   - progress: Told the number of tiles after each row of tiles; may throw to stop.
  /// - Returns: F1 of the classes; the drawn ones are the truth.
  /// - Throws: As ``classScores(by:progress:)``.
  public func ceilingScores(
    of segmenter: SlideSegmenter, labels: (PixelRegion) throws -> [UInt8?],
    progress: (_ tileCount: Int) throws -> Void = { _ in }
  ) throws -> SegmentationScores {
    try scores(names: segmenter.names, progress: progress) { tile in
      (try labels(tile), try segmenter.classes(of: tile, in: real))
    }
  }

  private func scores(
    names: [String], progress: (_ tileCount: Int) throws -> Void,
    classes: (PixelRegion) throws -> (truth: [UInt8?], found: [UInt8])
  ) throws -> SegmentationScores {
    let bounds = PixelRegion(x: 0, y: 0, width: real.width, height: real.height)
    let none = ConfusionCounts(classCount: names.count)
    var grid = SumGrid(width: real.width, height: real.height, of: none)
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        let tile = PixelRegion(
          x: column * Self.tile, y: row * Self.tile, width: Self.tile, height: Self.tile
        ).intersection(bounds)
        var flags = try flags(tile, truth: real.read(tile), at: tile)
        _ = clearOutside(&flags, of: tile)
        guard flags.contains(true) else { continue }
        let (truth, found) = try classes(tile)
        for (pixel, isCompared) in flags.enumerated() where isCompared {
          guard let label = truth[pixel] else { continue }
          let (x, y) = (tile.x + pixel % tile.width, tile.y + pixel / tile.width)
          let side = SumGrid<ConfusionCounts>.side
          grid.blocks[y / side * grid.columnCount + x / side].add(
            real: Int(label), found: Int(found[pixel]))
        }
      }
      try progress(columnCount)
    }
    guard
      let scores = SegmentationScores(grid, names: names, pixelSizeMicrons: pixelSize.mean)
    else { throw EvaluationError.nothingToCompare }
    return scores
  }
}
