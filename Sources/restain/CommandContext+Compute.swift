import CommandLineKit
import Settings
import Slides
import Tensors

extension CommandContext {
  /// The threads and kernels of `--threads` and `--kernels`, with the matrix library made ready.
  ///
  /// - Throws: `UsageError.conflict` where this CPU does not run the kernels asked for; `TensorError`
  ///   where the matrix library computes wrongly on this CPU.
  func computeContext() throws -> ComputeContext {
    let family = KernelFamily(rawValue: self[GlobalOptions.kernels].rawValue) ?? .best
    guard family.isSupported else {
      throw UsageError.conflict(
        subject: "--kernels", problem: "this CPU does not run \(family.rawValue)",
        advice: "pass --kernels auto")
    }
    let matrices = try BLASLibrary.prepare(requested: environment[BLASLibrary.coreVariable])
    detail("kernels: \(family.rawValue), OpenBLAS \(matrices.coreName)")
    return ComputeContext(parallelism: Parallelism(threadCount: threadCount), kernels: family)
  }

  /// Opens a slide with the pixel size of an option, which wins over the file, or of the configuration
  /// where the file has none.
  ///
  /// - Parameters:
  ///   - path: The slide.
  ///   - option: The option that gives this slide a pixel size.
  /// - Returns: The slide; its pixel size may still be unknown.
  /// - Throws: `SlideError`, or `SettingsError` where a configuration is named and wrong.
  func openSlide(
    _ path: String, pixelSize option: CommandLineKit.Option<Double?>
  ) throws -> Slide {
    try Files.requireInput(path)
    let configuration = try Configurations.configuration(self)
    return try Slide(
      path: path, pixelSizeOverride: self[option],
      configuredPixelSize: configuration.pixelSize(ofSlide: path))
  }
}
