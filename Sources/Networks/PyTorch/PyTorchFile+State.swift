extension CheckpointValue {
  /// A network's tensors, read into memory: a dictionary of tensors by name, as `torch.save` of a
  /// `state_dict()` leaves it.
  ///
  /// The prefix `module.`, which `DataParallel` puts before every name, is taken off.
  ///
  /// - Parameters:
  ///   - name: What messages call the file.
  ///   - ignored: Entries that are left out, whatever they hold.
  /// - Returns: The tensors in stored order.
  /// - Throws: ``NetworkError/malformedCheckpoint(name:problem:)`` if this is something else, and what
  ///   reading throws.
  public func state(
    _ name: String, ignoring ignored: Set<String> = []
  ) throws(NetworkError) -> StateDictionary {
    guard let entries = entries?.filter({ !ignored.contains($0.name ?? "") }) else {
      throw .malformedCheckpoint(
        name: name, problem: "it holds \(kind) instead of a dictionary of tensors")
    }
    guard !entries.isEmpty else {
      throw .malformedCheckpoint(name: name, problem: "it holds an empty dictionary")
    }
    let prefix = "module."
    let isParallel = entries.allSatisfy { $0.name?.hasPrefix(prefix) ?? false }
    var tensors: [NamedTensor] = []
    var count = 0
    for entry in entries {
      guard let key = entry.name, let tensor = entry.value.tensor else {
        let key = entry.name.map { printable($0) } ?? "a key that is no text"
        throw .malformedCheckpoint(
          name: name,
          problem: "it is no bare state dictionary: \(key) holds \(entry.value.kind)")
      }
      // An element takes at least a byte; views of one storage may repeat it, but not without end.
      count += tensor.count
      guard count <= tensor.fileSize + (1 << 20) else {
        throw .malformedCheckpoint(
          name: name, problem: "its tensors repeat the elements of the file too often")
      }
      tensors.append(try tensor.named(isParallel ? String(key.dropFirst(prefix.count)) : key))
    }
    return StateDictionary(tensors)
  }
}

extension StateDictionary {
  /// Reads a network's tensors as somebody saved them.
  ///
  /// A file of `torch.save`, archive or legacy, or a safetensors file. Nothing in it is executed.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - ignored: Entries of a file of `torch.save` that are left out, whatever they hold.
  /// - Throws: As ``CheckpointValue/state(_:ignoring:)``, and what reading throws.
  public init(
    checkpoint path: String, ignoring ignored: Set<String> = []
  ) throws(NetworkError) {
    self =
      PyTorchFile.isLikely(path: path)
      ? try PyTorchFile(contentsOf: path).root.state(path, ignoring: ignored)
      : try SafetensorsFile(contentsOf: path).state
  }
}
