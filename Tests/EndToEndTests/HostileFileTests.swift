import Foundation
import TestSupport
import Testing

@Suite(
  "hostile files", .enabled(if: SharedData.isPresent, Comment(rawValue: SharedData.absence)))
struct HostileFileTests {
  private static let names = [
    "histolab-broken.svs", "osp_unopenable.tiff", "osp_unreadable.svs", "stripped-not-a-slide.tif",
  ]

  private let tool: CommandLineTool
  private let folder: TemporaryDirectory

  init() throws {
    tool = try CommandLineTool()
    folder = try TemporaryDirectory()
  }

  @Test("inspect --check ends with 65 and one line that names the file", arguments: names)
  func inspect(name: String) throws {
    let url = SharedData.url("hostile/\(name)")
    let before = try Data(contentsOf: url)
    let outcome = try tool.run(["inspect", "--check", "--quiet", url.path])
    #expect(outcome.status == 65)
    #expect(outcome.output.isEmpty)
    #expect(outcome.diagnostics.split(separator: "\n").count == 1)
    #expect(outcome.diagnostics.hasPrefix("restain: \(url.path): "))
    #expect(try Data(contentsOf: url) == before)
  }
}
