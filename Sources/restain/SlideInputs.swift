import CommandLineKit
import Settings
import Slides

/// Opens the slides that a command line names.
enum SlideInputs {
  /// Opens a slide with the pixel size that the command line or the configuration gives it.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - pixelSize: The option that states the pixel size of this slide; it wins over the file.
  ///   - context: The command's values.
  /// - Returns: The slide, open.
  /// - Throws: `SlideError`, and `SettingsError` for a configuration that cannot be used.
  static func open(
    _ path: String, pixelSize: Option<Double?> = SharedOptions.slidePixelSize,
    _ context: CommandContext
  ) throws -> Slide {
    let configuration = try Configurations.configuration(context)
    return try Slide(
      path: path, pixelSizeOverride: context[pixelSize],
      configuredPixelSize: configuration.pixelSize(ofSlide: path))
  }
}
