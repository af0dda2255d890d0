import Foundation
import Networks
import TestSupport
import Testing

struct SafetensorsTests {
  private let file = SafetensorsFile(
    tensors: [
      NamedTensor("b", [2, 3], [1, -2.5, 3, .pi, 0, 1e-30]),
      NamedTensor(name: "count", shape: [], contents: .int64([-7])),
      NamedTensor("empty", [0, 4], []),
      NamedTensor("a \"quoted\"\n", [1], [4]),
    ], metadata: ["format": "pt", "card": "{\"x\": \"\\ü\t\"}"])

  @Test("what is written is read again, and the bytes are always the same")
  func roundTrip() throws {
    let data = file.data()
    #expect(try SafetensorsFile(data: data, name: "x") == file)
    #expect(file.data() == data)
    #expect((data.count - 8) % 4 == 0)
  }

  @Test("a file appears complete under its name, without leftovers")
  func writing() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path("model.safetensors")
    try file.write(to: path)
    #expect(try SafetensorsFile(contentsOf: path) == file)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 1)
    #expect(throws: NetworkError.self) { try file.write(to: folder.path("absent/model")) }
    #expect(throws: NetworkError.self) { try SafetensorsFile(contentsOf: folder.path("absent")) }
  }

  @Test("tensors can be taken by prefix")
  func prefixes() {
    let file = SafetensorsFile(
      tensors: [NamedTensor("g.x", [1], [1]), NamedTensor("d.x", [1], [2])], metadata: [:])
    #expect(file.state(prefix: "d.").tensors == [NamedTensor("x", [1], [2])])
  }

  /// A file of this header and so many bytes of elements.
  private static func bytes(_ header: String, body: Int, length: UInt64? = nil) -> Data {
    var data = Data()
    withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) {
      data.append(contentsOf: $0)
    }
    data.append(Data(header.utf8))
    data.append(Data(count: body))
    return data
  }

  private static func tensor(
    _ offsets: String, type: String = "\"F32\"", shape: String = "[2]"
  ) -> String {
    "{\"t\":{\"dtype\":\(type),\"shape\":\(shape),\"data_offsets\":\(offsets)}}"
  }

  @Test(
    "a hostile file is refused with one line",
    arguments: [
      ("no bytes", Data()),
      ("seven bytes", Data(count: 7)),
      ("header beyond the file", bytes("{}", body: 0, length: 3)),
      ("header of 2⁶⁴ − 1 bytes", bytes("{}", body: 0, length: .max)),
      ("header of 2⁶³ bytes", bytes("{}", body: 0, length: 1 << 63)),
      ("no JSON", bytes("{]", body: 0)),
      ("a list", bytes("[]", body: 0)),
      ("not UTF-8", Data([2, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFE])),
      ("a tensor that is a number", bytes("{\"t\":1}", body: 0)),
      ("no offsets", bytes("{\"t\":{\"dtype\":\"F32\",\"shape\":[]}}", body: 4)),
      ("offsets beyond the file", bytes(tensor("[0,8]"), body: 4)),
      ("bytes behind the last tensor", bytes(tensor("[0,8]"), body: 12)),
      ("a gap before the first", bytes(tensor("[4,12]"), body: 12)),
      ("offsets turned around", bytes(tensor("[8,0]"), body: 8)),
      ("negative offset", bytes(tensor("[-8,0]"), body: 8)),
      ("fractional offset", bytes(tensor("[0,8.5]"), body: 8)),
      ("three offsets", bytes(tensor("[0,8,8]"), body: 8)),
      ("offsets that are true", bytes(tensor("[false,true]", shape: "[0]"), body: 1)),
      ("too few bytes for the shape", bytes(tensor("[0,4]"), body: 4)),
      ("negative length", bytes(tensor("[0,8]", shape: "[-2]"), body: 8)),
      ("two negative lengths", bytes(tensor("[0,8]", shape: "[-2,-1]"), body: 8)),
      (
        "a shape that overflows",
        bytes(tensor("[0,8]", shape: "[4294967296,4294967296,2]"), body: 8)
      ),
      ("unknown type", bytes(tensor("[0,8]", type: "\"F99\""), body: 8)),
      ("type that is a number", bytes(tensor("[0,8]", type: "5"), body: 8)),
      ("metadata that are no texts", bytes("{\"__metadata__\":{\"a\":1}}", body: 0)),
      (
        "overlapping tensors",
        bytes(
          "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", body: 12)
      ),
    ])
  func hostile(name: String, data: Data) throws {
    let error = #expect(throws: NetworkError.self) { try SafetensorsFile(data: data, name: "m") }
    guard case .malformedFile("m", _) = try #require(error) else {
      Issue.record("\(name): \(String(describing: error))")
      return
    }
    #expect(!(error?.description.contains("\n") ?? true))
  }

  @Test("every truncation of a file is refused")
  func truncation() {
    let data = file.data()
    for length in 0..<data.count {
      #expect(throws: NetworkError.self) {
        try SafetensorsFile(data: data.prefix(length), name: "m")
      }
    }
  }
}
