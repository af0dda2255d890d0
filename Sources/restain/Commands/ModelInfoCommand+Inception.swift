import CommandLineKit
import Networks
import Staining
import Tensors

extension ModelInfoCommand {
  /// Shows what the network of FID says about itself.
  static func tell(
    _ model: InceptionModel, _ path: String, _ context: CommandContext
  ) throws -> ExitStatus {
    let network = try model.network(path: path, context: ComputeContext())
    let result = try Result(file: path, parameters: network.parameterCount, card: model.card)
    if context.isJSON {
      try context.emit(json: result)
      return .success
    }
    context.print(result.line)
    context.print(
      "\(model.card.architecture), \(network.featureCount) features, \(network.classCount) classes, "
        + "\(network.parameterCount) parameters")
    context.print("taken from a file of sha256 \(model.card.sourceHash)")
    context.print("written by restain \(model.card.restainVersion)")
    return .success
  }
}
