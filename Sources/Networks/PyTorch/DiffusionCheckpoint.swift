/// The parameters of a diffusion network in a PyTorch file, still in the file.
///
/// Taken are the training checkpoint of I²SB (`latest.pt`: the network under `net`, with the prefix
/// `diffusion_model.`, and the running average under `ema` as a list in the order of the parameters; the
/// optimiser is never read), and a bare state dictionary, as of ADM. The variance that ADM predicts beside the
/// direction is left out. Reference: NVlabs/I2SB, i2sb/ckpt_util.py; fadel/pytorch_ema, `state_dict`.
public struct DiffusionCheckpoint: Sendable {
  /// The network's form, read from the shapes.
  public let configuration: DiffusionConfiguration
  /// Whether the parameters are the running average, which is used for sampling.
  public let isAverage: Bool
  private let tensors: [(name: String, tensor: CheckpointTensor)]
  private let name: String

  private static let prefixes = ["module.diffusion_model.", "diffusion_model.", "module."]

  /// Finds the parameters; none is read.
  ///
  /// - Parameters:
  ///   - file: What `torch.save` wrote.
  ///   - prefersAverage: Takes the running average where there is one.
  ///   - groupCount: Groups of every normalisation.
  ///   - headChannels: Channels of an attention head.
  /// - Throws: ``NetworkError/malformedCheckpoint(name:problem:)`` when the file is laid out otherwise,
  ///   or what ``DiffusionConfiguration/init(shapes:groupCount:headChannels:)`` throws.
  public init(
    _ file: PyTorchFile, prefersAverage: Bool = true, groupCount: Int = 32, headChannels: Int = 64
  ) throws(NetworkError) {
    name = file.name
    let network = file.root["net"] ?? file.root
    guard let entries = network.entries, !entries.isEmpty else {
      throw .malformedCheckpoint(
        name: file.name, problem: "it holds \(network.kind) instead of a dictionary of tensors")
    }
    let prefix = Self.prefixes.first { prefix in
      entries.allSatisfy { $0.name?.hasPrefix(prefix) ?? false }
    }
    var byName: [String: CheckpointTensor] = [:]
    for entry in entries {
      guard let key = entry.name, let tensor = entry.value.tensor else {
        let key = entry.name.map { printable($0) } ?? "a key that is no text"
        throw .malformedCheckpoint(
          name: file.name, problem: "\(key) holds \(entry.value.kind), not a parameter")
      }
      byName[String(key.dropFirst(prefix?.count ?? 0))] = tensor
    }
    var shapes = byName.mapValues(\.shape)
    // Direction and variance; only the direction is used.
    for key in ["out.2.weight", "out.2.bias"] where shapes[key]?.first == 6 { shapes[key]?[0] = 3 }
    configuration = try DiffusionConfiguration(
      shapes: shapes, groupCount: groupCount, headChannels: headChannels)
    let average = prefersAverage ? file.root["ema"]?["shadow_params"]?.list : nil
    isAverage = average != nil
    var tensors: [(name: String, tensor: CheckpointTensor)] = []
    let expected = configuration.parameterShapes
    if let average, average.count != expected.count {
      throw .malformedCheckpoint(
        name: file.name,
        problem: "its average holds \(average.count) tensors for \(expected.count) parameters")
    }
    for (index, (key, _)) in expected.enumerated() {
      guard let own = byName[key] else { throw .missingTensor(name: key) }
      guard let average else {
        tensors.append((key, own))
        continue
      }
      guard let tensor = average[index].tensor, tensor.shape == own.shape else {
        throw .malformedCheckpoint(
          name: file.name, problem: "its average does not fit the parameter \(key)")
      }
      tensors.append((key, tensor))
    }
    self.tensors = tensors
  }

  /// Reads the parameters, one after the other.
  ///
  /// - Returns: In the order of the reference.
  /// - Throws: What reading throws, and ``NetworkError/malformedCheckpoint(name:problem:)`` for numbers that
  ///   are not finite.
  public func state() throws(NetworkError) -> StateDictionary {
    var result: [NamedTensor] = []
    for (index, (_, shape)) in configuration.parameterShapes.enumerated() {
      result.append(try parameter(index, shape: shape))
    }
    return StateDictionary(result)
  }

  /// Writes the parameters to a safetensors file, one after the other: memory holds the largest of them, however
  /// large the checkpoint is.
  ///
  /// - Parameters:
  ///   - path: The file; it appears under this name only when it is complete on the disk.
  ///   - metadata: Texts by key.
  /// - Throws: ``NetworkError/fileAccess(path:reason:)`` for the file, and what ``state()`` throws.
  public func write(to path: String, metadata: [String: String]) throws(NetworkError) {
    let shapes = configuration.parameterShapes
    try SafetensorsFile.write(to: path, metadata: metadata, shapes: shapes) {
      index throws(NetworkError) in
      try parameter(index, shape: shapes[index].shape)
    }
  }

  private func parameter(_ index: Int, shape: [Int]) throws(NetworkError) -> NamedTensor {
    let (key, tensor) = tensors[index]
    let count = shape.reduce(1, *)
    var values = try tensor.floats()
    // Only the first rows of the last layer may be more than the shape's.
    if values.count > count { values.removeLast(values.count - count) }
    guard values.allSatisfy(\.isFinite) else {
      throw .malformedCheckpoint(name: name, problem: "\(key) holds numbers that are not finite")
    }
    return NamedTensor(key, shape, values)
  }
}
