import CommandLineKit
import Staining

extension ModelImportCommand {
  /// Takes a segmenter over.
  static func importSegmenter(
    _ path: String, to target: String, _ context: CommandContext
  ) throws -> ExitStatus {
    let model = try StainModel(
      segmenterCheckpoint: path,
      classes: try context[classes].map { try LabelClasses.read(path: $0) },
      classesPath: context[classes] ?? "", pixelSizeMicrons: try required(pixelSize, context),
      fromStain: context[fromStain] ?? "he", restainVersion: VersionCommand.version)
    try model.write(to: target)
    context.addOutput(target)
    let names = (model.card.classes ?? []).map(\.name)
    context.print(
      "\(target)  \(model.card.architecture.rawValue), \(model.card.baseChannels) channels, "
        + "\(try model.parameterCount(path: target)) parameters, \(names.joined(separator: ", "))")
    return .success
  }
}
