import Rasters
import Slides

extension PairedDatasetMaker {
  /// The squares of a case's fixed slide with their splits: those that the data set knows, or new ones, which
  /// are added to its index.
  func squares(
    for fixedInput: DatasetIndex.Input, source: any TileSource, fixed: Slide,
    previous: DatasetIndex.Case?, index: inout DatasetIndex
  ) throws -> [SplitSquare] {
    if index.splitUnit == .case {
      // Sections of one H&E show the same tissue: they stay together. A case that is replaced counts last.
      let sibling = (index.cases + [previous].compactMap(\.self)).first {
        $0.fixed.hash == fixedInput.hash
      }
      var counts: [DatasetSplit: Int] = [:]
      for split in DatasetSplit.allCases { counts[split] = index.tileCount(split) }
      let split = sibling?.split ?? index.shares.mostWanting(tileCounts: counts)
      return [
        SplitSquare(
          x: 0, y: 0, width: source.fixed.width, height: source.fixed.height, split: split)
      ]
    }
    if let known = index.fixedSlides.first(where: { $0.hash == fixedInput.hash }) {
      let frame = PixelRegion(x: 0, y: 0, width: source.fixed.width, height: source.fixed.height)
      guard known.squares.allSatisfy({ $0.region.intersection(frame) == $0.region }) else {
        throw StainingError.malformedDataset(
          path: folder, reason: "its squares of \(known.file) lie beyond that slide")
      }
      return known.squares
    }
    let coarse = max(TissueMap.pixelSize, source.fixed.pixelSize.mean)
    let overview = try fixed.source(pixelSize: coarse, option: "--fixed-pixel-size")
    let tissue = try TissueMap(
      of: overview, pixelSize: overview.pixelSize.mean, fillings: source.fixedFillings)
    let found = SplitSquares.tissueSquares(
      tissue: tissue, width: source.fixed.width, height: source.fixed.height,
      pixelSize: source.fixed.pixelSize, tileSize: index.tileSize)
    guard found.squares.count >= SplitSquares.leastCount else {
      throw StainingError.tooLittleTissue(
        path: fixed.path, squareCount: found.squares.count)
    }
    let squares = SplitSquares.divided(
      found.squares, slideHash: fixedInput.hash, shares: index.shares)
    index.fixedSlides.append(
      DatasetIndex.FixedSlide(
        file: fixedInput.file, hash: fixedInput.hash, squareEdge: found.edge, squares: squares))
    return squares
  }
}
