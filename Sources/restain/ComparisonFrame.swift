import CommandLineKit
import Evaluation
import Foundation
import Pictures
import Rasters
import Registration
import Slides
import Staining
import Tensors

/// The frame in which slides are compared: that of the real slide, at the coarser of both pixel sizes.
struct ComparisonFrame {
  /// The real slide at the pixel size of the comparison.
  let real: SlideSource
  /// Microns a level-0 pixel of the real slide.
  let realPixelSize: PixelSize
  /// The generated slide in its own frame.
  let generated: Slide
  /// Microns a level-0 pixel of the generated slide.
  let generatedPixelSize: PixelSize
  /// What is compared, in pixels of `real`; nothing where the tissue decides.
  let mask: (any PixelSource)?
  /// The colours that fill what was not scanned of the real slide; none where a mask decides.
  let fillings: [RGBColor]
  /// Maps points of the real slide to those of the generated one; nothing where both are of one frame.
  let transform: SectionTransform?

  /// Two pixel sizes this near are the same, as in `convert`.
  static let equalTolerance = 0.005

  init(_ context: CommandContext) throws {
    let verb = EvaluateConversionCommand.self
    let realSlide = try context.openSlide(context[verb.real], pixelSize: verb.realPixelSize)
    generated = try context.openSlide(context[verb.generated], pixelSize: verb.generatedPixelSize)
    let realSize = try realSlide.requirePixelSize(option: "--real-pixel-size")
    realPixelSize = realSize
    generatedPixelSize = try generated.requirePixelSize(option: "--generated-pixel-size")
    if let path = context[verb.transform] {
      let transform = try TransformInputs.transform(path)
      try transform.fixed.requireSameExtent(as: Self.frame(realSlide, realSize))
      try transform.moving.requireSameExtent(as: Self.frame(generated, generatedPixelSize))
      self.transform = transform
      real = try realSlide.source(pixelSize: max(realSize.mean, generatedPixelSize.mean))
    } else {
      transform = nil
      guard
        abs(realSize.x / generatedPixelSize.x - 1) <= Self.equalTolerance,
        abs(realSize.y / generatedPixelSize.y - 1) <= Self.equalTolerance
      else {
        throw EvaluationError.pixelSizeMismatch(real: realSize, generated: generatedPixelSize)
      }
      real = try realSlide.source(pixelSize: realSize.mean)
    }
    mask = try context[verb.mask].map { [real] in
      try Self.mask($0, width: real.width, height: real.height)
    }
    let parallelism = Parallelism(threadCount: try context.threadCount)
    fillings =
      mask == nil
      ? try realSlide.fillings(option: "--real-pixel-size") { count, body in
        parallelism.forEach(count: count, body)
      } : []
  }

  /// The comparison of a raster in the frame of the real slide with it.
  func comparison(with source: any PixelSource) throws -> ConversionComparison {
    try ConversionComparison(
      real: real, generated: source, pixelSize: real.pixelSize, mask: mask, fillings: fillings,
      isImaged: isImaged)
  }

  /// The generated slide as it lies over the real one.
  func generatedInFrame() throws -> any PixelSource {
    guard transform != nil else { return generated.level0Source }
    let source = try generated.source(pixelSize: real.pixelSize.mean)
    return inFrame(source, pixelSize: source.pixelSize)
  }

  /// A raster in the frame of the generated slide as it lies over the real one.
  func inFrame(_ source: any PixelSource, pixelSize: PixelSize) -> any PixelSource {
    guard let transform else { return source }
    return WarpedSource(
      source, movingPixelSize: pixelSize, transform: transform, pixelSize: real.pixelSize,
      width: real.width, height: real.height)
  }

  /// Whether every part of a region of the real slide was imaged for the generated one; nothing where both
  /// are of one frame.
  var isImaged: (@Sendable (PixelRegion) -> Bool)? { isImaged(pixelSize: real.pixelSize) }

  /// The same for regions in pixels of another size.
  func isImaged(pixelSize size: PixelSize) -> (@Sendable (PixelRegion) -> Bool)? {
    guard let transform else { return nil }
    let moving = Self.frame(generated, generatedPixelSize).extent
    return { region in
      transform.liesOnMoving(
        origin: MicronPoint(x: Double(region.x) * size.x, y: Double(region.y) * size.y),
        size: MicronPoint(x: Double(region.width) * size.x, y: Double(region.height) * size.y),
        movingExtent: moving)
    }
  }

  private static func frame(_ slide: Slide, _ pixelSize: PixelSize) -> SectionFrame {
    SectionFrame(
      name: slide.path, width: slide.width, height: slide.height, pixelSize: pixelSize)
  }

  /// A mask of any size that shows the whole real slide, with so many pixels.
  static func mask(_ path: String, width: Int, height: Int) throws -> any PixelSource {
    let source: any PixelSource =
      path.lowercased().hasSuffix(".png")
      ? try PictureFile.readPNG(path: path) : try Slide(path: path).level0Source
    guard source.width != width || source.height != height else { return source }
    return ResampledSource(
      source,
      ratio: (Double(source.width) / Double(width), Double(source.height) / Double(height)),
      width: width, height: height)
  }
}
