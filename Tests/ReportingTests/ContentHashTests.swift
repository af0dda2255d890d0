import Foundation
import Reporting
import TestSupport
import Testing

@Suite("Content hashes")
struct ContentHashTests {
  @Test(
    "the hash agrees with the published examples",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func examples(text: String, expected: String) {
    #expect(ContentHash.hexadecimal(of: Array(text.utf8)) == expected)
  }

  @Test("the pieces do not matter, and a file hashes like its bytes")
  func pieces() throws {
    let bytes = [UInt8](repeating: 0x61, count: 1_000_000)
    let expected = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    var hash = ContentHash()
    for start in stride(from: 0, to: bytes.count, by: 977) {
      hash.update(bytes[start..<min(start + 977, bytes.count)])
    }
    #expect(hash.hexadecimal() == expected)
    let folder = try TemporaryDirectory()
    try Data(bytes).write(to: folder.url.appendingPathComponent("a"))
    #expect(try ContentHash.hexadecimal(ofFile: folder.path("a")) == expected)
  }

  @Test("a hash of the ends sees a change at either end and in the size")
  func ends() throws {
    let folder = try TemporaryDirectory()
    var bytes = [UInt8](repeating: 7, count: 3 << 20)
    func hash() throws -> String {
      try Data(bytes).write(to: folder.url.appendingPathComponent("a"))
      return try ContentHash.hexadecimal(ofFile: folder.path("a"), endsOnly: true)
    }
    var seen: Set<String> = [try hash()]
    bytes[0] = 8
    seen.insert(try hash())
    bytes[bytes.count - 1] = 8
    seen.insert(try hash())
    bytes.append(8)
    seen.insert(try hash())
    #expect(seen.count == 4)
  }
}
