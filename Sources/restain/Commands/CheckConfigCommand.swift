import CommandLineKit
import Foundation
import Settings

/// `restain check-config FILE`: whether a configuration is right, and what counts.
enum CheckConfigCommand: Command {
  static let description = CommandDescription(
    "check-config", "check a configuration and print every setting with its origin",
    discussion: """
      Prints one line a setting: the key, the value that counts and where it came from. A mistake \
      ends with status 78 and the line of the file. With --quiet nothing is printed if all is well.
      """,
    operands: [Operand("FILE", "configuration file (JSON5)")],
    options: [SharedOptions.json.entry],
    examples: ["check-config /etc/restain/restain.json5"])

  private struct Setting: Encodable {
    let key: String
    let value: SettingValue
    let origin: String
  }

  private struct Result: Encodable {
    let file: String
    let settings: [Setting]
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let path = context.operands[0]
    let configuration = try Configurations.file(path)
    for (kind, model) in configuration[SettingTable.models].sorted(by: { $0.key < $1.key })
    where !FileManager.default.fileExists(atPath: model) {
      context.warn("\(model): no such file, which models.\(kind) names; put the model there")
    }
    if context.isJSON {
      let settings = configuration.settings.map {
        Setting(key: $0.path, value: $0.value, origin: $0.origin.description)
      }
      try context.emit(json: Result(file: path, settings: settings))
    } else if !context.isGiven(GlobalOptions.quiet) {
      for setting in configuration.settings {
        context.print("\(setting.path) = \(setting.value)  # \(setting.origin)")
      }
    }
    return .success
  }
}
