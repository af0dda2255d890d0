public import Rasters

extension Slide {
  /// The side of the largest square that is asked of the library at once: 16 MiB of ARGB.
  static let largestRead = 2048

  /// The grid on which levels are read whose place OpenSlide interpolates; see `read`.
  static let alignedRead = 256

  /// Reads a region of one level, composited over the slide's background.
  ///
  /// A pixel depends on its place alone, never on the region asked for. Plainly stored TIFF levels give
  /// their pixels as stored. OpenSlide, which reads all others, places a read by level-0 coordinates;
  /// where the level's downsample is no whole number, a read that does not start at the corner falls
  /// between pixels and is interpolated (openslide issue 417). Such levels are read in squares of a fixed
  /// grid, so that overlapping reads agree; each square is off by at most half a level-0 pixel.
  ///
  /// - Parameters:
  ///   - region: In pixels of that level; may reach outside, where the background shows.
  ///   - level: The index of a level.
  /// - Returns: `[region.height, region.width]`.
  /// - Throws: ``SlideError/corrupt(path:reason:)`` where a tile cannot be decoded, and
  ///   ``SlideError/unsupported(path:reason:)`` for a level that OpenSlide would read as garbage.
  /// - Precondition: `level` is in `levels.indices`.
  /// - Complexity: One pass; allocates the result and at most 16 MiB.
  public func read(_ region: PixelRegion, level: Int) throws(SlideError) -> RGBImage {
    precondition(levels.indices.contains(level), "level \(level) of \(levels.count)")
    var result = RGBImage(width: region.width, height: region.height, filledWith: background)
    let inside = region.intersection(levels[level].bounds)
    guard !inside.isEmpty else { return result }
    if let tiles, tiles.reads(level: level) {
      if try tiles.read(into: &result, at: region, level: level) { return result }
    }
    if misreadLevels.contains(level) {
      throw .unsupported(path: path, reason: "level \(level) is smaller than one of its tiles")
    }
    let isAligned = levels[level].openSlideDownsample.rounded() == levels[level].openSlideDownsample
    let step = isAligned ? Slide.largestRead : Slide.alignedRead
    let buffer = UnsafeMutablePointer<UInt32>.allocate(capacity: step * step)
    defer { buffer.deallocate() }
    // The corner of the first square: the region's own where any corner is exact, else the grid's.
    let firstX = isAligned ? inside.x : inside.x / step * step
    let firstY = isAligned ? inside.y : inside.y / step * step
    for y in stride(from: firstY, to: inside.maxY, by: step) {
      for x in stride(from: firstX, to: inside.maxX, by: step) {
        let square = PixelRegion(x: x, y: y, width: step, height: step)
          .intersection(isAligned ? inside : levels[level].bounds)
        try read(square, level: level, into: buffer)
        Compositing.copy(
          buffer, of: square, to: &result, at: region, limitedTo: inside, over: background)
      }
    }
    return result
  }

  private func read(
    _ square: PixelRegion, level: Int, into buffer: UnsafeMutablePointer<UInt32>
  ) throws(SlideError) {
    let factor = levels[level].openSlideDownsample
    try handle.read(
      into: buffer, level0X: Int((Double(square.x) * factor).rounded()),
      level0Y: Int((Double(square.y) * factor).rounded()), level: level, width: square.width,
      height: square.height)
  }
}
