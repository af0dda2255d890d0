import Foundation
public import Networks
import Reporting
public import Tensors

/// The network of FID with its card, as it lies in a `.safetensors` file: it judges pictures and stains none.
///
/// Tensors carry the names and layouts of the public PyTorch code; the card lies where that of a
/// ``StainModel`` does.
public struct InceptionModel: Equatable, Sendable {
  /// What a file says about itself.
  public struct Card: Codable, Equatable, Sendable {
    /// The network, always ``InceptionModel/architecture``.
    public var architecture: String
    /// Features of a picture.
    public var features: Int
    /// Classes of the head.
    public var classes: Int
    /// SHA-256 of the file that it was taken from.
    public var sourceHash: String
    /// The version of the program that wrote it.
    public var restainVersion: String

    private enum CodingKeys: String, CodingKey {
      case architecture, features, classes
      case sourceHash = "source_sha256"
      case restainVersion = "restain_version"
    }
  }

  /// What cards of such models name.
  public static let architecture = "inception-fid"

  /// What the network is.
  public let card: Card
  /// Its weights.
  public let state: StateDictionary

  /// Reads a model.
  ///
  /// - Parameter path: A `.safetensors` file.
  /// - Throws: As ``ModelFile/init(path:)``, and as ``init(_:)``.
  public init(path: String) throws(StainingError) { try self.init(try ModelFile(path: path)) }

  /// Takes a model of a file that was read.
  ///
  /// - Parameter file: The file.
  /// - Throws: ``StainingError/unsupportedModel(path:architecture:problem:)`` for models of another kind,
  ///   ``StainingError/malformedModel(path:reason:)``.
  public init(_ file: ModelFile) throws(StainingError) {
    if let name = file.architecture, name != Self.architecture {
      throw .unsupportedModel(
        path: file.path, architecture: name, problem: "is not the network of FID")
    }
    card = try file.card(Card.self)
    state = file.file.state
  }

  /// Takes over a PyTorch file, such as `pt_inception-2015-12-05-6726825d.pth`.
  ///
  /// The file is only read, nothing in it is executed.
  ///
  /// - Parameters:
  ///   - path: A file of `torch.save`, archive or legacy, or a safetensors file. Where its name ends with eight
  ///     hexadecimal digits, a letter among them, its SHA-256 has to begin with them.
  ///   - restainVersion: For the card.
  /// - Throws: ``StainingError/wrongHash(path:expected:found:)``,
  ///   ``StainingError/malformedCheckpoint(path:reason:)``.
  public init(checkpoint path: String, restainVersion: String) throws(StainingError) {
    let hash: String
    let network: InceptionNetwork
    do {
      hash = try ContentHash.hexadecimal(ofFile: path)
    } catch {
      throw .malformedCheckpoint(path: path, reason: error.systemReason)
    }
    if let expected = Self.hashPrefix(inNameOf: path), !hash.hasPrefix(expected) {
      throw .wrongHash(path: path, expected: expected, found: String(hash.prefix(8)))
    }
    do {
      state = InceptionNetwork.relevant(try StateDictionary(checkpoint: path))
      network = try InceptionNetwork(state: state, context: ComputeContext())
    } catch {
      throw .malformedCheckpoint(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    card = Card(
      architecture: Self.architecture, features: network.featureCount,
      classes: network.classCount, sourceHash: hash, restainVersion: restainVersion)
    if let name = state.firstNotFinite {
      throw .malformedCheckpoint(
        path: path, reason: "\(name) holds numbers that are not finite")
    }
  }

  /// Writes the model, under its name only when complete.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``StainingError/unwritable(path:reason:)``.
  public func write(to path: String) throws(StainingError) {
    do {
      try SafetensorsFile(tensors: state.tensors, metadata: try ModelFile.metadata(card))
        .write(to: path)
    } catch {
      throw .unwritable(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
  }

  /// The network, ready to look at pictures.
  ///
  /// - Parameters:
  ///   - path: What messages call the model.
  ///   - context: Threads and kernels.
  /// - Returns: The network of the weights.
  /// - Throws: ``StainingError/malformedModel(path:reason:)`` where the weights do not make it, or are no
  ///   finite numbers.
  public func network(
    path: String, context: ComputeContext
  ) throws(StainingError) -> InceptionNetwork {
    if let name = state.firstNotFinite {
      throw .malformedModel(path: path, reason: "\(name) holds numbers that are not finite")
    }
    let network: InceptionNetwork
    do {
      network = try InceptionNetwork(state: state, context: context)
    } catch {
      throw .malformedModel(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    guard network.featureCount == card.features, network.classCount == card.classes else {
      throw .malformedModel(path: path, reason: "its card and its weights disagree")
    }
    return network
  }

  /// The digits of `name-6726825d.pth`; a name may also end with a date, so there has to be a letter among them.
  private static func hashPrefix(inNameOf path: String) -> String? {
    let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    guard let dash = name.lastIndex(of: "-") else { return nil }
    let digits = name[name.index(after: dash)...].lowercased()
    let isHash = digits.allSatisfy(\.isHexDigit) && !digits.allSatisfy(\.isNumber)
    return digits.count == 8 && isHash ? digits : nil
  }
}
