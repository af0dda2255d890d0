/// The parameters of a diffusion network that PyTorch trained; those of a PyTorch file are still in the file.
///
/// Taken are the training checkpoint of I²SB (`latest.pt`: the network under `net`, with the prefix
/// `diffusion_model.`, and the running average under `ema` as a list in the order of the parameters; the
/// optimiser is never read), and a bare state dictionary, as of ADM, also as safetensors. The variance that ADM predicts beside the
/// direction is left out. Reference: NVlabs/I2SB, i2sb/ckpt_util.py; fadel/pytorch_ema, `state_dict`.
public struct DiffusionCheckpoint: Sendable {
  /// The network's form, read from the shapes.
  public let configuration: DiffusionConfiguration
  /// Whether the parameters are the running average, which is used for sampling.
  public let isAverage: Bool
  private let tensors: [(name: String, tensor: Parameter)]
  private let name: String

  /// A parameter in a PyTorch file, or in memory.
  private enum Parameter: Sendable {
    case stored(CheckpointTensor)
    case read([Float], shape: [Int])

    var shape: [Int] {
      switch self {
      case .stored(let tensor): tensor.shape
      case .read(_, let shape): shape
      }
    }

    func floats() throws(NetworkError) -> [Float] {
      switch self {
      case .stored(let tensor): try tensor.floats()
      case .read(let values, _): values
      }
    }
  }

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
    let network = file.root["net"] ?? file.root
    guard let entries = network.entries, !entries.isEmpty else {
      throw .malformedCheckpoint(
        name: file.name, problem: "it holds \(network.kind) instead of a dictionary of tensors")
    }
    var parameters: [(name: String, tensor: Parameter)] = []
    for entry in entries {
      guard let key = entry.name, let tensor = entry.value.tensor else {
        let key = entry.name.map { printable($0) } ?? "a key that is no text"
        throw .malformedCheckpoint(
          name: file.name, problem: "\(key) holds \(entry.value.kind), not a parameter")
      }
      parameters.append((key, .stored(tensor)))
    }
    let average = file.root["ema"]?["shadow_params"]?.list
    if prefersAverage, file.root["ema"] != nil, average == nil {
      // The weights as trained are another model: nobody is to get them unasked.
      throw .malformedCheckpoint(
        name: file.name, problem: "its running average is no list of tensors")
    }
    try self.init(
      parameters, average: prefersAverage ? average : nil,
      name: file.name, groupCount: groupCount, headChannels: headChannels)
  }

  /// Finds the parameters of a bare state dictionary.
  ///
  /// - Parameters:
  ///   - file: A safetensors file with the names of PyTorch.
  ///   - name: What messages call it.
  ///   - groupCount: Groups of every normalisation.
  ///   - headChannels: Channels of an attention head.
  /// - Throws: As ``init(_:prefersAverage:groupCount:headChannels:)``.
  public init(
    _ file: SafetensorsFile, name: String, groupCount: Int = 32, headChannels: Int = 64
  ) throws(NetworkError) {
    var parameters: [(name: String, tensor: Parameter)] = []
    for tensor in file.tensors {
      guard case .float32(let values) = tensor.contents else {
        throw .malformedCheckpoint(
          name: name, problem: "\(tensor.name) holds whole numbers, not a parameter")
      }
      parameters.append((tensor.name, .read(values, shape: tensor.shape)))
    }
    try self.init(
      parameters, average: nil, name: name, groupCount: groupCount, headChannels: headChannels)
  }

  private init(
    _ parameters: [(name: String, tensor: Parameter)], average: [CheckpointValue]?, name: String,
    groupCount: Int, headChannels: Int
  ) throws(NetworkError) {
    self.name = name
    let prefix = Self.prefixes.first { prefix in
      parameters.allSatisfy { $0.name.hasPrefix(prefix) }
    }
    var byName: [String: Parameter] = [:]
    for (key, tensor) in parameters {
      byName[String(key.dropFirst(prefix?.count ?? 0))] = tensor
    }
    var shapes = byName.mapValues(\.shape)
    // Direction and variance; only the direction is used.
    for key in ["out.2.weight", "out.2.bias"] where shapes[key]?.first == 6 { shapes[key]?[0] = 3 }
    configuration = try DiffusionConfiguration(
      shapes: shapes, groupCount: groupCount, headChannels: headChannels)
    isAverage = average != nil
    var tensors: [(name: String, tensor: Parameter)] = []
    let expected = configuration.parameterShapes
    if let average, average.count != expected.count {
      throw .malformedCheckpoint(
        name: name,
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
          name: name, problem: "its average does not fit the parameter \(key)")
      }
      tensors.append((key, .stored(tensor)))
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
