import Foundation
import TestSupport
import Testing

/// A small file that claims a picture beyond any machine's memory.
@Suite("Headers that lie about the size")
struct LyingHeaderTests {
  private let folder: TemporaryDirectory
  private let tool: CommandLineTool

  init() throws {
    folder = try TemporaryDirectory()
    tool = try CommandLineTool()
  }

  /// Tiles of 256 pixels side by side, each the same stored white tile: one row of them 2²⁹ pixels wide.
  private func bomb() throws -> Data {
    let tileCount = (1 << 29) / 256
    let tile = Data(repeating: 255, count: 256 * 256 * 3)
    var file = Data([0x49, 0x49, 42, 0]) + little(UInt32(8 + tile.count)) + tile
    let entries: [(tag: UInt16, type: UInt16, count: Int, value: Int)] = [
      (256, 4, 1, 1 << 29), (257, 4, 1, 256), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2),
      (277, 3, 1, 3), (284, 3, 1, 1), (322, 4, 1, 256), (323, 4, 1, 256),
      (324, 4, tileCount, 0), (325, 4, tileCount, 4 * tileCount),
    ]
    let values = file.count + 2 + entries.count * 12 + 4
    file += little(UInt16(entries.count))
    for entry in entries {
      let value = entry.count == 1 ? entry.value : values + entry.value
      file += little(entry.tag) + little(entry.type) + little(UInt32(entry.count))
      file += little(UInt32(value))
    }
    file += little(UInt32(0))
    for value in [8, tile.count] {
      file += [UInt32](repeating: UInt32(value).littleEndian, count: tileCount)
        .withUnsafeBytes { Data($0) }
    }
    return file
  }

  private func little<Integer: FixedWidthInteger>(_ value: Integer) -> Data {
    withUnsafeBytes(of: value.littleEndian) { Data($0) }
  }

  @Test("whoever would read it ends with 65 and one line about memory")
  func memory() throws {
    let path = folder.path("A1_Ki67.tif")
    try bomb().write(to: URL(fileURLWithPath: path))
    let model = SharedData.demoModel
    let output = folder.path("o.tif")
    let convert = [
      "convert", path, "--model", model, "-o", output, "--slide-pixel-size", "0.5",
    ]
    for arguments in [
      ["pyramid", path, "-o", output, "-q", "--slide-pixel-size", "0.5"], convert,
      convert + ["--dry-run"],
      ["run", "--moving", path, "--model", model, "--case", "A1", "-o", folder.path("out")],
    ] {
      let outcome = try tool.run(arguments)
      #expect(outcome.status == 65, "\(arguments[0]): \(outcome.diagnostics)")
      let lines = outcome.diagnostics.split(separator: "\n")
      #expect(lines.count == 1 && lines[0].contains("of memory, more than the "), "\(lines)")
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).count == 1)
  }
}
