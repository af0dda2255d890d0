public import Networks

extension StainModel {
  /// The segmenter that the weights make, and the classes of its outputs.
  ///
  /// - Parameter path: What messages call the model.
  /// - Returns: The network of the card.
  /// - Throws: ``StainingError/unsupportedModel(path:architecture:problem:)`` for other models,
  ///   ``StainingError/malformedModel(path:reason:)`` where the weights do not make it, or are no finite
  ///   numbers.
  public func segmenter(
    path: String
  ) throws(StainingError) -> (network: SegmentationUNet, classes: [LabelClass]) {
    guard card.architecture == .segmenter, let classes = card.classes else {
      throw .unsupportedModel(
        path: path, architecture: card.architecture.rawValue, problem: "is no segmenter")
    }
    try requireFinite(path)
    let network: SegmentationUNet
    do {
      network = try SegmentationUNet(state: state)
    } catch {
      throw .malformedModel(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    guard network.inputChannels == 3 else {
      throw .malformedModel(path: path, reason: "it does not read three channels")
    }
    guard network.baseChannels == card.baseChannels, network.classCount == classes.count else {
      throw .malformedModel(path: path, reason: "its card and its weights disagree")
    }
    if let problem = classes.problem { throw .malformedModel(path: path, reason: problem) }
    return (network, classes)
  }

  /// Takes a segmenter as the public U-Net code saves it: a state dictionary, or its tensors as safetensors.
  ///
  /// Width, depth and the number of classes follow from the shapes; `mask_values`, which that code's training
  /// adds, is left out. The file is only read, nothing in it is executed.
  ///
  /// - Parameters:
  ///   - path: A file of `torch.save`, archive or legacy, or a safetensors file.
  ///   - classes: The classes in the order of the outputs; `class 0` and so on if nil.
  ///   - classesPath: What messages call the file of the classes.
  ///   - pixelSizeMicrons: Microns a pixel that it was trained at.
  ///   - fromStain: The stain that it reads.
  ///   - restainVersion: For the card.
  /// - Throws: ``StainingError/malformedCheckpoint(path:reason:)``, or
  ///   ``StainingError/malformedClasses(path:reason:)`` where the classes are not as many as the outputs.
  public init(
    segmenterCheckpoint path: String, classes: [LabelClass]?, classesPath: String,
    pixelSizeMicrons: Double, fromStain: String, restainVersion: String
  ) throws(StainingError) {
    let network: SegmentationUNet
    do {
      network = try Self.segmenter(
        try StateDictionary(checkpoint: path, ignoring: ["mask_values"]))
    } catch {
      throw .malformedCheckpoint(path: path, reason: "\(error)".prefix(upTo: ";", without: path))
    }
    let learned = classes?.learned ?? LabelClasses.numbered(network.classCount)
    guard learned.count == network.classCount else {
      throw .malformedClasses(
        path: classesPath,
        reason: "\(learned.count) classes to learn, the network has \(network.classCount)")
    }
    self.init(
      card: ModelCard(
        architecture: .segmenter, baseChannels: network.baseChannels, classes: learned,
        normalization: .running, pixelSizeMicrons: pixelSizeMicrons, fromStain: fromStain,
        toStain: SegmenterTrainingOptions.toStain, restainVersion: restainVersion),
      state: network.state)
    do {
      _ = try segmenter(path: path)
    } catch {
      guard case .malformedModel(_, let reason) = error else { throw error }
      throw .malformedCheckpoint(path: path, reason: reason)
    }
  }

  /// The network of a state that holds nothing else.
  private static func segmenter(
    _ state: StateDictionary
  ) throws(NetworkError) -> SegmentationUNet {
    let network = try SegmentationUNet(state: state)
    let known = Set(network.state.tensors.map(\.name))
    let offsets = Set(
      known.filter { $0.contains("double_conv") }.map { $0.replacing(".weight", with: ".bias") })
    if let other = state.tensors.first(where: {
      !known.contains($0.name) && !offsets.contains($0.name)
    }) {
      throw .unknownArchitecture(
        problem: "a network with \(other.name), which a segmentation U-Net does not have")
    }
    return network
  }
}
