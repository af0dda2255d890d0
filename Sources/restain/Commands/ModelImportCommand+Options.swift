import CommandLineKit

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
    let architecture = context[architecture]
    if architecture != .inception { _ = try required(pixelSize, context) }
    if architecture == .pix2pix || architecture == .bridge {
      _ = try required(fromStain, context)
      _ = try required(toStain, context)
    }
    let given = [
      (context.isGiven(pixelSize), pixelSize.entry), (context.isGiven(fromStain), fromStain.entry),
      (context.isGiven(toStain), toStain.entry), (context.isGiven(classes), classes.entry),
      (context.isGiven(normalization), normalization.entry),
      (context.isGiven(betaMax), betaMax.entry),
      (context.isGiven(isDeterministic), isDeterministic.entry),
    ].filter(\.0).map(\.1.name)
    let useless: Set<String> =
      switch architecture {
      case .pix2pix: [classes.entry.name, betaMax.entry.name, isDeterministic.entry.name]
      case .bridge: [classes.entry.name, normalization.entry.name]
      case .segmenter:
        [
          toStain.entry.name, normalization.entry.name, betaMax.entry.name,
          isDeterministic.entry.name,
        ]
      case .inception: Set(given)
      }
    guard let option = given.first(where: useless.contains) else { return }
    throw .conflict(
      subject: "--" + option,
      problem: "means nothing to a model of architecture \(architecture.rawValue)",
      advice: "leave it out")
  }
}
