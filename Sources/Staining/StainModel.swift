import Foundation
public import Networks
import Rasters
import Reporting
public import Tensors

/// A network with its card, as it lies in a `.safetensors` file.
///
/// Tensors carry the names and layouts of the public PyTorch code; the card is JSON under the metadata
/// key `restain.card`.
public struct StainModel: Equatable, Sendable {
  /// What the network is.
  public var card: ModelCard
  /// Its weights; empty for an identity.
  public var state: StateDictionary

  /// The key of the card in the file's metadata.
  public static let cardKey = "restain.card"

  /// Joins weights and card.
  public init(card: ModelCard, state: StateDictionary) {
    self.card = card
    self.state = state
  }

  /// Reads a model.
  ///
  /// - Parameter path: A `.safetensors` file.
  /// - Throws: As ``ModelFile/init(path:)`` and ``init(_:)``.
  public init(path: String) throws(StainingError) { try self.init(try ModelFile(path: path)) }

  /// Takes a model of a file that was read.
  ///
  /// - Parameter file: The file.
  /// - Throws: ``StainingError/malformedModel(path:reason:)``;
  ///   ``StainingError/unsupportedModel(path:architecture:problem:)`` for a network that stains nothing.
  public init(_ file: ModelFile) throws(StainingError) {
    let path = file.path
    guard file.architecture != InceptionModel.architecture else {
      throw .unsupportedModel(
        path: path, architecture: InceptionModel.architecture,
        problem: "judges pictures and stains none")
    }
    card = try file.card(ModelCard.self)
    guard (card.architecture == .bridge) == (card.bridge != nil) else {
      throw .malformedModel(path: path, reason: "its card does not describe its network")
    }
    guard (card.architecture == .segmenter) == (card.classes != nil) else {
      throw .malformedModel(path: path, reason: "its card does not describe its classes")
    }
    guard PixelSize.plausibleMicrons.contains(card.pixelSizeMicrons) else {
      throw .malformedModel(
        path: path, reason: "its card has a pixel size of \(card.pixelSizeMicrons) µm")
    }
    state = file.file.state
  }

  /// Writes the model, under its name only when complete.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``StainingError/unwritable(path:reason:)``.
  public func write(to path: String) throws(StainingError) {
    do {
      try file().write(to: path)
    } catch {
      throw .unwritable(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
  }

  /// The SHA-256 of the file that ``write(to:)`` makes.
  public func contentHash() throws -> String { ContentHash.hexadecimal(of: try file().data()) }

  /// The generator that the weights make.
  ///
  /// - Parameter path: What messages call the model.
  /// - Returns: The network of the card.
  /// - Throws: ``StainingError/malformedModel(path:reason:)`` where they do not make one, or are no
  ///   finite numbers.
  public func generator(path: String) throws(StainingError) -> UNetGenerator {
    guard card.architecture == .pix2pix else {
      throw .unsupportedModel(
        path: path, architecture: card.architecture.rawValue, problem: "has no generator")
    }
    try requireFinite(path)
    let generator: UNetGenerator
    do {
      generator = try UNetGenerator(state: state)
    } catch {
      throw .malformedModel(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    guard generator.inputChannels == 3, generator.outputChannels == 3 else {
      throw .malformedModel(path: path, reason: "it does not map three channels to three")
    }
    guard generator.baseChannels == card.baseChannels else {
      throw .malformedModel(path: path, reason: "its card and its weights disagree")
    }
    // A shallower network takes tiles of 256 pixels, too.
    guard 256.isMultiple(of: generator.sizeMultiple) else {
      throw .malformedModel(path: path, reason: "it needs tiles larger than 256 pixels")
    }
    return generator
  }

  /// The bridge's network, ready to predict.
  ///
  /// - Parameters:
  ///   - path: What messages call the model.
  ///   - context: Threads and kernels.
  /// - Returns: The network and what the card says about its walk.
  /// - Throws: ``StainingError/malformedModel(path:reason:)`` where the weights do not make it, or are no
  ///   finite numbers; ``StainingError/unsupportedModel(path:architecture:problem:)`` for other models.
  public func bridge(
    path: String, context: ComputeContext
  ) throws(StainingError) -> (predictor: DiffusionPredictor, card: ModelCard.Bridge) {
    guard card.architecture == .bridge, let bridge = card.bridge else {
      throw .unsupportedModel(
        path: path, architecture: card.architecture.rawValue, problem: "is no bridge")
    }
    try requireFinite(path)
    guard bridge.network.pictureChannels == 3, 256.isMultiple(of: bridge.network.sizeMultiple)
    else {
      throw .malformedModel(
        path: path, reason: "it does not map tiles of 256 pixels in three channels")
    }
    guard (1..<bridge.schedule.count).contains(bridge.evaluations) else {
      throw .malformedModel(path: path, reason: "its card walks in \(bridge.evaluations) steps")
    }
    do {
      return (
        try DiffusionPredictor(configuration: bridge.network, state: state, context: context),
        bridge
      )
    } catch {
      throw .malformedModel(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
  }

  /// How many parameters the network has, once its tensors are found to fit.
  ///
  /// - Parameter path: What messages call the model.
  /// - Returns: 0 for an identity.
  /// - Throws: ``StainingError/malformedModel(path:reason:)`` where the weights do not make the network.
  public func parameterCount(path: String) throws(StainingError) -> Int {
    if card.architecture == .segmenter { return try segmenter(path: path).network.parameterCount }
    guard let network = card.bridge?.network else {
      return card.architecture == .identity ? 0 : try generator(path: path).parameterCount
    }
    do {
      try network.check(state)
    } catch {
      throw .malformedModel(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    return network.parameterCount
  }

  func requireFinite(_ path: String) throws(StainingError) {
    if let name = state.firstNotFinite {
      throw .malformedModel(path: path, reason: "\(name) holds numbers that are not finite")
    }
  }

  private func file() throws -> SafetensorsFile {
    SafetensorsFile(tensors: state.tensors, metadata: try ModelFile.metadata(card))
  }
}

extension String {
  /// The problem of another module's message `subject: problem; next step`, to be quoted in ours.
  func prefix(upTo separator: Character, without subject: String) -> String {
    let problem = split(separator: separator, maxSplits: 1).first.map(String.init) ?? self
    return problem.hasPrefix(subject + ": ")
      ? String(problem.dropFirst(subject.count + 2)) : problem
  }
}
