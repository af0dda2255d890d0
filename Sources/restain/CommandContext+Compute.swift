import CommandLineKit
import Foundation
import Reporting
import Settings
import Slides
import Tensors

extension CommandContext {
  /// Threads to compute with: `--threads`, else `compute.threads`, else all processors.
  var threadCount: Int {
    get throws(SettingsError) {
      try Configurations.configuration(self)[SettingTable.threads]
        ?? ProcessInfo.processInfo.activeProcessorCount
    }
  }

  /// Bytes of memory that the work may use: `--memory`, else `compute.memory`; nil if neither is given.
  var memoryLimit: Int? {
    get throws(SettingsError) { try Configurations.configuration(self)[SettingTable.memory] }
  }

  /// Refuses work whose predicted memory is more than it may use, or than the machine has.
  ///
  /// - Throws: `UsageError.conflict` that names both, or as ``requireMachineMemory(_:for:)``.
  func requireMemory(_ predicted: Int, for subject: String) throws {
    try requireMachineMemory(predicted, for: subject)
    guard let limit = try memoryLimit, predicted > limit else { return }
    throw UsageError.conflict(
      subject: subject,
      problem: "takes about \(HumanText.bytes(predicted)) of memory and may use "
        + HumanText.bytes(limit),
      advice: "allow more with --memory or use fewer --threads")
  }

  /// Refuses work that needs more memory than the machine has, as that of a slide whose header lies.
  ///
  /// - Throws: ``CommandError/tooLarge(path:needed:available:)``.
  func requireMachineMemory(_ predicted: Int, for path: String) throws(CommandError) {
    let available = Int(clamping: ProcessInfo.processInfo.physicalMemory)
    guard predicted > available else { return }
    throw .tooLarge(
      path: path, needed: HumanText.bytes(predicted), available: HumanText.bytes(available))
  }

  /// The threads and kernels of options or configuration, with the matrix library made ready.
  ///
  /// - Throws: `UsageError.conflict` where this CPU does not run the kernels asked for; `TensorError`
  ///   where the matrix library computes wrongly on this CPU; `SettingsError` where a configuration is wrong.
  func computeContext() throws -> ComputeContext {
    let configuration = try Configurations.configuration(self)
    let family = KernelFamily(rawValue: configuration[SettingTable.kernels]) ?? .best
    guard family.isSupported else {
      throw UsageError.conflict(
        subject: isGiven(GlobalOptions.kernels) ? "--kernels" : "compute.kernels",
        problem: "this CPU does not run \(family.rawValue)", advice: "choose auto")
    }
    let matrices = try BLASLibrary.prepare(requested: environment[BLASLibrary.coreVariable])
    detail("kernels: \(family.rawValue), OpenBLAS \(matrices.coreName)")
    return try ComputeContext(
      parallelism: Parallelism(threadCount: threadCount), kernels: family)
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
    let configuration = try Configurations.configuration(self)
    return try Slide(
      path: path, pixelSizeOverride: self[option],
      configuredPixelSize: configuration.pixelSize(ofSlide: path))
  }
}
