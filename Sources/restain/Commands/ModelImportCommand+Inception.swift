import CommandLineKit
import Staining

extension ModelImportCommand {
  /// The value of an option that this architecture cannot do without.
  static func required<Value>(
    _ option: CommandLineKit.Option<Value?>, _ context: CommandContext
  ) throws(UsageError) -> Value {
    guard let value = context[option] else {
      throw .missingOption(
        option: "--" + option.entry.name, placeholder: option.entry.placeholder ?? "",
        command: description.name)
    }
    return value
  }

  /// Checks the options that only some architectures need, or have no use for, before any file is read.
  static func checkOptions(_ context: CommandContext) throws(UsageError) {
    guard context[architecture] == .inception else {
      _ = try required(pixelSize, context)
      _ = try required(fromStain, context)
      _ = try required(toStain, context)
      return
    }
    let useless = [
      (context.isGiven(pixelSize), pixelSize.entry), (context.isGiven(fromStain), fromStain.entry),
      (context.isGiven(toStain), toStain.entry),
      (context.isGiven(normalization), normalization.entry),
      (context.isGiven(betaMax), betaMax.entry),
      (context.isGiven(isDeterministic), isDeterministic.entry),
    ]
    guard let option = useless.first(where: { $0.0 })?.1 else { return }
    throw .conflict(
      subject: "--" + option.name,
      problem: "means nothing to a model of architecture \(InceptionModel.architecture)",
      advice: "leave it out")
  }

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
