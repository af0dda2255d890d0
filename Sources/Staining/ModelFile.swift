import Foundation
import Networks
import Reporting

/// A model file whose kind is not known yet: tensors, and a card that says what they are.
public struct ModelFile {
  /// Where it lies, for messages.
  let path: String
  let file: SafetensorsFile
  private let card: Data
  /// The architecture that the card names; nothing where it names none.
  public let architecture: String?

  /// What every card names.
  private struct Kind: Decodable {
    let architecture: String?
  }

  /// Reads a file.
  ///
  /// - Parameter path: A `.safetensors` file.
  /// - Throws: ``StainingError/missing(path:)``, ``StainingError/foreignModel(path:)`` or
  ///   ``StainingError/malformedModel(path:reason:)``.
  public init(path: String) throws(StainingError) {
    guard FileManager.default.fileExists(atPath: path) else { throw .missing(path: path) }
    guard !PyTorchFile.isLikely(path: path) else { throw .foreignModel(path: path) }
    self.path = path
    do {
      file = try SafetensorsFile(contentsOf: path)
    } catch {
      throw .malformedModel(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    guard let text = file.metadata[StainModel.cardKey] else {
      throw .malformedModel(path: path, reason: "it carries no card of restain")
    }
    card = Data(text.utf8)
    // A card that is no object is reported where it is decoded as what is wanted.
    architecture = (try? JSONDecoder().decode(Kind.self, from: card))?.architecture
  }

  /// What a file holds beside the weights.
  static func metadata(_ card: some Encodable) throws -> [String: String] {
    let text = try JSONText.line(card).trimmingCharacters(in: .newlines)
    return [StainModel.cardKey: text, "format": "pt"]
  }

  /// The card as that of one kind of model.
  func card<Card: Decodable>(_ type: Card.Type) throws(StainingError) -> Card {
    do {
      return try JSONDecoder().decode(type, from: card)
    } catch {
      throw .malformedModel(path: path, reason: "its card is not as expected")
    }
  }
}
