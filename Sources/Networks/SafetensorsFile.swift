public import Foundation

/// A safetensors file: named tensors and a map of texts.
///
/// Eight bytes of header length, a JSON header, then the elements, little-endian and without gaps.
/// Single-precision numbers and 64-bit integers are supported. Reference: github.com/huggingface/safetensors,
/// README "Format".
public struct SafetensorsFile: Sendable, Equatable {
  /// The tensors, in the order of their bytes.
  public var tensors: [NamedTensor]
  /// Texts by key.
  public var metadata: [String: String]

  /// Collects what a file holds.
  public init(tensors: [NamedTensor], metadata: [String: String]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// All tensors as a network's state.
  public var state: StateDictionary { StateDictionary(tensors) }

  /// The tensors whose names start with a prefix, without it.
  public func state(prefix: String) -> StateDictionary {
    StateDictionary(
      tensors.filter { $0.name.hasPrefix(prefix) }.map {
        $0.renamed(String($0.name.dropFirst(prefix.count)))
      })
  }

  /// The file's bytes: the same content always gives the same bytes.
  ///
  /// The header is padded with spaces so that the elements start at a multiple of eight bytes.
  ///
  /// - Precondition: No two tensors have the same name and none is called `__metadata__`.
  public func data() -> Data {
    let header = Self.header(tensors.map(\.entry), metadata: metadata)
    var result = Data(capacity: header.count + tensors.reduce(0) { $0 + $1.entry.byteCount })
    result.append(header)
    for tensor in tensors { tensor.append(to: &result) }
    return result
  }

  /// What the header tells about a tensor.
  fileprivate struct Entry {
    let name: String
    let typeName: String
    let shape: [Int]
    let byteCount: Int
  }

  /// Everything before the elements.
  private static func header(_ entries: [Entry], metadata: [String: String]) -> Data {
    precondition(
      Set(entries.map(\.name)).count == entries.count
        && !entries.contains { $0.name == "__metadata__" }, "tensor names must be distinct")
    var header = "{"
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map {
        "\(quoted($0.key)):\(quoted($0.value))"
      }
      header += "\"__metadata__\":{\(pairs.joined(separator: ","))}"
    }
    var offset = 0
    for entry in entries {
      if header.count > 1 { header += "," }
      let shape = entry.shape.map(String.init).joined(separator: ",")
      let end = offset + entry.byteCount
      header +=
        "\(quoted(entry.name)):{\"dtype\":\"\(entry.typeName)\",\"shape\":[\(shape)],"
        + "\"data_offsets\":[\(offset),\(end)]}"
      offset = end
    }
    header += "}"
    var bytes = Data(header.utf8)
    bytes.append(contentsOf: [UInt8](repeating: 0x20, count: (8 - bytes.count % 8) % 8))
    var result = Data(capacity: 8 + bytes.count)
    withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { result.append(contentsOf: $0) }
    result.append(bytes)
    return result
  }

  /// Writes the file under its final name only when it is complete on the disk.
  ///
  /// - Throws: ``NetworkError/fileAccess(path:reason:)``.
  /// - Complexity: Copies no tensor.
  public func write(to path: String) throws(NetworkError) {
    var file = try PublishedFile(path: path)
    try file.append(Self.header(tensors.map(\.entry), metadata: metadata))
    for tensor in tensors { try file.append(tensor) }
    try file.publish()
  }

  /// Writes single-precision tensors that are made one after another, so that one is in memory at a time.
  ///
  /// - Parameters:
  ///   - path: The file; it appears under this name only when it is complete on the disk.
  ///   - metadata: Texts by key.
  ///   - shapes: Names and shapes in the order of the file.
  ///   - tensor: Makes the tensor of an index.
  /// - Throws: ``NetworkError/fileAccess(path:reason:)``, or what `tensor` throws.
  static func write(
    to path: String, metadata: [String: String], shapes: [(name: String, shape: [Int])],
    tensor: (Int) throws(NetworkError) -> NamedTensor
  ) throws(NetworkError) {
    var file = try PublishedFile(path: path)
    let entries = shapes.map { name, shape in
      Entry(name: name, typeName: "F32", shape: shape, byteCount: 4 * shape.reduce(1, *))
    }
    try file.append(header(entries, metadata: metadata))
    for index in shapes.indices {
      let made = try tensor(index)
      precondition(
        made.name == shapes[index].name && made.shape == shapes[index].shape,
        "\(made.name) of shape \(made.shape) came for \(shapes[index].name)")
      try file.append(made)
    }
    try file.publish()
  }
}

extension PublishedFile {
  /// Adds a tensor's elements at the end.
  fileprivate mutating func append(_ tensor: NamedTensor) throws(NetworkError) {
    var failure: NetworkError?
    tensor.withBytes { bytes in
      do throws(NetworkError) {
        try append(bytes)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}

/// A JSON string.
private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case let control where control.value < 0x20:
      let digits = String(control.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}

extension NamedTensor {
  fileprivate var entry: SafetensorsFile.Entry {
    let typeName =
      switch contents {
      case .float32: "F32"
      case .int64: "I64"
      }
    return SafetensorsFile.Entry(
      name: name, typeName: typeName, shape: shape, byteCount: withBytes(\.count))
  }

  /// Appends the elements.
  fileprivate func append(to data: inout Data) { withBytes { data.append(contentsOf: $0) } }
}
