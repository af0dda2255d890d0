public import Foundation

/// A file of `torch.save`: the archive of PyTorch 1.6 and later, or the legacy form before it.
///
/// Nothing in the file is executed: of its pickle only dictionaries, lists, texts, numbers and tensors
/// are taken, and everything else is refused by name. Tensors stay in the file until they are asked for,
/// so that a file larger than the memory can be looked at. A hostile file gives an error, in time and
/// memory that are bounded.
///
/// Reference: PyTorch, torch/serialization.py (`_save`, `_legacy_save`, `_load`, `_legacy_load`).
public struct PyTorchFile: Sendable {
  /// How a file is laid out.
  public enum Form: String, Sendable {
    /// A ZIP archive.
    case archive
    /// Pickles one after the other, then the elements.
    case legacy
  }

  /// How this file is laid out.
  public let form: Form
  /// What was saved.
  public let root: CheckpointValue
  /// What messages call the file.
  public let name: String

  /// Reads everything but the elements of tensors.
  ///
  /// - Throws: ``NetworkError/fileAccess(path:reason:)`` or
  ///   ``NetworkError/malformedCheckpoint(name:problem:)``.
  public init(contentsOf path: String) throws(NetworkError) {
    try self.init(CheckpointSource(path: path))
  }

  /// Reads bytes.
  ///
  /// - Parameters:
  ///   - data: The whole file.
  ///   - name: What to call it in errors.
  /// - Throws: ``NetworkError/malformedCheckpoint(name:problem:)``.
  public init(data: Data, name: String) throws(NetworkError) {
    try self.init(CheckpointSource(data: data, name: name))
  }

  /// Whether a file starts like one of PyTorch; false also for a file that cannot be read.
  public static func isLikely(path: String) -> Bool {
    // Why it cannot be read is told by whoever reads it.
    guard let source = try? CheckpointSource(path: path) else { return false }
    return (try? form(of: source)) != nil
  }

  private init(_ source: CheckpointSource) throws(NetworkError) {
    name = source.name
    form = try Self.form(of: source)
    switch form {
    case .archive: root = try Self.archiveRoot(source)
    case .legacy: root = try LegacyCheckpoint.root(source)
    }
  }

  private static func form(of source: CheckpointSource) throws(NetworkError) -> Form {
    let start = try source.bytes(0..<min(source.size, LegacyCheckpoint.magic.count))
    if start.starts(with: [0x50, 0x4B, 0x03, 0x04]) { return .archive }
    if start == LegacyCheckpoint.magic { return .legacy }
    throw source.malformed("it starts neither like an archive nor like a legacy file")
  }

  // MARK: - Archive

  private static func archiveRoot(
    _ source: CheckpointSource
  ) throws(NetworkError) -> CheckpointValue {
    let entries = try ZipDirectory(source).entries
    let pickles = entries.keys.filter {
      $0.hasSuffix("/data.pkl") && $0.utf8.count { $0 == UInt8(ascii: "/") } == 1
    }
    guard pickles.count == 1, let pickle = pickles.first, let range = entries[pickle] else {
      throw source.malformed("the archive has no data.pkl in one folder")
    }
    let folder = pickle.dropLast("data.pkl".count)
    guard entries[folder + "constants.pkl"] == nil else {
      throw source.malformed("it holds a TorchScript program, not what torch.save wrote")
    }
    if let order = entries[folder + "byteorder"], order.count <= 16 {
      guard try source.bytes(order) == Array("little".utf8) else {
        throw source.malformed("its numbers are not little-endian")
      }
    }
    guard range.count <= LegacyCheckpoint.largestPickle else {
      throw source.malformed("its data.pkl has \(range.count) bytes")
    }
    var unpickler = Unpickler(source: source)
    var stream = CheckpointStream(source, range)
    let index = try unpickler.load(&stream)
    var tree = CheckpointTree(unpickler, source: source) { storage throws(NetworkError) in
      guard let bytes = entries[folder + "data/" + storage.key], storage.view == nil,
        storage.fits(bytes.count)
      else {
        throw source.malformed("storage \(printable(storage.key)) is missing or has another size")
      }
      return bytes
    }
    return try tree.value(index)
  }
}

/// The form of `torch.save` before PyTorch 1.6: magic number, protocol, system, object, keys of storages,
/// then for every storage its number of elements and the elements.
enum LegacyCheckpoint {
  /// The pickled magic number 0x1950a86a20f9469cfc6c.
  static let magic: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]
  /// Bytes of a pickle: that of the largest public checkpoint has less than 1 MB.
  static let largestPickle = 64 << 20

  static func root(_ source: CheckpointSource) throws(NetworkError) -> CheckpointValue {
    var stream = CheckpointStream(source, 0..<min(source.size, largestPickle))
    var header = Unpickler(source: source)
    _ = try header.load(&stream)
    let version = try header.load(&stream)
    guard case .integer(1001) = header.nodes[version] else {
      throw source.malformed("it is of an unknown version of the legacy form")
    }
    let system = try header.load(&stream)
    if case .dictionary(let pairs) = header.nodes[system] {
      for index in stride(from: 0, to: pairs.count - 1, by: 2) {
        if case .text("little_endian") = header.nodes[Int(pairs[index])],
          case .boolean(false) = header.nodes[Int(pairs[index + 1])]
        {
          throw source.malformed("its numbers are not little-endian")
        }
      }
    }
    var unpickler = Unpickler(source: source)
    let index = try unpickler.load(&stream)
    var keys = Unpickler(source: source)
    let list = try keys.load(&stream)
    guard case .list(let items) = keys.nodes[list] else {
      throw source.malformed("its list of storages is damaged")
    }
    var sizes: [String: Int] = [:]
    for case .storage(let storage) in unpickler.nodes {
      guard
        sizes.updateValue(storage.element.size, forKey: storage.key) ?? storage.element.size
          == storage.element.size
      else { throw source.malformed("it uses a storage as two types") }
    }
    var places: [String: Range<Int>] = [:]
    var place = stream.position
    for item in items {
      guard case .text(let key) = keys.nodes[Int(item)], let size = sizes[key],
        places[key] == nil, source.size - place >= 8
      else { throw source.malformed("its list of storages is damaged, or the file is cut off") }
      let count = try source.bytes(place..<place + 8).number(at: 0, 8)
      place += 8
      guard count <= UInt64((source.size - place) / size) else {
        throw source.malformed("storage \(printable(key)) reaches beyond the file")
      }
      places[key] = place..<place + Int(count) * size
      place += Int(count) * size
    }
    var tree = CheckpointTree(unpickler, source: source) { storage throws(NetworkError) in
      guard let bytes = places[storage.key], storage.fits(bytes.count) else {
        throw source.malformed("storage \(printable(storage.key)) is missing or has another size")
      }
      return bytes
    }
    return try tree.value(index)
  }
}
