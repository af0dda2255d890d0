import Foundation
import Pipeline
import TestSupport
import Testing

@Suite("Manifest, table and page of a case")
struct CaseManifestTests {
  static let text = """
    {
      "case": "B12", "format": 1, "kernels": "avx2", "program": "0.1.0", "status": "needs-review",
      "inputs": [
        {"role": "fixed", "path": "/in/B12_HE.svs", "byteCount": 9, "hash": "00"},
        {"role": "moving", "path": "/in/B12_CD31.svs", "byteCount": 7, "hash": "11"},
        {"role": "moving", "path": "/in/B12_<Ki>,67.svs", "byteCount": 8, "hash": "22"}
      ],
      "settings": {"convert.overlap": "64"},
      "steps": [
        {"name": "register B12_CD31", "status": "done", "fingerprint": "f", "outputs": [],
         "figures": {"block_residual_um": 7.25, "rotation_deg": -90}, "seconds": 2.5, "peak_mib": 99,
         "facts": {"status": "ok", "chosen": "bspline"}},
        {"name": "register B12_<Ki>,67", "status": "done", "fingerprint": "f", "outputs": [],
         "figures": {}, "facts": {"status": "needs-review", "reasons": "low-margin"},
         "message": "the winner is not clear", "seconds": 1, "peak_mib": 100}
      ]
    }
    """

  func manifest(_ text: String = Self.text) throws -> CaseManifest {
    let folder = try TemporaryDirectory()
    try Data(text.utf8).write(to: folder.url.appendingPathComponent("B12.run.json"))
    return try #require(try CaseManifest.read(from: folder.path("B12.run.json")))
  }

  @Test("a manifest that is written reads back the same")
  func roundTrip() throws {
    let first = try manifest()
    let folder = try TemporaryDirectory()
    try first.write(to: folder.path("again.json"))
    #expect(try CaseManifest.read(from: folder.path("again.json")) == first)
    #expect(try CaseManifest.read(from: folder.path("absent.json")) == nil)
  }

  @Test("a file of another form is refused with its name")
  func otherForm() throws {
    let folder = try TemporaryDirectory()
    for text in ["{}", "not json", Self.text.replacing("\"format\": 1", with: "\"format\": 2")] {
      try Data(text.utf8).write(to: folder.url.appendingPathComponent("a.json"))
      #expect(throws: PipelineError.self) { try CaseManifest.read(from: folder.path("a.json")) }
    }
  }

  @Test("the table has a row a section, and fields with commas are quoted")
  func table() throws {
    let lines = CaseSummary.csv(try manifest()).split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[0].hasPrefix("case,section,fixed,status"))
    #expect(lines[1].hasPrefix("B12,B12_CD31,B12_HE,ok,,-90,"))
    #expect(lines[1].contains(",7.25,"))
    #expect(lines[2].hasPrefix("B12,\"B12_<Ki>,67\",B12_HE,needs-review,low-margin,"))
    #expect(lines[2].hasSuffix("the winner is not clear"))
  }

  @Test("a section whose name is the last word of another's gets none of its figures")
  func lastWord() throws {
    let text = Self.text.replacing("B12_CD31", with: "old B12_<Ki>,67")
    let lines = CaseSummary.csv(try manifest(text)).split(separator: "\n")
    #expect(lines[1].hasPrefix("B12,\"old B12_<Ki>,67\",B12_HE,ok,,-90,"))
    #expect(lines[2].hasPrefix("B12,\"B12_<Ki>,67\",B12_HE,needs-review,low-margin,,"))
  }

  @Test("the page escapes what comes from outside and shows the worst section first")
  func page() throws {
    let picture = ReportPage.Figure(caption: "a < b", jpeg: Data([0xFF, 0xD8, 0xFF]))
    let html = ReportPage.html(try manifest(), figures: ["B12_CD31": [picture]])
    #expect(!html.contains("<Ki>"))
    #expect(html.contains("B12_&lt;Ki&gt;,67"))
    #expect(html.contains("data:image/jpeg;base64,/9j/"))
    #expect(html.contains("a &lt; b"))
    #expect(html.contains("not for diagnosis"))
    #expect(!html.contains("<script"))
    let worst = try #require(html.range(of: "<h2>B12_&lt;Ki&gt;,67</h2>"))
    let good = try #require(html.range(of: "<h2>B12_CD31</h2>"))
    #expect(worst.lowerBound < good.lowerBound)
  }
}
