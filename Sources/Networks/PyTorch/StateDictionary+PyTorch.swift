import Foundation

extension StateDictionary {
  /// Writes what `torch.save(network.state_dict())` would write, under the final name only when complete.
  ///
  /// An archive of stored entries, aligned to 64 bytes; `torch.load(weights_only=True)` and
  /// ``PyTorchFile`` read it. The same tensors always give the same bytes.
  ///
  /// - Throws: ``NetworkError/fileAccess(path:reason:)``, also for tensors of more than 4 GiB.
  /// - Precondition: No two tensors have the same name.
  /// - Complexity: Passes twice over the elements (check sum, then writing); copies none.
  public func writePyTorchFile(to path: String) throws(NetworkError) {
    precondition(
      Set(tensors.map(\.name)).count == tensors.count, "tensor names must be distinct")
    let total = tensors.reduce(0) { $0 + $1.withBytes(\.count) + 1024 }
    // Beyond, every entry would need the fields of ZIP64.
    guard total < Int(UInt32.max), tensors.count < Int(UInt16.max) - 3 else {
      throw .fileAccess(path: path, reason: "a PyTorch file of more than 4 GiB is not written")
    }
    var archive = ArchiveWriter(file: try PublishedFile(path: path))
    try archive.add("data.pkl", StatePickle(self).bytes)
    try archive.add("byteorder", Array("little".utf8))
    for (index, tensor) in tensors.enumerated() {
      var failure: NetworkError?
      tensor.withBytes { bytes in
        do throws(NetworkError) {
          try archive.add("data/\(index)", bytes)
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
    }
    try archive.add("version", Array("3\n".utf8))
    try archive.publish()
  }
}

extension NamedTensor {
  /// The elements as bytes; every supported CPU is little-endian like the format.
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    switch contents {
    case .float32(let values): values.withUnsafeBytes(body)
    case .int64(let values): values.withUnsafeBytes(body)
    }
  }
}

/// The pickle of a state dictionary: an ordered dictionary of tensors, each with a storage of its own.
private struct StatePickle {
  private(set) var bytes: [UInt8] = [0x80, 2]

  init(_ state: StateDictionary) {
    global("collections", "OrderedDict")
    bytes += Array(")R(".utf8)
    for (index, tensor) in state.tensors.enumerated() {
      text(tensor.name)
      global("torch._utils", "_rebuild_tensor_v2")
      bytes += Array("((".utf8)
      text("storage")
      switch tensor.contents {
      case .float32: global("torch", "FloatStorage")
      case .int64: global("torch", "LongStorage")
      }
      text("\(index)")
      text("cpu")
      integer(tensor.count)
      // Storage; offset 0; shape; strides of a dense tensor; no gradient; no hooks.
      bytes += Array("tQK\0".utf8)
      tuple(tensor.shape)
      var stride = 1
      var strides: [Int] = []
      for length in tensor.shape.reversed() {
        strides.insert(stride, at: 0)
        stride *= max(1, length)
      }
      tuple(strides)
      bytes.append(0x89)
      global("collections", "OrderedDict")
      bytes += Array(")RtR".utf8)
    }
    bytes += Array("u.".utf8)
  }

  private mutating func global(_ module: String, _ name: String) {
    bytes += Array("c\(module)\n\(name)\n".utf8)
  }

  private mutating func text(_ text: String) {
    bytes.append(UInt8(ascii: "X"))
    bytes.append(little: UInt64(text.utf8.count), 4)
    bytes += Array(text.utf8)
  }

  private mutating func tuple(_ numbers: [Int]) {
    bytes.append(UInt8(ascii: "("))
    for number in numbers { integer(number) }
    bytes.append(UInt8(ascii: "t"))
  }

  private mutating func integer(_ number: Int) {
    if number <= Int(Int32.max) {
      bytes.append(UInt8(ascii: "J"))
      bytes.append(little: UInt64(number), 4)
    } else {
      bytes += [0x8A, 8]
      bytes.append(little: UInt64(number), 8)
    }
  }
}

/// Writes stored entries of a ZIP archive whose contents start at multiples of 64 bytes.
///
/// Reference: PKWARE, APPNOTE.TXT 6.3.10; PyTorch, caffe2/serialize/inline_container.cc (padding in the
/// extra field `FB`).
private struct ArchiveWriter: ~Copyable {
  private var file: PublishedFile
  private var directory: [UInt8] = []
  private var count = 0
  private let checksum = CyclicRedundancyCheck()

  private static let alignment = 64
  /// 1 January 1980, the first day that the format knows: the same contents give the same bytes.
  private static let date: UInt64 = 0x0021

  init(file: consuming PublishedFile) { self.file = file }

  mutating func add(_ name: String, _ contents: [UInt8]) throws(NetworkError) {
    var failure: NetworkError?
    contents.withUnsafeBytes { bytes in
      do throws(NetworkError) {
        try add(name, bytes)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  mutating func add(_ name: String, _ contents: UnsafeRawBufferPointer) throws(NetworkError) {
    let path = Array("archive/\(name)".utf8)
    let offset = file.size
    let start = offset + 30 + path.count + 4
    let padding = (Self.alignment - start % Self.alignment) % Self.alignment
    // Shared by both headers: flags (names are UTF-8), method, time, date, check sum, sizes, name's length.
    var shared: [UInt8] = []
    shared.append(little: 0x0800, 2)
    shared.append(little: 0, 4)
    shared.append(little: Self.date, 2)
    shared.append(little: UInt64(checksum.value(of: contents)), 4)
    shared.append(little: UInt64(contents.count), 4)
    shared.append(little: UInt64(contents.count), 4)
    shared.append(little: UInt64(path.count), 2)
    var header: [UInt8] = [0x50, 0x4B, 3, 4, 20, 0]
    header += shared
    header.append(little: UInt64(4 + padding), 2)
    header += path
    header += Array("FB".utf8)
    header.append(little: UInt64(padding), 2)
    header += [UInt8](repeating: UInt8(ascii: "Z"), count: padding)
    try file.append(header)
    try file.append(contents)
    directory += [0x50, 0x4B, 1, 2, 20, 0, 20, 0]
    directory += shared
    // No extra field, comment, disk number or attributes.
    directory += [UInt8](repeating: 0, count: 12)
    directory.append(little: UInt64(offset), 4)
    directory += path
    count += 1
  }

  mutating func publish() throws(NetworkError) {
    let offset = file.size
    try file.append(directory)
    var end: [UInt8] = [0x50, 0x4B, 5, 6, 0, 0, 0, 0]
    end.append(little: UInt64(count), 2)
    end.append(little: UInt64(count), 2)
    end.append(little: UInt64(directory.count), 4)
    end.append(little: UInt64(offset), 4)
    end += [0, 0]
    try file.append(end)
    try file.publish()
  }
}

extension [UInt8] {
  /// Adds a number, least significant byte first.
  fileprivate mutating func append(little number: UInt64, _ byteCount: Int) {
    for index in 0..<byteCount {
      append(UInt8(truncatingIfNeeded: number >> UInt64(8 * index)))
    }
  }
}

/// The check sum of ZIP: the polynomial 0xEDB88320, eight bytes a step.
///
/// Reference: ITU-T V.42; Kounavis and Berry 2005, "A systematic approach to building high performance
/// software-based CRC generators" (slicing by eight).
struct CyclicRedundancyCheck {
  private let tables: [UInt32]

  init() {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for index in 0..<256 {
      var value = UInt32(index)
      for _ in 0..<8 { value = value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320 }
      tables[index] = value
    }
    for index in 256..<8 * 256 {
      let previous = tables[index - 256]
      tables[index] = previous >> 8 ^ tables[Int(previous & 0xFF)]
    }
    self.tables = tables
  }

  /// The check sum of bytes.
  func value(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    tables.withUnsafeBufferPointer { tables in
      var value: UInt32 = .max
      var index = 0
      while bytes.count - index >= 8 {
        let word =
          bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian ^ UInt64(value)
        var next: UInt32 = 0
        for byte in 0..<8 {
          next ^= tables[(7 - byte) * 256 + Int(word >> UInt64(8 * byte) & 0xFF)]
        }
        value = next
        index += 8
      }
      while index < bytes.count {
        value = value >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: value) ^ bytes[index])]
        index += 1
      }
      return ~value
    }
  }
}
