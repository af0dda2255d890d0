import CommandLineKit
import Foundation
import Networks
import Reporting
import Staining

/// `restain model info M`: what a model is and how it came about.
enum ModelInfoCommand: Command {
  static let description = CommandDescription(
    "model info", "show what a model file says about itself",
    operands: [Operand("M", "model file")],
    options: [SharedOptions.json.entry],
    examples: ["model info ki67.safetensors --json"])

  /// What `--json` prints.
  struct Result<Card: Encodable>: Encodable {
    let file: String
    let bytes: Int
    let hash: String
    let parameters: Int
    let card: Card

    init(file: String, parameters: Int, card: Card) throws {
      self.file = file
      let attributes = try FileManager.default.attributesOfItem(atPath: file)
      bytes = (attributes[.size] as? NSNumber)?.intValue ?? 0
      hash = try ContentHash.hexadecimal(ofFile: file)
      self.parameters = parameters
      self.card = card
    }

    /// The first line for people.
    var line: String { "\(file)  \(HumanText.bytes(bytes)), sha256 \(hash)" }

    private enum CodingKeys: String, CodingKey {
      case file, bytes, parameters, card
      case hash = "sha256"
    }
  }

  static func run(_ context: CommandContext) throws -> ExitStatus {
    let path = context.operands[0]
    try Files.requireInput(path)
    let file = try ModelFile(path: path)
    if file.architecture == InceptionModel.architecture {
      return try tell(InceptionModel(file), path, context)
    }
    let model = try StainModel(file)
    let card = model.card
    let parameters = try model.parameterCount(path: path)
    let result = try Result(file: path, parameters: parameters, card: card)
    if context.isJSON {
      try context.emit(json: result)
      return .success
    }
    context.print(result.line)
    context.print(
      "\(card.architecture.rawValue), \(card.baseChannels) channels, \(parameters) parameters")
    if let classes = card.classes {
      let names = classes.map { "\($0.name) \($0.colorText)" }
      context.print("classes: " + names.joined(separator: ", "))
    }
    let way =
      card.bridge.map { "\($0.evaluations) steps, sampler \($0.sampler.rawValue)" }
      ?? "normalization \(card.normalization.rawValue)"
    context.print(
      "\(OneLine.of(card.fromStain)) to \(OneLine.of(card.toStain)) at \(HumanText.number(card.pixelSizeMicrons)) µm, \(way)"
    )
    if let training = card.training { describe(training, context) }
    context.print("written by restain \(card.restainVersion)")
    return .success
  }

  private static func describe(_ training: ModelCard.Training, _ context: CommandContext) {
    let tiles = training.data.reduce(0) { $0 + $1.trainTiles }
    let cases = training.data.flatMap(\.cases).joined(separator: ", ")
    context.print(
      "trained on \(tiles) tiles of \(cases); step \(training.step) of \(training.totalSteps), "
        + "batch \(training.batchSize), seed \(training.seed)")
    switch training.validation {
    case .pictures(let figures):
      context.print(
        String(
          format: "validation on %d tiles: L1 %.4f, PSNR %.2f dB, SSIM %.4f",
          figures.tileCount, figures.l1, figures.peakSignalToNoise, figures.structuralSimilarity))
    case .classes(let figures):
      context.print(
        String(
          format: "validation on %d tiles: macro F1 %.4f, micro F1 %.4f", figures.tileCount,
          figures.macroScore, figures.microScore))
    case nil: break
    }
  }
}
