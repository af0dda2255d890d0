public import Networks

extension StainModel {
  /// Takes a generator as the public pix2pix code saves it: `latest_net_G.pth`, or its tensors as safetensors.
  ///
  /// Width and depth follow from the shapes of the tensors. The file is only read, nothing in it is executed.
  ///
  /// - Parameters:
  ///   - path: A file of `torch.save`, archive or legacy, or a safetensors file.
  ///   - pixelSizeMicrons: Microns a pixel that it was trained at.
  ///   - fromStain: The stain that it takes.
  ///   - toStain: The stain that it gives.
  ///   - normalization: Which statistics normalise.
  ///   - restainVersion: For the card.
  /// - Throws: ``StainingError/malformedCheckpoint(path:reason:)``.
  public init(
    pix2pixCheckpoint path: String, pixelSizeMicrons: Double, fromStain: String,
    toStain: String, normalization: NormalizationMode, restainVersion: String
  ) throws(StainingError) {
    let generator: UNetGenerator
    do {
      generator = try Self.generator(try StateDictionary(checkpoint: path))
    } catch {
      throw .malformedCheckpoint(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    self.init(
      card: ModelCard(
        architecture: .pix2pix, baseChannels: generator.baseChannels,
        normalization: normalization, pixelSizeMicrons: pixelSizeMicrons, fromStain: fromStain,
        toStain: toStain, restainVersion: restainVersion),
      state: generator.state)
    do {
      _ = try self.generator(path: path)
    } catch {
      guard case .malformedModel(_, let reason) = error else { throw error }
      throw .malformedCheckpoint(path: path, reason: reason)
    }
  }

  /// Takes a bridge over: a training checkpoint of the public I²SB code, or a bare state dictionary of its network.
  ///
  /// The network's form follows from the shapes; of a training checkpoint the running average is taken. The
  /// file is only read, nothing in it is executed, and the optimiser is not even read. Parameters of a PyTorch
  /// file pass one by one, so that memory does not grow with the checkpoint.
  ///
  /// - Parameters:
  ///   - path: A file of `torch.save`, archive or legacy, or a safetensors file.
  ///   - target: The model to write.
  ///   - schedule: The noise that it was trained with; no file tells it.
  ///   - groupCount: Groups of its normalisations.
  ///   - headChannels: Channels of its attention heads.
  ///   - pixelSizeMicrons: Microns a pixel that it was trained at.
  ///   - fromStain: The stain that it takes.
  ///   - toStain: The stain that it gives.
  ///   - restainVersion: For the card.
  /// - Returns: The card.
  /// - Throws: ``StainingError/malformedCheckpoint(path:reason:)`` or
  ///   ``StainingError/unwritable(path:reason:)``.
  public static func takeBridge(
    checkpoint path: String, to target: String, schedule: BridgeSchedule, groupCount: Int = 32,
    headChannels: Int = 64, pixelSizeMicrons: Double, fromStain: String, toStain: String,
    restainVersion: String
  ) throws -> ModelCard {
    let checkpoint: DiffusionCheckpoint
    do {
      checkpoint =
        PyTorchFile.isLikely(path: path)
        ? try DiffusionCheckpoint(
          PyTorchFile(contentsOf: path), groupCount: groupCount, headChannels: headChannels)
        : try DiffusionCheckpoint(
          SafetensorsFile(contentsOf: path), name: path, groupCount: groupCount,
          headChannels: headChannels)
    } catch {
      throw malformed(path, error)
    }
    let network = checkpoint.configuration
    let card = ModelCard(
      architecture: .bridge, baseChannels: network.baseChannels,
      bridge: ModelCard.Bridge(
        network: network, schedule: schedule,
        sampler: schedule.options.isDeterministic ? .otODE : .ddpm),
      normalization: .reference, pixelSizeMicrons: pixelSizeMicrons, fromStain: fromStain,
      toStain: toStain, restainVersion: restainVersion)
    let metadata = try ModelFile.metadata(card)
    do throws(NetworkError) {
      try checkpoint.write(to: target, metadata: metadata)
    } catch {
      guard case .fileAccess(let place, let reason) = error, place.hasPrefix(target) else {
        throw malformed(path, error)
      }
      throw StainingError.unwritable(path: target, reason: reason)
    }
    return card
  }

  private static func malformed(_ path: String, _ error: any Error) -> StainingError {
    .malformedCheckpoint(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
  }

  /// Writes the weights as the public PyTorch code saves them, without the card, under the name only when
  /// complete; `torch.load(weights_only=True)` reads the file.
  ///
  /// Those of a segmenter have the names of the public U-Net code. Those of a bridge are the bare state dictionary of its network, as ADM saves it.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - modelPath: What messages call the model.
  /// - Throws: ``StainingError/unwritable(path:reason:)``, or what ``generator(path:)`` throws for a
  ///   generator, and the same for a bridge.
  public func writePyTorchFile(to path: String, modelPath: String) throws(StainingError) {
    let state = try exportedState(path: modelPath)
    do {
      try state.writePyTorchFile(to: path)
    } catch {
      throw .unwritable(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
  }

  private func exportedState(path: String) throws(StainingError) -> StateDictionary {
    if card.architecture == .segmenter { return try segmenter(path: path).network.state }
    guard let network = card.bridge?.network else { return try generator(path: path).state }
    _ = try parameterCount(path: path)
    try requireFinite(path)
    let names = Set(network.parameterShapes.map(\.name))
    return StateDictionary(state.tensors.filter { names.contains($0.name) })
  }

  /// The generator of a state that holds nothing else.
  private static func generator(_ state: StateDictionary) throws(NetworkError) -> UNetGenerator {
    if state["model.0.weight"] != nil && state["model.11.weight"] != nil {
      throw .unknownArchitecture(
        problem: "a discriminator, its generator lies in the file named …_net_G")
    }
    let generator = try UNetGenerator(state: state)
    let known = Set(generator.state.tensors.map(\.name))
    if let other = state.tensors.first(where: { !known.contains($0.name) }) {
      throw .unknownArchitecture(
        problem: "a network with \(other.name), which a U-Net generator does not have")
    }
    return generator
  }
}
