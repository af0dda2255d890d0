public import Rasters
public import Registration
public import Slides
import Synchronization
public import Tensors

/// Registration of two slides: both are read at one exact pixel size and handed to `Registration`.
public enum SlideRegistration {
  /// A registered pair of slides and its picture.
  public struct Outcome: Sendable {
    /// The transform, the rigid transform and the report; `seconds` and `peak_mib` are the caller's to fill in.
    public var result: RegistrationResult
    /// Before | rigid | B-spline.
    public var overlay: RGBImage
  }

  /// Registers the moving slide to the fixed one.
  ///
  /// - Parameters:
  ///   - fixed: The H&E slide.
  ///   - moving: The slide that is warped.
  ///   - options: How.
  ///   - parallelism: Threads for reading; the result does not depend on them.
  ///   - isCancelled: Asked between the reads; where it says yes, the call ends with `CancellationError`.
  /// - Returns: The result and its overlay.
  /// - Throws: `SlideError` where a slide has no pixel size or cannot be read, or `CancellationError`.
  public static func register(
    fixed: Slide, moving: Slide, options: RegistrationOptions, parallelism: Parallelism,
    isCancelled: @Sendable () -> Bool = { false }
  ) throws -> Outcome {
    let pixelSize = try workingPixelSize(fixed: fixed, moving: moving)
    let fixedImage = try section(
      fixed, pixelSize: pixelSize, option: "--fixed-pixel-size", parallelism: parallelism,
      isCancelled: isCancelled)
    let movingImage = try section(
      moving, pixelSize: pixelSize, option: "--moving-pixel-size", parallelism: parallelism,
      isCancelled: isCancelled)
    let result = SectionRegistration.register(
      fixed: fixedImage, moving: movingImage, options: options)
    if isCancelled() { throw CancellationError() }
    let overlay = RegistrationOverlay.picture(
      fixed: fixedImage, moving: movingImage, result: result)
    return Outcome(result: result, overlay: overlay)
  }

  /// The pixel size that both are read at: the working one, or the coarser slide's where that is coarser.
  private static func workingPixelSize(fixed: Slide, moving: Slide) throws(SlideError) -> Double {
    let sizes = [
      try fixed.requirePixelSize(option: "--fixed-pixel-size"),
      try moving.requirePixelSize(option: "--moving-pixel-size"),
    ]
    return sizes.reduce(RegistrationOptions.workingPixelSize) { max($0, $1.x, $1.y) }
  }

  /// Reads a whole slide at an exact pixel size, in bands.
  ///
  /// - Parameters:
  ///   - slide: The slide.
  ///   - pixelSize: Microns a pixel of the result, exactly.
  ///   - option: The option that a message names where the slide has no pixel size.
  ///   - parallelism: Threads; the pixels do not depend on them.
  ///   - isCancelled: Asked once a band.
  /// - Returns: The section.
  /// - Throws: `SlideError` or `CancellationError`.
  public static func section(
    _ slide: Slide, pixelSize: Double, option: String, parallelism: Parallelism,
    isCancelled: @Sendable () -> Bool = { false }
  ) throws -> SectionImage {
    let own = try slide.requirePixelSize(option: option)
    let frame = SectionFrame(slide, pixelSize: own)
    let size = SectionImage.size(of: frame, pixelSize: pixelSize)
    let nearest = try slide.source(pixelSize: pixelSize, option: option)
    let level = slide.levels[nearest.level]
    let source = ResampledSource(
      LevelSource(slide: slide, level: nearest.level),
      ratio: (
        pixelSize / (own.x * level.downsampleX), pixelSize / (own.y * level.downsampleY)
      ), width: size.width, height: size.height)
    let bandHeight = 128
    let bandCount = (size.height + bandHeight - 1) / bandHeight
    let bands = Mutex<[Int: Result<RGBImage, any Error>]>([:])
    parallelism.forEach(count: bandCount) { index in
      let region = PixelRegion(
        x: 0, y: index * bandHeight, width: size.width,
        height: min(bandHeight, size.height - index * bandHeight))
      let band = Result {
        if isCancelled() { throw CancellationError() }
        return try source.read(region)
      }
      bands.withLock { $0[index] = band }
    }
    var pixels: [UInt8] = []
    pixels.reserveCapacity(size.width * size.height * 3)
    let results = bands.withLock { $0 }
    for index in 0..<bandCount {
      if let band = try results[index]?.get() { pixels += band.pixels }
    }
    return SectionImage(
      image: RGBImage(width: size.width, height: size.height, pixels: pixels),
      pixelSize: pixelSize, frame: frame)
  }
}

extension SectionFrame {
  /// The frame of an open slide.
  public init(_ slide: Slide, pixelSize: PixelSize) {
    self.init(
      name: FileNames.name(slide.path), width: slide.width, height: slide.height,
      pixelSize: pixelSize)
  }
}
