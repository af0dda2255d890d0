import CommandLineKit

/// Every verb of the program, in the order in which the help shows them.
enum CommandTable {
  static let commands: [any Command.Type] = [
    InspectCommand.self,
    PhantomCommand.self,
    RegisterCommand.self,
    RegisterSeriesCommand.self,
    TransformPointsCommand.self,
    TransformSlideCommand.self,
    TilesCommand.self,
    TrainPix2pixCommand.self,
    TrainI2SBCommand.self,
    TrainSegmenterCommand.self,
    ModelImportCommand.self,
    ModelExportCommand.self,
    ModelInfoCommand.self,
    ConvertCommand.self,
    EvaluateRegistrationCommand.self,
    EvaluateConversionCommand.self,
    PyramidCommand.self,
    RunCommand.self,
    WatchCommand.self,
    JobsCommand.self,
    ReportCommand.self,
    CheckConfigCommand.self,
    CompletionsCommand.self,
    ManualCommand.self,
    VersionCommand.self,
  ]

  static let parser = ArgumentParser(
    commands: commands.map { $0.description }, globalOptions: GlobalOptions.entries)

  static let help = HelpText(program: "restain", parser: parser)

  /// The type that runs a described command.
  static func command(_ description: CommandDescription) -> (any Command.Type)? {
    commands.first { $0.description.words == description.words }
  }
}
