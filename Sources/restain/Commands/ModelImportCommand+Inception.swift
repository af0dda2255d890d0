import CommandLineKit
import Staining

extension ModelImportCommand {
  /// Takes the network of FID over.
  static func importInception(
    _ path: String, to target: String, _ context: CommandContext
  ) throws -> ExitStatus {
    let model = try InceptionModel(checkpoint: path, restainVersion: VersionCommand.version)
    try model.write(to: target)
    context.addOutput(target)
    context.print(
      "\(target)  \(InceptionModel.architecture), \(model.card.features) features, "
        + "\(model.card.classes) classes")
    return .success
  }
}
