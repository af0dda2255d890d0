import Foundation
import Networks
import TestSupport
import Testing

/// Files that claim to be PyTorch's: each must end in one error, in bounded time and memory.
struct HostileCheckpointTests {
  /// An archive of stored entries, good unless a field is overridden.
  struct Archive {
    var entries: [(name: String, contents: Data)]
    var method: UInt16 = 0
    var flags: UInt16 = 0
    /// Claims this many bytes for the last entry.
    var size: UInt32?
    /// Claims that the last entry lies here.
    var offset: UInt32?
    var count: UInt16?
    var prefix = Data()

    init(pickle: Data, storages: [Data] = []) {
      entries = [("a/data.pkl", pickle)]
      for (index, storage) in storages.enumerated() { entries.append(("a/data/\(index)", storage)) }
    }

    var data: Data {
      var file = Data()
      var directory = Data()
      for (index, entry) in entries.enumerated() {
        let isLast = index == entries.count - 1
        let size = isLast ? size ?? UInt32(entry.contents.count) : UInt32(entry.contents.count)
        var shared = Data()
        shared.append(little: flags)
        shared.append(little: method)
        shared.append(Data(count: 8))
        shared.append(little: size)
        shared.append(little: size)
        shared.append(little: UInt16(entry.name.utf8.count))
        let offset = isLast ? self.offset ?? UInt32(file.count) : UInt32(file.count)
        file.append(Data([0x50, 0x4B, 3, 4, 20, 0]) + shared + Data(count: 2))
        file.append(Data(entry.name.utf8) + entry.contents)
        directory.append(Data([0x50, 0x4B, 1, 2, 20, 0, 20, 0]) + shared + Data(count: 12))
        directory.append(little: offset)
        directory.append(Data(entry.name.utf8))
      }
      let start = UInt32(file.count)
      file.append(directory)
      file.append(Data([0x50, 0x4B, 5, 6, 0, 0, 0, 0]))
      for _ in 0..<2 { file.append(little: count ?? UInt16(entries.count)) }
      file.append(little: UInt32(directory.count))
      file.append(little: start)
      file.append(Data(count: 2))
      return file
    }
  }

  /// A pickle of protocol 2.
  private static func pickle(_ text: String) -> Data {
    Data([0x80, 2]) + Data(text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) })
  }

  private static func text(_ text: String) -> String { "U" + character(text.utf8.count) + text }

  private static func character(_ value: Int) -> String {
    String(Character(Unicode.Scalar(UInt8(value))))
  }

  /// An integer of 64 bits.
  private static func long(_ value: Int64) -> String {
    "\u{8A}\u{8}"
      + (0..<8).map { character(Int(value >> (8 * Int64($0)) & 0xFF)) }.joined()
  }

  /// A tensor over storage 0 of four single-precision numbers.
  private static func tensor(
    count: String = "K\u{4}", offset: String = "K\0", shape: String = "K\u{2}\u{85}",
    strides: String = "K\u{1}\u{85}", key: String = "0", type: String = "FloatStorage"
  ) -> String {
    "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n\(type)\n" + text(key)
      + text("cpu") + count + "tQ" + offset + shape + strides + "\u{89}N" + "tR"
  }

  private static let storage = Data(count: 16)

  private static func archive(_ text: String) -> Data {
    Archive(pickle: pickle(text), storages: [storage]).data
  }

  private static func changed(
    _ text: String = tensor() + ".", _ change: (inout Archive) -> Void
  ) -> Data {
    var archive = Archive(pickle: pickle(text), storages: [storage])
    change(&archive)
    return archive.data
  }

  @Test("the archive that the others are made from is good")
  func control() throws {
    let file = try PyTorchFile(data: Self.archive(Self.tensor() + "."), name: "m")
    #expect(try file.root.tensor?.floats() == [0, 0])
  }

  /// Tuples that each hold the one before ten times: 10³⁰ leaves in 400 bytes.
  private static let bomb: String = {
    var text = String(repeating: "(", count: 30) + "]q\0"
    for level in 0..<30 {
      text += String(repeating: "h" + character(level), count: 9) + "tq" + character(level + 1)
    }
    return text + "."
  }()

  @Test(
    "is refused with one line that says why",
    arguments: [
      ("os.system", archive("cos\nsystem\n" + text("true") + "\u{85}R."), "asks for os.system"),
      (
        "builtins.eval", archive("c__builtin__\neval\n" + text("1") + "\u{85}R."),
        "asks for __builtin__.eval"
      ),
      ("a line feed in a message", archive("cos\u{7}\nx\n."), "asks for os?.x"),
      ("an object made by a class", archive("ccollections\nOrderedDict\n)\u{81}."), "0x81"),
      ("an object by its module", archive("ios\nsystem\n."), "0x69"),
      ("a persistent name as text", archive("Pstorage\n."), "0x50"),
      ("a call of no class", archive(text("x") + ")R."), "calls something"),
      ("a state for no dictionary", archive("]}b."), "restores an object"),
      ("a class as the value", archive("ccollections\nOrderedDict\n."), "holds a class"),
      ("a storage that is made", archive("ctorch\nFloatStorage\n)R."), "makes a storage"),
      ("protocol 4", Archive(pickle: Data([0x80, 4, 0x2E])).data, "protocol 4"),
      ("no end", archive("]"), "no end"),
      ("an empty stack", archive("."), "damaged"),
      ("two objects", archive("]]."), "damaged"),
      ("an open mark", archive("](."), "damaged"),
      ("a pop through a mark", archive("](\u{85}."), "damaged"),
      ("an unknown memory", archive("h\u{9}."), "damaged"),
      ("half a pair", archive("}(" + text("a") + "u."), "damaged"),
      ("an item for a dictionary", archive("}Na."), "damaged"),
      ("a text of 4 GB", archive("X\u{FF}\u{FF}\u{FF}\u{FF}"), "text of"),
      ("a text that is not UTF-8", archive("U\u{1}\u{FF}."), "UTF-8"),
      ("a line without end", archive("c" + String(repeating: "x", count: 300)), "line"),
      ("a list in itself", archive("]q\0h\0a."), "contains itself"),
      (
        "a deep list",
        archive(String(repeating: "]", count: 100) + String(repeating: "a", count: 99) + "."),
        "deeply"
      ),
      ("very many marks", archive(String(repeating: "(", count: 5000)), "deeply"),
      ("very many objects", archive(String(repeating: "N", count: 1_100_000)), "objects"),
      ("a bomb of repetitions", archive(bomb), "repeats its objects"),
      ("a key twice", archive("}(" + text("a") + "N" + text("a") + "Nu."), "a twice"),
      (
        "a huge number", archive("\u{8A}\u{9}" + String(repeating: "\u{1}", count: 9) + "."),
        "64 bits"
      ),
      ("an unknown storage", archive(tensor(key: "1") + "."), "storage 1"),
      ("a storage outside", archive(tensor(key: "../../../etc/passwd") + "."), "missing"),
      ("too many elements", archive(tensor(count: "K\u{5}") + "."), "another size"),
      ("a count below zero", archive(tensor(count: "J\u{FF}\u{FF}\u{FF}\u{FF}") + "."), "damaged"),
      ("a count that overflows", archive(tensor(count: long(1 << 62)) + "."), "another size"),
      ("a view beyond", archive(tensor(offset: "K\u{3}") + "."), "beyond its storage"),
      ("a view before", archive(tensor(offset: long(-1)) + "."), "no sense"),
      ("a stride back", archive(tensor(strides: long(-1) + "\u{85}") + "."), "no sense"),
      ("one stride too few", archive(tensor(strides: ")") + "."), "no sense"),
      ("a stride that overflows", archive(tensor(strides: long(.max) + "\u{85}") + "."), "beyond"),
      (
        "a shape that overflows",
        archive(
          tensor(shape: long(1 << 40) + long(1 << 40) + "\u{86}", strides: "K\0K\0\u{86}") + "."),
        "too large"
      ),
      (
        "one element repeated without end",
        archive(tensor(shape: long(1 << 40) + "\u{85}", strides: "K\0\u{85}") + "."), "too often"
      ),
      ("a complex storage", archive(tensor(type: "ComplexFloatStorage") + "."), "ComplexFloat"),
      ("a compressed entry", changed { $0.method = 8 }, "compressed"),
      ("an encrypted entry", changed { $0.flags = 1 }, "encrypted"),
      ("an entry beyond the archive", changed { $0.size = 1 << 20 }, "reaches beyond"),
      ("an entry elsewhere", changed { $0.offset = 3 }, "is not where"),
      ("an entry behind the end", changed { $0.offset = 1 << 30 }, "outside"),
      ("fewer entries than told", changed { $0.count = 9 }, "damaged"),
      ("a name with dots", changed { $0.entries.append(("a/../b", Data())) }, "name"),
      ("an absolute name", changed { $0.entries.append(("/a", Data())) }, "name"),
      ("a name twice", changed { $0.entries.append($0.entries[1]) }, "twice"),
      ("two pickles", changed { $0.entries.append(("b/data.pkl", pickle("N."))) }, "data.pkl"),
      ("a program", changed { $0.entries.append(("a/constants.pkl", Data())) }, "TorchScript"),
      ("big endian", changed { $0.entries.append(("a/byteorder", Data("big".utf8))) }, "little"),
      ("nothing", Data(), "starts neither"),
      ("a tar file", Data("sys_info".utf8) + Data(count: 600), "starts neither"),
      ("only a start", Data([0x50, 0x4B, 3, 4]), "directory is missing"),
    ])
  func refused(name: String, data: Data, part: String) throws {
    let error = #expect(throws: NetworkError.self, "\(name)") {
      try PyTorchFile(data: data, name: "m")
    }
    guard case .malformedCheckpoint("m", let problem) = try #require(error) else {
      Issue.record("\(name): \(String(describing: error))")
      return
    }
    #expect(problem.contains(part), "\(name): \(problem)")
    #expect(!problem.contains("\n"))
  }

  @Test("two entries that share bytes are refused")
  func overlap() {
    let inner = Self.archive(Self.tensor() + ".")
    var archive = Archive(pickle: Self.pickle("N."), storages: [inner])
    // The last entry is the one inside the entry before.
    archive.entries.append(("a/data.pkl", Self.pickle(Self.tensor() + ".")))
    archive.offset = 30 + 10 + 4 + 30 + 8
    #expect(throws: NetworkError.self) { try PyTorchFile(data: archive.data, name: "m") }
  }

  @Test("many large views of a small file are not all read")
  func repetition() throws {
    let one = Self.tensor(shape: Self.long(1 << 20) + "\u{85}", strides: "K\0\u{85}") + "q\0"
    var text = "}(" + Self.text("a") + one
    for index in 0..<200 { text += Self.text("b\(index)") + "h\0" }
    let root = try PyTorchFile(data: Self.archive(text + "u."), name: "m").root
    let error = #expect(throws: NetworkError.self) { try root.state("m") }
    #expect(error?.description.contains("too often") == true)
  }

  @Test("a list of pairs that is taken again and again does not grow the memory")
  func pairs() {
    var text = "]("
    for _ in 0..<1000 { text += "NN\u{86}" }
    text += "eq\0\u{85}q\u{1}]("
    for _ in 0..<2000 { text += "ccollections\nOrderedDict\nh\u{1}R" }
    let error = #expect(throws: NetworkError.self) {
      try PyTorchFile(data: Self.archive(text + "e."), name: "m")
    }
    #expect(error?.description.contains("objects") == true)
  }

  @Test("a pipe, a folder and an absent file are refused, not waited for")
  func irregular() throws {
    let folder = try TemporaryDirectory()
    let pipe = folder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    for path in [pipe, folder.url.path, folder.path("absent")] {
      #expect(throws: NetworkError.self) { try PyTorchFile(contentsOf: path) }
      #expect(!PyTorchFile.isLikely(path: path))
    }
  }

  // MARK: - Mutations

  private static func fixture(_ name: String) throws -> Data {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    return try Data(contentsOf: folder.appendingPathComponent("Fixtures/\(name)"))
  }

  /// Reads everything in a value; its errors are no failures.
  private static func readAll(_ value: CheckpointValue) throws(NetworkError) {
    switch value {
    case .list(let items): for item in items { try readAll(item) }
    case .dictionary(let entries): for entry in entries { try readAll(entry.value) }
    case .tensor(let tensor): _ = try tensor.named("t")
    default: break
    }
  }

  /// Changes, cuts, repeats or inserts bytes in one to four places, more often near the end, where an
  /// archive has its directory, and at the start, where the legacy form has its pickles.
  private static func mutated(_ data: Data, _ random: inout SeededGenerator) -> Data {
    var bytes = [UInt8](data)
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let place: Int
      switch Int.random(in: 0..<3, using: &random) {
      case 0: place = Int.random(in: 0..<bytes.count, using: &random)
      case 1: place = Int.random(in: 0..<min(1500, bytes.count), using: &random)
      default: place = bytes.count - 1 - Int.random(in: 0..<min(1500, bytes.count), using: &random)
      }
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
      case 3: bytes.removeSubrange(place...)
      case 4:
        let end = min(bytes.count, place + Int.random(in: 1...64, using: &random))
        bytes.insert(contentsOf: bytes[place..<end], at: place)
      default:
        let end = min(bytes.count, place + 4)
        for index in place..<end { bytes[index] = 0xFF }
      }
    }
    return Data(bytes)
  }

  @Test(
    "thousands of damaged files are read or refused, never more",
    arguments: [
      ("checkpoint-training.pth", 4000), ("checkpoint-training-legacy.pth", 4000),
      ("checkpoint-unet.pth", 300), ("checkpoint-unet-legacy.pth", 300),
    ])
  func mutations(name: String, count: Int) throws {
    let data = try Self.fixture(name)
    var random = SeededGenerator(seed: 99)
    var refused = 0
    for _ in 0..<count {
      do throws(NetworkError) {
        try Self.readAll(PyTorchFile(data: Self.mutated(data, &random), name: "m").root)
      } catch {
        guard case .malformedCheckpoint = error, !error.description.contains("\n") else {
          Issue.record("\(error)")
          return
        }
        refused += 1
      }
    }
    // Most changes hit structure; those of elements alone cannot be told.
    #expect(refused > count / 4 && refused < count)
  }

  /// Pieces of programs for the unpickler: every opcode that it takes, whole objects, and opcodes that run
  /// code in Python.
  private static let words: [String] =
    [
      "}", "]", ")", "(", "N", "\u{88}", "\u{89}", "K\u{3}", "M\u{1}\u{2}",
      "J\u{FF}\u{FF}\u{FF}\u{7F}",
      "G\u{3F}\u{F0}\0\0\0\0\0\0", "q\u{1}", "h\u{1}", "r\u{2}\0\0\0", "j\u{2}\0\0\0", "t",
      "\u{85}",
      "\u{86}", "\u{87}", "s", "u", "a", "e", "b", "R", "Q", ".", "0", "1", "2", "l", "d",
      "X\u{1}\0\0\0k",
      "ccollections\nOrderedDict\n", "ctorch\nFloatStorage\n", "ctorch\nSize\n", "ctorch\ndevice\n",
      "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch._utils\n_rebuild_parameter\n",
      "cposix\nsystem\n", "c__builtin__\neval\n", "ios\nsystem\n", "(oS'x'\n", "\u{81}",
      "\u{82}\u{1}",
      "P1\n", "\u{80}\u{2}", "\u{93}", "\u{94}", "\u{95}\u{8}\0\0\0\0\0\0\0",
    ] + [text("storage"), text("0"), text("a"), tensor(), long(-1), long(1 << 40)]

  @Test("thousands of random programs are read or refused, whatever their opcodes")
  func programs() throws {
    var random = SeededGenerator(seed: 4)
    var read = 0
    let count = 20_000
    for number in 0..<count {
      var program = ""
      // Every other one holds a dictionary with a tensor, so that deep states are reached.
      if number.isMultiple(of: 2) { program += "}(" + Self.text("w") + Self.tensor() }
      for _ in 0..<Int.random(in: 1...12, using: &random) {
        program += Self.words.randomElement(using: &random) ?? ""
      }
      if number.isMultiple(of: 4) { program += "u" }
      do throws(NetworkError) {
        try Self.readAll(PyTorchFile(data: Self.archive(program + "."), name: "m").root)
        read += 1
      } catch {
        guard case .malformedCheckpoint = error, !error.description.contains("\n") else {
          Issue.record("\(program.debugDescription): \(error)")
          return
        }
      }
    }
    #expect(read > count / 1000 && read < count / 4)
  }

  @Test(
    "every truncation is refused",
    arguments: ["checkpoint-training.pth", "checkpoint-training-legacy.pth"])
  func truncations(name: String) throws {
    let data = try Self.fixture(name)
    for length in 0..<data.count {
      #expect(throws: NetworkError.self) {
        try PyTorchFile(data: data.prefix(length), name: "m")
      }
    }
  }
}

extension Data {
  fileprivate mutating func append(little number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
  }
}
