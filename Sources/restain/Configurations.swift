import CommandLineKit
import Foundation
import Settings
import Synchronization

/// Finds the configuration of a command.
enum Configurations {
  /// The settings of a named file.
  static func file(_ path: String) throws(SettingsError) -> Configuration {
    try ConfigurationFile(suggest: { NearestName.suggestion(for: $0, among: $1) })
      .configuration(at: path)
  }

  /// The settings of a command, read once: see ``read(_:)``.
  static func configuration(_ context: CommandContext) throws(SettingsError) -> Configuration {
    if let known = context.settings.configuration { return known }
    let configuration = try read(context)
    context.settings.keep(configuration)
    return configuration
  }

  /// The file of `--config`, else the system's file, else the defaults; then the global options over them.
  private static func read(_ context: CommandContext) throws(SettingsError) -> Configuration {
    var configuration = Configuration()
    if let path = context[GlobalOptions.config] {
      configuration = try file(path)
    } else if FileManager.default.fileExists(atPath: ConfigurationFile.systemPath) {
      configuration = try file(ConfigurationFile.systemPath)
    }
    if let count = context[GlobalOptions.threads] {
      try configuration.override(
        SettingTable.threads, with: .number(Double(count)), option: "--threads")
    }
    if let bytes = context[GlobalOptions.memory] {
      try configuration.override(SettingTable.memory, with: .text("\(bytes) B"), option: "--memory")
    }
    if context.isGiven(GlobalOptions.kernels) {
      try configuration.override(
        SettingTable.kernels, with: .text(context[GlobalOptions.kernels].rawValue),
        option: "--kernels")
    }
    return configuration
  }
}

/// The settings of a command once they were read, from whatever thread asks for them.
final class KeptConfiguration: Sendable {
  private let kept: Mutex<Configuration?> = Mutex(nil)

  var configuration: Configuration? { kept.withLock { $0 } }

  func keep(_ configuration: Configuration) { kept.withLock { $0 = configuration } }
}
