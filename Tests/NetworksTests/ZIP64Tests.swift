import Foundation
import Networks
import TestSupport
import Testing

/// Archives whose sizes and places stand in 64-bit fields, as PyTorch writes them beyond 4 GiB.
///
/// Reference: PKWARE, APPNOTE.TXT 6.3.10: 4.3.14, 4.3.15 and 4.5.3.
struct ZIP64Tests {
  /// An archive of stored entries with every short field all ones and the truth in fields of 64 bits.
  struct Archive {
    /// Bytes by their place; what lies between them is zeros.
    var pieces: [(offset: Int, bytes: Data)] = []
    var size = 0
    private var directory = Data()
    private var count = 0

    /// Changes the fields of the record and its locator before they are written.
    var recordPlace: UInt64?
    var recordCount: UInt64?
    var directorySize: UInt64?
    /// Bytes of each entry's own 64-bit fields; 24 are needed.
    var extraLength = 24

    private mutating func append(_ bytes: Data) {
      pieces.append((size, bytes))
      size += bytes.count
    }

    /// Adds an entry; `length` beyond its contents are zeros.
    mutating func add(_ name: String, _ contents: Data, length: Int? = nil) {
      let length = length ?? contents.count
      let header = size
      var local = Data([0x50, 0x4B, 3, 4, 45, 0, 0, 0, 0, 0]) + Data(count: 8)
      local += Self.bytes(UInt32.max) + Self.bytes(UInt32.max)
      local += Self.bytes(UInt16(name.utf8.count)) + Self.bytes(UInt16(20)) + Data(name.utf8)
      local += Self.bytes(UInt16(1)) + Self.bytes(UInt16(16))
      local += Self.bytes(UInt64(length)) + Self.bytes(UInt64(length))
      append(local)
      append(contents)
      size = header + local.count + length
      directory += Data([0x50, 0x4B, 1, 2, 45, 0, 45, 0, 0, 0, 0, 0]) + Data(count: 8)
      directory += Self.bytes(UInt32.max) + Self.bytes(UInt32.max)
      directory += Self.bytes(UInt16(name.utf8.count)) + Self.bytes(UInt16(extraLength + 8))
      directory += Data(count: 10) + Self.bytes(UInt32.max) + Data(name.utf8)
      // A field of another kind comes first and is passed over.
      directory += Self.bytes(UInt16(0xCAFE)) + Self.bytes(UInt16(0))
      directory += Self.bytes(UInt16(1)) + Self.bytes(UInt16(extraLength))
      directory +=
        (Self.bytes(UInt64(length)) + Self.bytes(UInt64(length)) + Self.bytes(UInt64(header)))
        .prefix(extraLength)
      count += 1
    }

    /// Writes the directory and the three end records.
    mutating func finish() {
      let start = size
      append(directory)
      let record = size
      var end = Data([0x50, 0x4B, 6, 6]) + Self.bytes(UInt64(44)) + Data([45, 0, 45, 0])
      end += Data(count: 8)
      for _ in 0..<2 { end += Self.bytes(recordCount ?? UInt64(count)) }
      end += Self.bytes(directorySize ?? UInt64(directory.count)) + Self.bytes(UInt64(start))
      end += Data([0x50, 0x4B, 6, 7]) + Data(count: 4)
      end += Self.bytes(recordPlace ?? UInt64(record)) + Self.bytes(UInt32(1))
      // Every field of the short record but the comment's length is all ones.
      end += Data([0x50, 0x4B, 5, 6]) + Data(count: 4) + Data(repeating: 0xFF, count: 12)
      append(end + Data(count: 2))
    }

    /// The whole file.
    var data: Data {
      var data = Data(count: size)
      for (offset, bytes) in pieces {
        data.replaceSubrange(offset..<offset + bytes.count, with: bytes)
      }
      return data
    }

    static func bytes(_ number: some FixedWidthInteger) -> Data {
      withUnsafeBytes(of: number.littleEndian) { Data($0) }
    }
  }

  /// A tensor of four numbers in a storage of `count`, at an offset.
  private static func pickle(type: String, count: UInt64, offset: UInt64) -> Data {
    func long(_ value: UInt64) -> Data { Data([0x8A, 8]) + Archive.bytes(value) }
    func text(_ value: String) -> Data { Data([0x55, UInt8(value.utf8.count)]) + Data(value.utf8) }
    return Data([0x80, 2]) + Data("ctorch._utils\n_rebuild_tensor_v2\n((".utf8) + text("storage")
      + Data("ctorch\n\(type)\n".utf8) + text("0") + text("cpu") + long(count) + Data("tQ".utf8)
      + long(offset) + Data([0x4B, 4, 0x85, 0x4B, 1, 0x85, 0x89, 0x4E]) + Data("tR.".utf8)
  }

  private static let numbers: [Float] = [1, -2.5, .pi, 1e-30]

  private static func small(_ change: (inout Archive) -> Void = { _ in }) -> Data {
    var archive = Archive()
    change(&archive)
    archive.add("m/data.pkl", pickle(type: "FloatStorage", count: 4, offset: 0))
    archive.add("m/data/0", numbers.withUnsafeBytes { Data($0) })
    archive.finish()
    return archive.data
  }

  @Test("fields of 64 bits are followed where the short ones are all ones")
  func reading() throws {
    let file = try PyTorchFile(data: Self.small(), name: "m")
    #expect(try file.root.tensor?.floats() == Self.numbers)
  }

  private static let unzip = Tool("unzip")

  @Test(
    "Info-ZIP finds the same entries in the archive that the test made",
    .enabled(if: unzip.isPresent, Comment(rawValue: unzip.absence)))
  func witness() throws {
    let folder = try TemporaryDirectory()
    try Self.small().write(to: URL(fileURLWithPath: folder.path("m.zip")))
    let listing = try Self.unzip.run(["-l", folder.path("m.zip")]).output
      .split(separator: "\n").map { $0.split(separator: " ") }
    // Size, date, time, name.
    #expect(listing.contains { $0.first == "16" && $0.last == "m/data/0" })
    #expect(listing.contains { $0.last == "m/data.pkl" })
  }

  @Test("a tensor beyond 4 GiB is read from its place, and nothing else of the file")
  func large() throws {
    let folder = try TemporaryDirectory()
    var archive = Archive()
    let count = 5 << 30
    // Four bytes at the end of five GiB of zeros, and the pickle behind them.
    archive.add("m/data/0", Data([9, 8, 7, 6]), length: count)
    archive.pieces.append((archive.size - 4, Data([1, 2, 3, 4])))
    archive.add(
      "m/data.pkl",
      Self.pickle(type: "ByteStorage", count: UInt64(count), offset: UInt64(count - 4)))
    archive.finish()
    let path = folder.path("large.pth")
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    for (offset, bytes) in archive.pieces {
      try handle.seek(toOffset: UInt64(offset))
      try handle.write(contentsOf: bytes)
    }
    try handle.close()
    let file = try PyTorchFile(contentsOf: path)
    #expect(try file.root.tensor?.integers() == [1, 2, 3, 4])
  }

  @Test(
    "64-bit fields that make no sense are refused",
    arguments: [
      ("a record beyond the file", small { $0.recordPlace = 1 << 40 }),
      ("a record beyond any file", small { $0.recordPlace = .max }),
      ("a record elsewhere", small { $0.recordPlace = 0 }),
      ("too many entries", small { $0.recordCount = .max }),
      ("more entries than there are", small { $0.recordCount = 3 }),
      ("a directory beyond the file", small { $0.directorySize = .max }),
      ("a directory of 60 GB", small { $0.directorySize = 60 << 30 }),
      ("an entry without its place", small { $0.extraLength = 16 }),
      ("an entry with half a size", small { $0.extraLength = 4 }),
      ("no record of 64 bits", Data([0x50, 0x4B, 3, 4]) + small().suffix(22)),
    ])
  func refused(name: String, data: Data) {
    let error = #expect(throws: NetworkError.self, "\(name)") {
      try PyTorchFile(data: data, name: "m")
    }
    guard case .malformedCheckpoint = error else {
      Issue.record("\(name): \(String(describing: error))")
      return
    }
  }

  @Test("an archive cut anywhere is refused")
  func truncations() {
    let data = Self.small()
    for length in 0..<data.count {
      #expect(throws: NetworkError.self) { try PyTorchFile(data: data.prefix(length), name: "m") }
    }
  }
}
