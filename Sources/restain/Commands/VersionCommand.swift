import CommandLineKit
import Pictures
import Slides
import Tensors

/// `restain version`: what a bug report needs.
enum VersionCommand: Command {
  /// The version of the program.
  static let version = "0.1.0"

  static var line: String { "restain \(version)" }

  static let description = CommandDescription(
    "version", "print the version and those of the libraries",
    options: [SharedOptions.json.entry])

  private struct Result: Encodable {
    let version: String
    let swift: String
    let openslide: String
    let libtiff: String
    let openblas: String
    let openblasCore: String
    let kernels: String

    private enum CodingKeys: String, CodingKey {
      case version, swift, openslide, libtiff, openblas, kernels
      case openblasCore = "openblas_core"
    }
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let matrices = try BLASLibrary.prepare()
    let result = Result(
      version: version, swift: compiler, openslide: SlideLibrary.version,
      libtiff: PictureLibrary.version, openblas: matrices.configuration,
      openblasCore: matrices.coreName, kernels: KernelFamily.best.rawValue)
    if context.isJSON {
      try context.emit(json: result)
    } else {
      context.print(line)
      context.print("Swift \(result.swift)")
      context.print("OpenSlide \(result.openslide)")
      context.print("libtiff \(result.libtiff)")
      context.print("\(result.openblas), kernels \(result.openblasCore)")
      context.print("kernels \(result.kernels)")
    }
    return .success
  }

  /// The compiler's release; the language offers no more than this to a program.
  private static var compiler: String {
    #if compiler(>=6.4)
    "6.4 or newer"
    #elseif compiler(>=6.3)
    "6.3"
    #else
    "6.2 or older"
    #endif
  }
}
