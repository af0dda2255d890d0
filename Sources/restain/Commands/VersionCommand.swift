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
    let openblasSelfTest: String
    let openblasSelfTestError: Double
    let kernels: String

    private enum CodingKeys: String, CodingKey {
      case version, swift, openslide, libtiff, openblas, kernels
      case openblasCore = "openblas_core"
      case openblasSelfTest = "openblas_self_test"
      case openblasSelfTestError = "openblas_self_test_error"
    }
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    // Where the library multiplies wrongly this ends with that as its message, core and error named.
    let matrices = try BLASLibrary.prepare(
      requested: context.environment[BLASLibrary.coreVariable])
    let result = Result(
      version: version, swift: compiler, openslide: SlideLibrary.version,
      libtiff: PictureLibrary.version, openblas: matrices.configuration,
      openblasCore: matrices.coreName, openblasSelfTest: "passed",
      openblasSelfTestError: matrices.selfTestError, kernels: KernelFamily.best.rawValue)
    if context.isJSON {
      try context.emit(json: result)
    } else {
      context.print(line)
      context.print("Swift \(result.swift)")
      context.print("OpenSlide \(result.openslide)")
      context.print("libtiff \(result.libtiff)")
      context.print(
        "\(result.openblas), kernels \(result.openblasCore), self-test \(result.openblasSelfTest)")
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
