import Foundation
import Reporting
import TestSupport
import Testing

@Suite("Durable files")
struct DurableFileTests {
  @Test("a file is replaced as a whole and leaves no partial file")
  func replaces() throws {
    let folder = try TemporaryDirectory()
    try DurableFile.write(Data("old".utf8), to: folder.path("a.json"))
    try DurableFile.write(Data("new content".utf8), to: folder.path("a.json"))
    #expect(try String(contentsOfFile: folder.path("a.json"), encoding: .utf8) == "new content")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.json"])
  }

  @Test("a name that is a folder is refused, and nothing is left behind")
  func refused() throws {
    let folder = try TemporaryDirectory()
    try DurableFile.makeFolder(folder.path("a.json/inner"))
    #expect(throws: UnwritableFile.self) {
      try DurableFile.write(Data("x".utf8), to: folder.path("a.json"))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == ["a.json"])
  }

  @Test("a full disk is told apart from other trouble")
  func fullDisk() {
    #expect(throws: UnwritableFile.self) {
      try DurableFile.write(Data("x".utf8), to: "/nowhere/at/all")
    }
    let error = #expect(throws: UnwritableFile.self) {
      try DurableFile.makeFolder("/dev/null/folder")
    }
    #expect(error?.isDiskFull == false)
  }
}
