import Foundation
public import Rasters
import Synchronization
import Tensors

extension SectionImage {
  /// Reads a whole slide at the working pixel size, by area, in blocks.
  ///
  /// - Parameters:
  ///   - source: The slide, or one level of it, from (0, 0); best the coarsest level not coarser than `pixelSize`.
  ///   - sourcePixelSize: Microns a pixel of `source`.
  ///   - frame: The slide's own size and pixel size.
  ///   - pixelSize: Microns a pixel of the section, square.
  ///   - threadCount: Blocks read at the same time.
  ///   - block: Called before each block; throws to stop.
  /// - Throws: What the source or `block` throws, the error of the first block that failed.
  public init(
    reading source: any PixelSource, sourcePixelSize: PixelSize, frame: SectionFrame,
    pixelSize: Double = RegistrationOptions.workingPixelSize, threadCount: Int = 1,
    beforeEachBlock block: @Sendable () throws -> Void = {}
  ) throws {
    let (width, height) = Self.size(of: frame, pixelSize: pixelSize)
    let resampled = ResampledSource(
      source, ratio: (pixelSize / sourcePixelSize.x, pixelSize / sourcePixelSize.y), width: width,
      height: height)
    let side = 128
    let columns = (width + side - 1) / side
    let rows = (height + side - 1) / side
    let collected = Mutex(Collected(image: RGBImage(width: width, height: height)))
    Parallelism(threadCount: threadCount).forEach(count: columns * rows) { @Sendable index in
      guard collected.withLock({ $0.failure == nil }) else { return }
      let region = PixelRegion(
        x: index % columns * side, y: index / columns * side,
        width: min(side, width - index % columns * side),
        height: min(side, height - index / columns * side))
      do {
        try block()
        let piece = try resampled.read(region)
        collected.withLock { $0.image.paste(piece, x: region.x, y: region.y) }
      } catch {
        collected.withLock { $0.failure = $0.failure ?? error }
      }
    }
    let outcome = collected.withLock { $0 }
    if let failure = outcome.failure { throw failure }
    self.init(image: outcome.image, pixelSize: pixelSize, frame: frame)
  }

  private struct Collected {
    var image: RGBImage
    var failure: (any Error)?
  }
}
