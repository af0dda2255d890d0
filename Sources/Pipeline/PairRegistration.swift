import Foundation
import Pictures
public import Rasters
public import Registration
public import Reporting
public import Slides

/// A pair of slides registered, with everything that is written about it.
public struct PairRegistration: Sendable {
  /// The map and the report; `seconds` and `peakMebibytes` are filled in.
  public let result: RegistrationResult
  /// Before | rigid | chosen, in two colours and as a checkerboard.
  public let overlay: RGBImage

  /// Reads two slides at the working pixel size and registers them.
  ///
  /// - Parameters:
  ///   - fixed: The reference slide.
  ///   - moving: The slide that is warped.
  ///   - options: How.
  ///   - finestPixelSize: Where it is below the working pixel size, the sections are bent further at half the
  ///     pixel size each time, down to this, as far as both slides have such pixels.
  ///   - time: The clock that `seconds` is read from.
  ///   - beforeEachBlock: Called while slides are read; throws to stop.
  /// - Throws: `SlideError` for a slide without pixel size or that cannot be read, or what
  ///   `beforeEachBlock` throws.
  public init(
    fixed: Slide, moving: Slide, options: RegistrationOptions,
    finestPixelSize: Double = RegistrationOptions.workingPixelSize, time: any TimeSource,
    beforeEachBlock: @Sendable () throws -> Void = {}
  ) throws {
    let start = time.seconds
    let pixelSize = RegistrationOptions.workingPixelSize
    let fixedImage = try Self.image(
      fixed, option: "--fixed-pixel-size", pixelSize: pixelSize, threadCount: options.threadCount,
      beforeEachBlock)
    let movingImage = try Self.image(
      moving, option: "--moving-pixel-size", pixelSize: pixelSize, threadCount: options.threadCount,
      beforeEachBlock)
    var result = try SectionRegistration.register(
      fixed: fixedImage, moving: movingImage, options: options,
      fine: Self.fineSections(
        fixed: (fixed, fixedImage.frame), moving: (moving, movingImage.frame),
        finestPixelSize: finestPixelSize))
    overlay = RegistrationOverlay.picture(
      fixed: fixedImage, moving: movingImage, result: result, threadCount: options.threadCount)
    result.report.seconds = time.seconds - start
    result.report.peakMebibytes = Double(ProcessMemory.peakBytes() ?? 0) / 1_048_576
    self.result = result
  }

  /// The frame of a slide, named by its file.
  ///
  /// - Parameters:
  ///   - slide: The slide.
  ///   - option: The option that a message names where the slide has no pixel size.
  /// - Returns: Level-0 size and pixel size.
  /// - Throws: `SlideError.missingPixelSize`.
  public static func frame(of slide: Slide, option: String) throws(SlideError) -> SectionFrame {
    SectionFrame(
      name: URL(fileURLWithPath: slide.path).lastPathComponent, width: slide.width,
      height: slide.height, pixelSize: try slide.requirePixelSize(option: option))
  }

  /// The memory that a registration takes, in bytes; finer levels are read in pieces and add little.
  ///
  /// - Parameter frames: The sections that are held at once, two for a pair.
  /// - Returns: An estimate: two sections of 10 mm take 500 to 530 MiB.
  public static func predictedMemory(of frames: [SectionFrame]) -> Int {
    frames.reduce(64 << 20) { sum, frame in
      let pixelSize = max(RegistrationOptions.workingPixelSize, frame.pixelSize.mean)
      let size = SectionImage.size(of: frame, pixelSize: pixelSize)
      return sum + 42 * size.width * size.height
    }
  }

  /// The paths of what ``write(to:stem:)`` writes.
  public static func paths(in folder: String, stem: String) -> [String] {
    [FileNames.transform(section: stem), FileNames.overlay(section: stem), "\(stem).register.json"]
      .map { URL(fileURLWithPath: folder).appendingPathComponent($0).path }
  }

  /// Writes `<stem>.transform.json`, `<stem>.overlay.jpg` and `<stem>.register.json`.
  ///
  /// - Parameters:
  ///   - folder: Where to; it exists.
  ///   - stem: The moving slide's name without its ending.
  /// - Throws: `UnwritableFile` or `PictureError`.
  public func write(to folder: String, stem: String) throws {
    try Self.write(result, overlay: overlay, to: folder, stem: stem)
  }

  static func write(
    _ result: RegistrationResult, overlay: RGBImage, to folder: String, stem: String
  ) throws {
    let paths = Self.paths(in: folder, stem: stem)
    try DurableFile.write(try result.transform.data(), to: paths[0])
    try PictureFile.writeJPEG(overlay, path: paths[1], quality: 88)
    try DurableFile.write(try JSONText.document(result.report), to: paths[2])
  }

  /// Reads a whole slide at the working pixel size.
  static func image(
    _ slide: Slide, option: String, pixelSize: Double, threadCount: Int,
    _ beforeEachBlock: @Sendable () throws -> Void
  ) throws -> SectionImage {
    let frame = try frame(of: slide, option: option)
    let (source, sourcePixelSize) = level(of: slide, frame, pixelSize: pixelSize)
    return try SectionImage(
      reading: source, sourcePixelSize: sourcePixelSize, frame: frame, pixelSize: pixelSize,
      threadCount: threadCount, beforeEachBlock: beforeEachBlock)
  }

  /// Two slides at half the working pixel size and so on, as far as both have such pixels.
  ///
  /// - Parameters:
  ///   - fixed: The reference slide and its frame.
  ///   - moving: The slide that is warped, and its frame.
  ///   - finestPixelSize: No pixel size is below this.
  /// - Returns: The levels from coarse to fine; none where the slides have no such pixels.
  static func fineSections(
    fixed: (slide: Slide, frame: SectionFrame), moving: (slide: Slide, frame: SectionFrame),
    finestPixelSize: Double
  ) -> FineSections {
    let coarser = max(fixed.frame.pixelSize.mean, moving.frame.pixelSize.mean)
    var levels: [FineSections.Level] = []
    var finer = RegistrationOptions.workingPixelSize / 2
    while finer >= max(finestPixelSize, coarser) * 0.995 {
      levels.append(
        FineSections.Level(
          pixelSize: finer, fixed: source(fixed.slide, fixed.frame, pixelSize: finer),
          moving: source(moving.slide, moving.frame, pixelSize: finer)))
      finer /= 2
    }
    return FineSections(levels: levels)
  }

  /// The whole slide resampled to a pixel size as it is read.
  private static func source(
    _ slide: Slide, _ frame: SectionFrame, pixelSize: Double
  ) -> ResampledSource {
    let (source, sourcePixelSize) = level(of: slide, frame, pixelSize: pixelSize)
    let size = SectionImage.size(of: frame, pixelSize: pixelSize)
    return ResampledSource(
      source, ratio: (pixelSize / sourcePixelSize.x, pixelSize / sourcePixelSize.y),
      width: size.width, height: size.height)
  }

  /// The coarsest level that is not coarser than a pixel size, else the finest.
  private static func level(
    of slide: Slide, _ frame: SectionFrame, pixelSize: Double
  ) -> (source: LevelSource, pixelSize: PixelSize) {
    let index = slide.coarsestLevel {
      $0.downsample * frame.pixelSize.mean <= pixelSize * 1.005
    }
    let level = slide.levels[index]
    return (
      LevelSource(slide: slide, level: index),
      PixelSize(
        x: frame.pixelSize.x * level.downsampleX, y: frame.pixelSize.y * level.downsampleY)
    )
  }
}
